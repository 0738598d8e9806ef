"""Rows that cannot be read because the recorder's database is damaged.

They are skipped when they cannot be read twice, with a pause, and told as a gap. The position
passes them together with the next row that can be read, in one commit.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
import logging
from typing import Any

from ..errors import TableDamagedError
from ..source.readiness import async_read_recorder
from ..source.source_table import Anchor, IdRange
from .checkpoint import Gap
from .chunk import Chunk
from .ports import Piece, Reader
from .positions import Position
from .recorder_tables import RECORDER_TABLES
from .session import Session

_LOGGER = logging.getLogger(__name__)

_PAUSE = 5.0
"""Seconds until the first damage of a run is read again: what has caused it may pass."""


class DamagedRows[P: Piece]:
    """Finds which rows of a table cannot be read, for one job."""

    def __init__(self, session: Session, table: str, reader: Reader[P]) -> None:
        """Begin with nothing found."""
        self._session = session
        self._table = table
        self._reader = reader
        self._paused = False
        self._found: list[IdRange] = []

    @property
    def number(self) -> int:
        """Return how many rows at most `async_pieces` has left out."""
        return sum(ids.until - ids.after for ids in _merged(self._found))

    async def async_pieces(
        self, reader: Reader[P], after: int, until: int
    ) -> AsyncIterator[tuple[int, P]]:
        """Yield the pieces that can be read, each with the id after which it begins.

        `reader` may be another one of the same table. Raises ExportError.
        """
        hass, careful = self._session.hass, False
        while after < until:
            limit = 1 if careful else self._session.pace.rows
            try:
                piece = await async_read_recorder(hass, reader.read, after, until, limit)
            except TableDamagedError:
                # The last row before the damage can be read alone.
                if careful:
                    ids = await self._async_find(after, until)
                    if ids.after < ids.until:
                        self._found.append(ids)
                        _LOGGER.warning(
                            "The recorder's database is damaged: up to %d rows after row %d of %s"
                            " cannot be read",
                            ids.until - ids.after,
                            ids.after,
                            self._table,
                        )
                    after = ids.until
                careful = not careful
                continue
            if piece is None:
                return
            yield after, piece
            after = piece.last.id

    async def async_skip(self, chunk: Chunk) -> None:
        """Let a chunk read on after the next rows that cannot be read. Raises ExportError.

        It ends where there is no damage before its end, or none any more, or no row behind it.
        """
        ends = self._session.journal.damaged_ends
        rest = IdRange(chunk.read_after, chunk.until)
        if known := ends.has(self._table, rest):
            found = rest
        else:
            found = await self._async_find(*rest)
        chunk.ended = found.until == chunk.until
        if found.after < found.until:
            chunk.skip(found)
            if chunk.ended and not known:
                ends.add(self._table, rest)
        await self._session.async_rest()

    async def _async_find(self, after: int, until: int) -> IdRange:
        """Return the first ids that cannot be read, which are tried twice. Raises ExportError.

        The range is empty, and ends at `until`, where all can be read, be it the second time.
        """
        hass, damage = self._session.hass, self._reader.damage
        first = await async_read_recorder(hass, damage, after, until)
        if not self._paused:
            self._paused = True
            await asyncio.sleep(_PAUSE)
        second = await async_read_recorder(hass, damage, *first)
        if first.after == first.until or second.after != first.after:
            return IdRange(until, until)
        return second


def _merged(ranges: Iterable[IdRange]) -> list[IdRange]:
    """Return ranges that have the same ids, none of them twice."""
    merged: list[IdRange] = []
    for ids in sorted(ranges):
        if merged and ids.after <= merged[-1].until:
            merged[-1] = IdRange(merged[-1].after, max(merged[-1].until, ids.until))
        else:
            merged.append(ids)
    return merged


def lost_before(piece: Piece, chunk: Chunk, before: Anchor | None, reader: Reader[Any]) -> Gap:
    """Return the gap of rows that a chunk has skipped before a piece.

    `before` is the last row that was exported before the chunk.
    """
    source = RECORDER_TABLES[chunk.table.name].source
    first = reader.partition_time(piece.rows[0]) if piece.rows else None
    behind = first or source.time_of(piece.last) or 0.0
    gap = _between(_time_before(chunk, before) or behind, behind, chunk)
    _LOGGER.error(
        "The recorder's database is damaged: up to %d rows of %s after row %d cannot be read",
        gap.rows,
        gap.table,
        chunk.cursor,
    )
    return gap


def lost_at_end(chunk: Chunk, before: Anchor | None, new: Position) -> Gap | None:
    """Return the gap of rows at the end of a backfill that cannot be read, if there are any.

    `before` is the last row that was exported before the chunk. The first anchor of `new` is the
    last row of the backfill.
    """
    if not chunk.unreadable:
        return None
    source = RECORDER_TABLES[chunk.table.name].source
    since = _time_before(chunk, before)
    until = source.time_of(new.anchors[0]) if new.anchors else None
    return _between(since or until or 0.0, until or since or 0.0, chunk)


def _time_before(chunk: Chunk, before: Anchor | None) -> float | None:
    """Return the time of the last row before those that a chunk cannot read, if it has one."""
    passed = chunk.passed[-1] if chunk.passed else before
    return RECORDER_TABLES[chunk.table.name].source.time_of(passed) if passed else None


def _between(before: float, behind: float, chunk: Chunk) -> Gap:
    """Return the gap of what a chunk cannot read between two rows, by their times.

    The second time may be the earlier one: after a clock that was wrong, by as much as it was.
    """
    return Gap(chunk.table.name, chunk.unreadable, min(before, behind), max(before, behind))
