"""A run: one export, from the checkpoint to the newest row there was when it began.

    read pieces -> encode -> append batches -> finish -> save intent -> commit -> save checkpoint

The intent says which transaction may have been committed when the process ends before the
checkpoint is saved. The next run settles it before it sends anything else.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import async_migration_in_progress, get_instance
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now
from sqlalchemy.exc import SQLAlchemyError

from ..source.states import PIECE_ROWS, StatesReader
from .checkpoint import Checkpoint, CheckpointFile, Intent, Position
from .delivery import Delivery, Transaction
from .errors import RecorderBusyError, RecorderUnreadableError, StoppedError
from .rejected_rows import RejectedRows
from .sensor_data import SENSOR_DATA, run_values
from .state_encoder import EncodedRows, Place, RefusedRow, StateEncoder

CHUNK_ROWS = 50_000
"""Rows in a transaction: what a crash makes us send again at most."""
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
        rejected_rows: RejectedRows,
        source: str,
        place: Place,
        batch_rows: int,
        on_progress: Callable[[Checkpoint], None],
    ) -> None:
        """Prepare a run that goes on from a checkpoint, and reports each one that it reaches."""
        self._hass = hass
        self._file = file
        self._checkpoint = checkpoint
        self._delivery = delivery
        self._rejected_rows = rejected_rows
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
        await self._settle()
        until = await self._read(self._reader.newest_id)
        self.result.rows[SENSOR_DATA.name] = 0
        while self._position.cursor < until:
            await self._export_chunk(until)
        await self._save(replace(self._checkpoint, last_export=dt_util.utcnow().timestamp()))
        self.result.seconds = monotonic() - began
        return self.result

    @property
    def _position(self) -> Position:
        return self._checkpoint.position(SENSOR_DATA.name)

    async def _settle(self) -> None:
        """Find out what became of a transaction whose commit nobody saw."""
        if intent := self._checkpoint.intent:
            committed = await self._block(self._delivery.settle, intent.transaction)
            position = intent.position if committed else self._checkpoint.position(intent.table)
            await self._save(self._checkpoint.advanced(intent.table, position))

    async def _export_chunk(self, until: int) -> None:
        """Send rows in one transaction, and commit it."""
        chunk = _Chunk(self._position.cursor)
        try:
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
        await self._commit(chunk)
        self.result.rows[SENSOR_DATA.name] += chunk.rows
        self.result.rejected += len(chunk.refused)
        self.result.bytes += chunk.bytes

    async def _fill(self, chunk: _Chunk, until: int) -> None:
        """Append batches until the chunk is full or there is nothing left."""
        while chunk.rows < CHUNK_ROWS and chunk.cursor < until:
            batch = await self._read_batch(chunk, until)
            if not batch.data:
                continue
            if chunk.transaction is None:
                chunk.transaction = await self._block(self._delivery.begin)
            rejected = await self._block(chunk.transaction.append, batch.data)
            chunk.add(batch)
            for row in rejected:
                values = self._delivery.encoding.decode(batch.data[row.index])
                chunk.reject(RefusedRow(batch.ids[row.index], values, row.reason))

    async def _read_batch(self, chunk: _Chunk, until: int) -> EncodedRows:
        batch = EncodedRows()
        while (missing := self._batch_rows - len(batch.data)) > 0 and chunk.cursor < until:
            if self._stopped:
                raise StoppedError
            piece = await self._read(
                self._reader.read, chunk.cursor, until, min(missing, PIECE_ROWS)
            )
            if piece is None:
                chunk.cursor = until
                break
            batch.extend(await self._block(self._encoder.encode, piece))
            chunk.cursor = piece.last_id
            await asyncio.sleep(_PAUSE)
        chunk.refused += batch.refused
        return batch

    async def _commit(self, chunk: _Chunk) -> None:
        before = self._position
        after = Position(
            cursor=chunk.cursor,
            rows=before.rows + chunk.rows,
            rejected=before.rejected + len(chunk.refused),
        )
        if transaction := chunk.transaction:
            intent = Intent(SENSOR_DATA.name, transaction.name, after)
            await self._save(replace(self._checkpoint, intent=intent))
            await self._block(transaction.commit)
        await self._save(self._checkpoint.advanced(SENSOR_DATA.name, after))

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


@dataclass(slots=True)
class _Chunk:
    """Rows of one transaction: what was sent of them, and how far they reach."""

    cursor: int
    transaction: Transaction | None = None
    rows: int = 0
    bytes: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    def add(self, batch: EncodedRows) -> None:
        self.rows += len(batch.data)
        self.bytes += sum(map(len, batch.data))

    def reject(self, row: RefusedRow) -> None:
        self.rows -= 1
        self.refused.append(row)
