"""A run: one export, from the checkpoint to the newest row there was when it began.

    settle -> resume -> chunk, chunk ...
    chunk: read pieces -> encode -> append -> commit (journal.py)

Before it sends anything, a run settles what the one before it may have left in doubt. Then it
makes sure that the recorder's history is still the one that the position belongs to.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import logging
from time import monotonic

from homeassistant.helpers.recorder import async_migration_in_progress, get_instance
from homeassistant.util import dt as dt_util
from sqlalchemy.exc import SQLAlchemyError

from ..source.states import PIECE_ROWS, StatesReader
from .checkpoint import Position
from .chunk import Chunk
from .encoded_rows import EncodedRows
from .errors import RecorderBusyError, RecorderUnreadableError, StoppedError
from .lookup import without_known
from .resume import resumed
from .sensor_data import SENSOR_DATA
from .session import Result, Session
from .state_encoder import Place, StateEncoder

_LOGGER = logging.getLogger(__name__)

DOUBTFUL_ROWS = 10_000
"""Rows that are kept in memory until those are found that BigQuery has already."""
_PAUSE = 0.01
"""Seconds between two pieces, so that others in the house get their turn."""


class Run:
    """One export of all that there is. It can be used once."""

    def __init__(self, session: Session, place: Place) -> None:
        """Prepare a run that goes on from the checkpoint of the session."""
        self._session = session
        self._journal = session.journal
        self.result = session.result
        self._stopped = False
        self._encoding = session.delivery.encoding(SENSOR_DATA)
        self._reader = StatesReader(session.hass)
        self._encoder = StateEncoder(self._encoding, session.run_values, place)

    def stop(self) -> None:
        """Make the run end soon: what is not committed then will be sent by the next one."""
        self._stopped = True

    async def async_export(self) -> Result:
        """Export all rows that there are now. Raises ExportError."""
        began = monotonic()
        if async_migration_in_progress(self._session.hass):
            raise RecorderBusyError
        self.result.rows[SENSOR_DATA.name] = 0
        await self._journal.settle()
        until = await self._read(self._reader.newest_id)
        await self._resume(until)
        while self._position.cursor < until and await self._export_chunk(until):
            pass
        now = dt_util.utcnow().timestamp()
        await self._journal.save(replace(self._journal.checkpoint, last_export=now))
        self.result.seconds = monotonic() - began
        return self.result

    @property
    def _position(self) -> Position:
        return self._journal.checkpoint.position(SENSOR_DATA.name)

    async def _resume(self, newest: int) -> None:
        """Make sure that the position belongs to the history that the recorder has now."""
        before = self._journal.checkpoint.positions.get(SENSOR_DATA.name)
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
        if before is not None and before.anchors:
            _LOGGER.warning(
                "The recorder's database is not as it was at the last export; it goes on from"
                " state %s instead of %s, and sends nothing twice",
                after.cursor,
                before.cursor,
            )
        await self._journal.save(self._journal.checkpoint.advanced(SENSOR_DATA.name, after))

    async def _export_chunk(self, until: int) -> bool:
        """Send rows in one transaction, and commit it; return whether there were any."""
        chunk = Chunk(SENSOR_DATA, self._position.cursor)
        try:
            if self._position.doubtful_until > chunk.cursor:
                await self._fill_with_unknown(chunk, until)
            else:
                await self._fill(chunk, until)
            if (last := chunk.last) is None:
                return False
            await self._journal.keep_refused(SENSOR_DATA, chunk.refused)
            if chunk.transaction:
                await self._session.block(chunk.transaction.finish)
            before = self._position
            await self._journal.commit(
                chunk,
                lambda: before.moved(last, rows=chunk.rows, rejected=len(chunk.refused)),
            )
        finally:
            if chunk.transaction:
                chunk.transaction.close()
        self.result.rows[SENSOR_DATA.name] += chunk.rows
        self.result.rejected += len(chunk.refused)
        self.result.bytes += chunk.bytes
        return True

    async def _fill(self, chunk: Chunk, until: int) -> None:
        """Send batches as they are read."""
        while not chunk.full:
            await self._send(chunk, await self._read_batch(chunk, until))

    async def _fill_with_unknown(self, chunk: Chunk, until: int) -> None:
        """Read all batches first, and send what is not in BigQuery yet."""
        rows = EncodedRows()
        while len(rows.data) < DOUBTFUL_ROWS and not chunk.full:
            rows.extend(await self._read_batch(chunk, until))
        if rows.data:
            rows = await self._session.block(without_known, rows, SENSOR_DATA, self._session.lookup)
        for batch in rows.batches(self._session.batch_rows):
            await self._send(chunk, batch)

    async def _read_batch(self, chunk: Chunk, until: int) -> EncodedRows:
        batch = EncodedRows()
        while (missing := self._session.batch_rows - len(batch.data)) > 0 and not chunk.full:
            if self._stopped:
                raise StoppedError
            piece = await self._read(
                self._reader.read, chunk.cursor, until, min(missing, PIECE_ROWS)
            )
            if piece is None:
                chunk.ended = True
                break
            rows = await self._session.block(self._encoder.encode, piece)
            batch.extend(rows)
            chunk.look_at(rows.keys)
            chunk.last = piece.last
            await asyncio.sleep(_PAUSE)
        chunk.refused += batch.refused
        return batch

    async def _send(self, chunk: Chunk, batch: EncodedRows) -> None:
        if not batch.data:
            return
        if chunk.transaction is None:
            label = f"{SENSOR_DATA.name}_{self.result.export_id}_{chunk.start}"
            begin = self._session.delivery.begin
            chunk.transaction = await self._session.block(begin, SENSOR_DATA, label)
        rejected = await self._session.block(chunk.transaction.append, batch.data)
        chunk.add(batch)
        chunk.reject(rejected, self._encoding)

    async def _read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Read from the recorder's database, on the recorder's own executor."""
        try:
            return await get_instance(self._session.hass).async_add_executor_job(read, *args)
        except SQLAlchemyError as err:
            raise RecorderUnreadableError(message=str(err)) from err
        except RuntimeError as err:  # The recorder has shut down.
            raise RecorderBusyError from err
