"""Rows that cannot be read because the recorder's database is damaged.

They are skipped when they cannot be read twice, with a pause, and told as a gap. The position
passes them together with the next row that can be read, in one commit.
"""

import asyncio
import logging
from typing import Any

from ..source.readiness import async_read_recorder
from ..source.source_table import Anchor
from .checkpoint import Gap
from .chunk import Chunk
from .ports import Piece, Reader
from .recorder_tables import RECORDER_TABLES
from .session import Session

_LOGGER = logging.getLogger(__name__)

_PAUSE = 5.0
"""Seconds until the first damage of a run is read again: what has caused it may pass."""


class DamagedRows[P: Piece]:
    """Finds which rows of a table cannot be read, for one run."""

    def __init__(self, session: Session, reader: Reader[P]) -> None:
        """Begin with nothing found."""
        self._session = session
        self._reader = reader
        self._paused = False

    async def async_skip(self, chunk: Chunk) -> None:
        """Let a chunk read on after the next rows that cannot be read. Raises ExportError.

        It ends where there is no damage before its end, or none any more.
        """
        hass, damage = self._session.hass, self._reader.damage
        first = await async_read_recorder(hass, damage, chunk.read_after, chunk.until)
        if not self._paused:
            self._paused = True
            await asyncio.sleep(_PAUSE)
        second = await async_read_recorder(hass, damage, *first)
        if first.after == first.until or second.after != first.after:
            chunk.ended = True
        else:
            chunk.skip(second)
        await self._session.async_rest()


def lost_before(piece: Piece, chunk: Chunk, before: Anchor | None, reader: Reader[Any]) -> Gap:
    """Return the gap of rows that a chunk has skipped before a piece.

    `before` is the last row that was exported before the chunk.
    """
    source = RECORDER_TABLES[chunk.table.name].source
    passed = chunk.passed[-1] if chunk.passed else before
    first = reader.partition_time(piece.rows[0]) if piece.rows else None
    until = first or source.time_of(piece.last) or 0.0
    since = (source.time_of(passed) if passed else None) or until
    gap = Gap(chunk.table.name, chunk.unreadable, min(since, until), until)
    _LOGGER.error(
        "The recorder's database is damaged: up to %d rows of %s after row %d cannot be read",
        gap.rows,
        gap.table,
        chunk.cursor,
    )
    return gap
