"""A run: one export, from the checkpoint to the newest row there was when it began.

    settle -> resume -> chunk, chunk ...
    chunk: read pieces -> encode -> append -> finish -> save intent -> commit -> save position

The intent says which transaction may have been committed when the process ends before the
position is saved. The next run settles it before it sends anything else. Then it makes sure that
the recorder's history is still the one that the position belongs to.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
import logging
from time import monotonic

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import async_migration_in_progress, get_instance
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now
from sqlalchemy.exc import SQLAlchemyError

from ..source.states import PIECE_ROWS, Anchor, StatesReader
from .checkpoint import Checkpoint, CheckpointFile, Intent, Position
from .chunk import Chunk
from .delivery import Delivery, Outcome, Transaction
from .errors import RecorderBusyError, RecorderUnreadableError, StoppedError
from .export_log import log_values
from .lookup import Lookup, without_known
from .rejected_rows import RejectedRows
from .resume import resumed
from .sensor_data import SENSOR_DATA, run_values
from .state_encoder import EncodedRows, Place, RefusedRow, StateEncoder

_LOGGER = logging.getLogger(__name__)

CHUNK_ROWS = 50_000
"""Rows in a transaction: what a crash makes us send again at most."""
DOUBTFUL_ROWS = 10_000
"""Rows that are kept in memory until those are found that BigQuery has already."""
_PAUSE = 0.01
"""Seconds between two pieces, so that others in the house get their turn."""


@dataclass(slots=True)
class Result:
    """What a run has done."""

    export_id: str = field(default_factory=ulid_now)
    started: datetime = field(default_factory=dt_util.utcnow)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows committed, by table."""
    rejected: int = 0
    bytes: int = 0
    """Bytes of rows sent, before protocols and compression."""
    seconds: float = 0


class Run:
    """One export. It can be used once."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        file: CheckpointFile,
        checkpoint: Checkpoint,
        delivery: Delivery,
        log_delivery: Delivery,
        lookup: Lookup,
        rejected_rows: RejectedRows,
        source: str,
        trigger: str,
        version: str,
        place: Place,
        batch_rows: int,
        on_progress: Callable[[Checkpoint], None],
    ) -> None:
        """Prepare a run that goes on from a checkpoint, and reports each one that it reaches."""
        self._hass = hass
        self._file = file
        self._checkpoint = checkpoint
        self._delivery = delivery
        self._log_delivery = log_delivery
        self._lookup = lookup
        self._rejected_rows = rejected_rows
        self._source = source
        self._trigger = trigger
        self._version = version
        self._batch_rows = batch_rows
        self._on_progress = on_progress
        self._stopped = False
        self.result = Result()
        self._reader = StatesReader(hass)
        self._encoder = StateEncoder(
            delivery.encoding,
            run_values(source=source, export_id=self.result.export_id, started=self.result.started),
            place,
        )

    def stop(self) -> None:
        """Make the run end soon: what is not committed then will be sent by the next one."""
        self._stopped = True

    async def async_export(self) -> Result:
        """Export all rows that there are now. Raises ExportError."""
        began = monotonic()
        if async_migration_in_progress(self._hass):
            raise RecorderBusyError
        self.result.rows[SENSOR_DATA.name] = 0
        await self._settle()
        until = await self._read(self._reader.newest_id)
        await self._resume(until)
        while self._position.cursor < until and await self._export_chunk(until):
            pass
        await self._save(replace(self._checkpoint, last_export=dt_util.utcnow().timestamp()))
        self.result.seconds = monotonic() - began
        return self.result

    @property
    def _position(self) -> Position:
        return self._checkpoint.position(SENSOR_DATA.name)

    async def _settle(self) -> None:
        """Find out what became of a transaction whose commit nobody saw."""
        if (intent := self._checkpoint.intent) is None:
            return
        position = self._checkpoint.position(intent.table)
        match await self._block(self._delivery.settle, intent.transaction):
            case Outcome.COMMITTED:
                position = intent.position
                await self._block(self._log_delivery.settle, intent.log_transaction)
            case Outcome.FORGOTTEN:
                position = replace(
                    position, doubtful_until=max(position.doubtful_until, intent.position.cursor)
                )
        await self._save(self._checkpoint.advanced(intent.table, position))

    async def _resume(self, newest: int) -> None:
        """Make sure that the position belongs to the history that the recorder has now."""
        before = self._checkpoint.positions.get(SENSOR_DATA.name)
        after = resumed(
            before,
            found=await self._read(
                self._reader.fingerprints, [anchor.id for anchor in self._position.anchors]
            ),
            oldest=await self._read(self._reader.oldest_id),
            newest=newest,
        )
        if after == before:
            return
        if before is not None:
            _LOGGER.warning(
                "The recorder's database is not as it was at the last export; it goes on from"
                " state %s instead of %s, and sends nothing twice",
                after.cursor,
                before.cursor,
            )
        await self._save(self._checkpoint.advanced(SENSOR_DATA.name, after))

    async def _export_chunk(self, until: int) -> bool:
        """Send rows in one transaction, and commit it; return whether there were any."""
        chunk = Chunk(self._position.cursor)
        try:
            if self._position.doubtful_until > chunk.cursor:
                await self._fill_with_unknown(chunk, until)
            else:
                await self._fill(chunk, until)
            if chunk.refused:
                await self._block(
                    self._rejected_rows.append,
                    self.result.export_id,
                    SENSOR_DATA.name,
                    chunk.refused,
                )
            if chunk.transaction:
                await self._block(chunk.transaction.finish)
        except BaseException:
            if chunk.transaction:
                chunk.transaction.abandon()
            raise
        if chunk.last is None:
            return False
        await self._commit(chunk, chunk.last)
        self.result.rows[SENSOR_DATA.name] += chunk.rows
        self.result.rejected += len(chunk.refused)
        self.result.bytes += chunk.bytes
        return True

    async def _fill(self, chunk: Chunk, until: int) -> None:
        """Send batches as they are read."""
        while chunk.rows < CHUNK_ROWS and not chunk.ended:
            await self._send(chunk, await self._read_batch(chunk, until))

    async def _fill_with_unknown(self, chunk: Chunk, until: int) -> None:
        """Read all batches first, and send what is not in BigQuery yet."""
        rows = EncodedRows()
        while len(rows.data) < DOUBTFUL_ROWS and not chunk.ended:
            rows.extend(await self._read_batch(chunk, until))
        if rows.data:
            rows = await self._block(without_known, rows, self._lookup)
        for batch in rows.batches(self._batch_rows):
            await self._send(chunk, batch)

    async def _read_batch(self, chunk: Chunk, until: int) -> EncodedRows:
        batch = EncodedRows()
        while (missing := self._batch_rows - len(batch.data)) > 0:
            if self._stopped:
                raise StoppedError
            piece = await self._read(
                self._reader.read, chunk.cursor, until, min(missing, PIECE_ROWS)
            )
            if piece is None:
                chunk.ended = True
                break
            batch.extend(await self._block(self._encoder.encode, piece))
            chunk.last = piece.last
            await asyncio.sleep(_PAUSE)
        chunk.refused += batch.refused
        return batch

    async def _send(self, chunk: Chunk, batch: EncodedRows) -> None:
        if not batch.data:
            return
        if chunk.transaction is None:
            chunk.transaction = await self._block(self._delivery.begin)
        rejected = await self._block(chunk.transaction.append, batch.data)
        chunk.add(batch, rejected=len(rejected))
        chunk.refused += [
            RefusedRow(
                batch.ids[row.index],
                self._delivery.encoding.decode(batch.data[row.index]),
                row.reason,
            )
            for row in rejected
        ]

    async def _commit(self, chunk: Chunk, last: Anchor) -> None:
        after = self._position.moved(last, rows=chunk.rows, rejected=len(chunk.refused))
        if transaction := chunk.transaction:
            log = await self._block(self._write_log, chunk, last)
            intent = Intent(SENSOR_DATA.name, transaction.name, log.name, after)
            await self._save(replace(self._checkpoint, intent=intent))
            await self._block(transaction.commit)
            await self._block(log.commit)
        await self._save(self._checkpoint.advanced(SENSOR_DATA.name, after))

    def _write_log(self, chunk: Chunk, last: Anchor) -> Transaction:
        """Return a finished transaction with the row of the export log for a chunk."""
        values = log_values(chunk, last.id) | {
            "export_id": self.result.export_id,
            "source": self._source,
            "table_name": SENSOR_DATA.name,
            "trigger": self._trigger,
            "integration_version": self._version,
        }
        encoding = self._log_delivery.encoding
        log = self._log_delivery.begin()
        try:
            log.append([encoding.row(encoding.fragment(values))])
            log.finish()
        except BaseException:
            log.abandon()
            raise
        return log

    async def _save(self, checkpoint: Checkpoint) -> None:
        await self._block(self._file.save, checkpoint)
        self._checkpoint = checkpoint
        self._on_progress(checkpoint)

    async def _read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Read from the recorder's database, on the recorder's own executor."""
        try:
            return await get_instance(self._hass).async_add_executor_job(read, *args)
        except SQLAlchemyError as err:
            raise RecorderUnreadableError(message=str(err)) from err
        except RuntimeError as err:  # The recorder has shut down.
            raise RecorderBusyError from err

    async def _block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks."""
        return await self._hass.async_add_executor_job(call, *args)
