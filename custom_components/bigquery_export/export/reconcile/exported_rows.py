"""The rows of a table that were exported and that the recorder still has, by partition.

    spans (reads the times of all rows once) -> read (the rows of one partition)

The checkpoint says what was exported: rows up to a cursor, and, in a table with a backfill, also
newer ones. Rows that wait, or are being sent, are not among them.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import thread_time
from typing import Any, cast

from ...errors import TableDamagedError
from ...rows.encoded_rows import EncodedRows
from ...rows.local_time import DAY, microseconds_or_none
from ...rows.table import Table
from ...source.readiness import async_read_recorder
from ...source.source_table import ExportedIds
from ..damaged_rows import DamagedRows
from ..ports import Piece, Source
from ..positions import TablePosition
from ..recent_commits import RecentCommit
from ..session import Session
from .row_selection import RowSelection

WINDOW = 5_000
"""Ids that one read of times covers at most."""
_SLACK = 1e-3
"""Seconds by which more is read than a partition: the database does not round as BigQuery does."""

type Times = list[tuple[float | None, float | None]]
"""Two times of each row: of its partition, and of the row itself."""
type OpenSource = Callable[[], Source[Any]]
"""Opens a source; this blocks."""


@dataclass(slots=True)
class Span:
    """Where the rows of one partition are."""

    days: set[int] = field(default_factory=set)
    """The days that have rows, since 1970."""
    windows: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of ids that have such rows: (after, until), with `after` < id <= `until`."""


class ExportedRows:
    """The rows of one table that were exported, as they would be sent now."""

    def __init__(
        self,
        session: Session,
        table: Table,
        open_source: OpenSource,
        table_position: TablePosition,
        *,
        selection: RowSelection | None = None,
        days: range | None = None,
    ) -> None:
        """Prepare to read selected rows in the partitions of these days, since 1970.

        `table_position` says what was exported.
        """
        self._session = session
        self._table = table
        self._open = open_source
        self._selection = selection or RowSelection()
        self._days = days
        self.table_position = table_position
        self.left_out = 0
        """Rows that were read and would not be sent, because of what the user has chosen."""
        self.unreadable = 0
        """Rows that were read and cannot be sent."""
        self.unlisted: Sequence[RecentCommit] = ()
        """Commits that BigQuery may not list yet: their rows are left out."""
        self.not_listed_yet = 0
        """Rows that were left out for this reason."""
        self.damaged = 0
        """Rows at most that cannot be read, because the recorder's database is damaged."""
        self._damaged: DamagedRows[Any] | None = None

    def has(self, id_: int) -> bool:
        """Return whether the row with an id was exported, and is listed by BigQuery."""
        return any(ids.has(id_) for ids in self.table_position.exported) and not self._unlisted(id_)

    def _unlisted(self, id_: int) -> bool:
        return any(commit.has(id_) for commit in self.unlisted)

    async def async_spans(self) -> dict[int, Span]:
        """Return where the rows of each partition are, by its first day, in the order of time."""
        source = await self._session.async_block(self._open)
        hass = self._session.hass
        oldest = await async_read_recorder(hass, source.reader.oldest_id) or 0
        spans: dict[int, Span] = defaultdict(Span)
        for first, last in _ranges(self.table_position):
            after = max(first, oldest - 1)
            while after < last:
                until = min(after + WINDOW, last)
                async for window, times in self._times(source, after, until):
                    for day in await self._session.async_block(self._days_of, times):
                        span = spans[self._table.partition_start(day)]
                        span.days.add(day)
                        if span.windows[-1:] != [window]:
                            span.windows.append(window)
                    await self._session.async_rest()
                after = until
        return dict(sorted(spans.items()))

    async def _times(
        self, source: Source[Any], after: int, until: int
    ) -> AsyncIterator[tuple[tuple[int, int], Times]]:
        """Yield the times of rows with the range of their ids; damaged rows are in none."""
        reader, hass = source.reader, self._session.hass
        try:
            times = await async_read_recorder(hass, reader.times, after, until)
        except TableDamagedError:
            async for first, piece in self._pieces(source, after, until):
                yield (first, piece.last.id), list(map(reader.times_of, piece.rows))
        else:
            yield (after, until), times

    async def _pieces(
        self, source: Source[Any], after: int, until: int
    ) -> AsyncIterator[tuple[int, Piece]]:
        """Yield the pieces that can be read, each with the id after which it begins."""
        if self._damaged is None:
            whole = await self._session.async_block(self._open)
            self._damaged = DamagedRows(self._session, self._table.name, whole.reader)
        async for found in self._damaged.async_pieces(source.reader, after, until):
            yield found
        self.damaged = self._damaged.number

    def _days_of(self, times: Times) -> set[int]:
        """Return the days of the partitions of those rows that are selected."""
        days = set()
        for partition_time, time in times:
            day, moment = _day(partition_time), _microseconds(time)
            if day is None or day in days or (self._days is not None and day not in self._days):
                continue
            if moment is not None and self._selection.has_time(moment):
                days.add(day)
        return days

    async def read(self, span: Span) -> AsyncIterator[EncodedRows]:
        """Yield the selected rows of one partition, in the order of the recorder's ids."""
        if not span.windows:
            return
        source = await self._session.async_block(self._open)
        reader = source.reader
        seconds = DAY // 1_000_000
        first, last = min(span.days) * seconds, (max(span.days) + 1) * seconds
        reader.narrow(first - _SLACK, last + _SLACK)
        for after, until in span.windows:
            async for _, piece in self._pieces(source, after, until):
                yield await self._session.async_block(self._encode, source, piece, span.days)
                await self._session.async_rest()

    def _encode(self, source: Source[Any], piece: Piece, days: set[int]) -> EncodedRows:
        """Return those rows of a piece that are selected, as they would be sent."""
        began = thread_time()
        rows = [row for row in piece.rows if _day(source.reader.partition_time(row)) in days]
        chosen: Piece = replace(cast(Any, piece), rows=rows) if rows else piece
        # Texts come with a piece only once, so even one without selected rows has to be encoded.
        encoded = source.encoder.encode(chosen)
        self._session.pace.learn(len(chosen.rows), thread_time() - began)
        if not rows:
            return EncodedRows()
        self.unreadable += len(encoded.rejected)
        self.left_out += len(rows) - len(encoded.data) - len(encoded.rejected)
        encoded.rejected.clear()
        if self.unlisted:
            listed = [at for at, id_ in enumerate(encoded.ids) if not self._unlisted(id_)]
            self.not_listed_yet += len(encoded.ids) - len(listed)
            encoded = encoded.only(listed)
        decode = self._session.delivery.encoding(self._table).decode
        return self._selection.of(encoded, self._table, decode)


def _ranges(table_position: TablePosition) -> ExportedIds:
    """Return the ids of the rows that were exported, without the history that is not exported."""
    older, newer = table_position.exported
    return older._replace(after=table_position.oldest.first), newer


def _day(time: float | None) -> int | None:
    """Return the day of a time, since 1970 in UTC, or None if BigQuery knows no such time."""
    moment = _microseconds(time)
    return None if moment is None else moment // DAY


def _microseconds(time: float | None) -> int | None:
    try:
        return microseconds_or_none(time)
    except ValueError:
        return None
