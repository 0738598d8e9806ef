"""The export of one table in one run.

resume -> chunk, chunk ...
chunk: read pieces -> encode -> append -> commit (journal.py)
"""

import asyncio
from collections.abc import Callable
import logging
from typing import Any

from homeassistant.helpers.recorder import get_instance
from sqlalchemy.exc import SQLAlchemyError

from ..rows.encoded_rows import EncodedRows
from ..source.reader import PIECE_ROWS
from .checkpoint import Position
from .chunk import Chunk
from .errors import RecorderBusyError, RecorderUnreadableError, StoppedError
from .lookup import without_known
from .resume import resumed
from .session import Session
from .source import Source

_LOGGER = logging.getLogger(__name__)

DOUBTFUL_ROWS = 10_000
"""Rows that are kept in memory until those are found that BigQuery has already."""
_PAUSE = 0.01
"""Seconds between two pieces, so that others in the house get their turn."""


class TableExport:
    """Exports one table, up to the newest row that it has when it begins."""

    def __init__(self, session: Session, source: Source[Any]) -> None:
        """Prepare the export; nothing is read yet."""
        self._session = session
        self._journal = session.journal
        self._table = source.table
        self._reader = source.reader
        self._encoder = source.encoder
        self._encoding = session.delivery.encoding(source.table)
        self._until = 0
        session.result.rows[source.table.name] = 0

    @property
    def _position(self) -> Position:
        return self._journal.checkpoint.position(self._table.name)

    async def resume(self) -> None:
        """Make sure that the position belongs to the history that the recorder has now."""
        self._until = await self._read(self._reader.newest_id)
        before = self._journal.checkpoint.positions.get(self._table.name)
        after = resumed(
            before,
            found=await self._read(
                self._reader.fingerprints, [anchor.id for anchor in self._position.anchors]
            ),
            oldest=await self._read(self._reader.oldest_id),
            newest=self._until,
        )
        if after == before:
            return
        if before is not None and after.cursor != before.cursor:
            _LOGGER.warning(
                "The recorder's database is not as it was at the last export; %s goes on from"
                " row %s instead of %s, and nothing is sent twice",
                self._table.name,
                after.cursor,
                before.cursor,
            )
        await self._journal.save(self._journal.checkpoint.advanced(self._table.name, after))

    async def export_chunk(self) -> bool:
        """Send rows in one transaction, and commit it; return whether there may be more."""
        before = self._position
        if before.cursor >= self._until:
            return False
        chunk = Chunk(self._table, before.cursor)
        try:
            if before.doubtful_until > chunk.cursor:
                await self._fill_with_unknown(chunk)
            else:
                await self._fill(chunk)
            if (last := chunk.last) is None:
                return False
            await self._journal.keep_refused(self._table, chunk.refused)
            if chunk.transaction:
                await self._session.block(chunk.transaction.finish)
            await self._journal.commit(
                chunk,
                lambda: before.moved(last, rows=chunk.rows, rejected=len(chunk.refused)),
            )
        finally:
            if chunk.transaction:
                chunk.transaction.close()
        self._session.result.add(chunk)
        return True

    async def _fill(self, chunk: Chunk) -> None:
        """Send batches as they are read."""
        while not chunk.full:
            await self._send(chunk, await self._read_batch(chunk))

    async def _fill_with_unknown(self, chunk: Chunk) -> None:
        """Read all batches first, and send what is not in BigQuery yet."""
        rows = EncodedRows()
        while len(rows.data) < DOUBTFUL_ROWS and not chunk.full:
            rows.extend(await self._read_batch(chunk))
        if rows.data:
            repeats = await self._read(self._reader.repeats, chunk.start, chunk.cursor)
            rows = await self._session.block(
                without_known, rows, self._table, self._session.lookup, repeats
            )
        for batch in rows.batches(self._session.batch_rows):
            await self._send(chunk, batch)

    async def _read_batch(self, chunk: Chunk) -> EncodedRows:
        batch = EncodedRows()
        while (missing := self._session.batch_rows - len(batch.data)) > 0 and not chunk.full:
            if self._session.stopped:
                raise StoppedError
            piece = await self._read(
                self._reader.read, chunk.cursor, self._until, min(missing, PIECE_ROWS)
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
            label = f"{self._table.name}_{self._session.result.export_id}_{chunk.start}"
            begin = self._session.delivery.begin
            chunk.transaction = await self._session.block(begin, self._table, label)
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
