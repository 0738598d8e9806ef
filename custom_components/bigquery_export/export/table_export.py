"""The export of one table in one run.

resume -> chunk, chunk ...
chunk: read pieces -> encode -> append -> commit (journal.py)
"""

import asyncio
from collections.abc import Callable
import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from sqlalchemy.exc import SQLAlchemyError

from ..rows.encoded_rows import EncodedRows
from ..source.reader import PIECE_ROWS
from .checkpoint import Position
from .chunk import Chunk
from .errors import RecorderBusyError, RecorderUnreadableError, StoppedError
from .lookup import without_known
from .resume import resumed
from .retention import Loss, Retention, find_loss, is_purged, oldest_waiting
from .session import Session
from .source import Piece, Source

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
        self._watch = source.watch
        self._encoding = session.delivery.encoding(source.table)
        self._until = 0
        self.loss: Loss | None = None
        """Rows that the recorder has deleted before they were exported."""
        session.result.rows[source.table.name] = 0

    @property
    def _position(self) -> Position:
        return self._journal.checkpoint.position(self._table.name)

    async def resume(self) -> None:
        """Make sure that the position belongs to the history that the recorder has now."""
        await self._read(self._watch.open)
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
        if before is not None and after.cursor > before.cursor:
            await self._look_for_loss(before, after)
        if before is not None and after.cursor < before.cursor:
            _LOGGER.warning(
                "The recorder's database is not as it was at the last export; %s goes on from"
                " row %s instead of %s, and nothing is sent twice",
                self._table.name,
                after.cursor,
                before.cursor,
            )
        await self._journal.save(self._journal.checkpoint.advanced(self._table.name, after))

    async def _look_for_loss(self, before: Position, after: Position) -> None:
        """Find out whether rows are gone that were not exported."""
        if not is_purged(self._table.name):
            return
        hass = self._session.hass
        self.loss = find_loss(
            self._table.name,
            before,
            after,
            oldest=await self._read(oldest_waiting, hass, self._table.name, after.cursor),
            last_export=self._journal.checkpoint.last_export,
            retention=Retention.of(hass),
        )
        if self.loss:
            _LOGGER.log(
                # There may be more of them day by day, until an export succeeds.
                logging.ERROR if before.anchors else logging.WARNING,
                "The recorder has deleted up to about %d rows of %s that were not exported,"
                " from %s to %s",
                self.loss.rows,
                self._table.name,
                dt_util.utc_from_timestamp(self.loss.since),
                dt_util.utc_from_timestamp(self.loss.until),
            )

    async def export_chunk(self) -> bool:
        """Send rows in one transaction, and commit it; return whether there may be more."""
        before = self._position
        if before.cursor >= self._until:
            return False
        chunk = Chunk(self._table, before.cursor)
        self._watch.begin(before)
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
            await self._session.block(self._watch.keep)
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
            read = set(rows.ids)
            repeats = await self._read(self._reader.repeats, chunk.start, chunk.cursor)
            rows = await self._session.block(
                without_known, rows, self._table, self._session.lookup, repeats
            )
            self._watch.leave_out(read.difference(rows.ids))
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
            rows = await self._session.block(self._encode, piece)
            batch.extend(rows)
            chunk.look_at(rows.keys)
            chunk.last = piece.last
            await asyncio.sleep(_PAUSE)
        chunk.refused += batch.refused
        return batch

    def _encode(self, piece: Piece) -> EncodedRows:
        self._watch.look_at(piece)
        return self._encoder.encode(piece)

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
        return await read_recorder(self._session.hass, read, *args)


async def read_recorder[*Ts, T](hass: HomeAssistant, read: Callable[[*Ts], T], *args: *Ts) -> T:
    """Read from the recorder's database, on the recorder's own executor. Raises ExportError."""
    try:
        return await get_instance(hass).async_add_executor_job(read, *args)
    except SQLAlchemyError as err:
        raise RecorderUnreadableError(message=str(err)) from err
    except RuntimeError as err:  # The recorder has shut down.
        raise RecorderBusyError from err
