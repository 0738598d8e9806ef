"""Digests of the recorder's statistics as they are now, for which few rows are read.

    sum of all rows -> sums by statistic and period -> rows of the periods whose sums differ

The database adds up the rows that were there the last time. Where it finds what it found then, the
digests are what they were. All rows are read where nothing is known, where a sum fails, and every
four weeks, because of the changes that sums miss (source/statistics_sums.py).
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
import logging
from math import nextafter

from ...errors import TableDamagedError, TableUnreadableError
from ...source.readiness import async_read_recorder
from ...source.source_table import IdRange
from ...source.statistics import Statistic, StatisticsPiece
from ...source.statistics_spans import StatisticsSpans
from ...source.statistics_sums import SUMMED_IDS, StatisticsSums
from ..damaged_rows import DamagedRows
from ..recorder_tables import RECORDER_TABLES
from ..session import Session
from .digests import Digests, Periods
from .sums import Known, PeriodSum, Sums, added, known_of

_LOGGER = logging.getLogger(__name__)

_READ_EVERY = 28 * 86_400.0
"""Seconds after which all rows are read, whatever their sums are."""
_FEW = 4
"""Where more than one in so many rows has to be read, all are: in their order that is quicker."""


class CurrentDigests:
    """Finds the digests of one table's rows with some ids."""

    def __init__(
        self, session: Session, table: str, spans: StatisticsSpans, periods: Periods, ids: IdRange
    ) -> None:
        """Prepare; nothing is read yet."""
        self._session = session
        self._table = table
        self._spans = spans
        source = RECORDER_TABLES[table].source
        self._sums = StatisticsSums(session.hass, source)
        self._is_purged = source.purged_by is not None
        """Whether rows are deleted every day, so that all of them never have the same sum."""
        self._periods = periods
        self._ids = ids
        self._damaged = DamagedRows(session, table, spans)
        self._statistics: dict[int, Statistic] = {}
        self._found: Sums | None = None
        """The sums of all rows, if the database could compute them."""
        self._statement = ""
        self._read = 0.0
        self.digests = Digests(periods)

    @property
    def is_damaged(self) -> bool:
        """Return whether some rows cannot be read, because the recorder's database is damaged."""
        return self._damaged.number > 0

    def known(self, exported: Digests) -> Known | None:
        """Return what is known of the rows now, to be kept with the digests of what was sent."""
        if self._found is None or self.is_damaged:
            return None
        cursor = self._ids.until
        return known_of(self._found, self.digests, exported, cursor, self._statement, self._read)

    async def async_find(self, known: Known | None, now: float) -> None:
        """Find the digests, at a time in seconds since 1970. Raises ExportError.

        Rows are always added up before they are read. So a row that changes between the two has a
        sum that is not found the next time.
        """
        try:
            self._found = await self._async_find_by_sums(known, now)
        except (TableUnreadableError, TableDamagedError) as err:
            _LOGGER.debug("All rows of %s are read, as sums of them fail: %s", self._table, err)
            self.digests = Digests(self._periods)
            await self._async_read_rows(self._ids)

    async def _async_find_by_sums(self, known: Known | None, now: float) -> Sums:
        self._statistics = await self._async_read(self._sums.statistics)
        self._statement = await self._async_read(self._sums.statement)
        self._read = now
        found = Sums(self._periods, self._statistics)
        rest = self._ids
        if (
            known
            and known.statement == self._statement
            and 0 <= now - known.read < _READ_EVERY
            and self._ids.has(known.cursor)
        ):
            self._read = known.read
            before = IdRange(self._ids.after, known.cursor)
            rest = IdRange(known.cursor, self._ids.until)
            if (
                known.statistics == found.statistics
                and known.total is not None
                and not self._is_purged
                and known.total == await self._async_total(before)
            ):
                found.include(known)
                self.digests.include(known.digests)
            else:
                await self._async_add_up(found, before)
                await self._async_read_changed(found, known, before)
        await self._async_add_up(found, rest)
        await self._async_read_rows(rest)
        return found

    async def _async_total(self, ids: IdRange) -> int | None:
        """Return the sum of rows; None where one of them cannot be added up."""
        total: int | None = 0
        async for part in self._async_parts(ids):
            total = added(total, await self._async_read(self._sums.total, *part))
        return total

    async def _async_add_up(self, found: Sums, ids: IdRange) -> None:
        """Add the sums of rows by statistic and period."""
        async for part in self._async_parts(ids):
            days = await self._async_read(self._sums.by_day, *part)
            await self._session.async_block(found.add, days)

    async def _async_parts(self, ids: IdRange) -> AsyncIterator[IdRange]:
        """Yield ids that are added up at once, and pause after each."""
        oldest = await self._async_read(self._spans.oldest_id)
        first = ids.until if oldest is None else max(ids.after, oldest - 1)
        for after in range(first, ids.until, SUMMED_IDS):
            yield IdRange(after, min(after + SUMMED_IDS, ids.until))
            await self._session.async_rest()

    async def _async_read_changed(self, found: Sums, known: Known, ids: IdRange) -> None:
        """Read the rows of periods that have other sums, and take the digests of all others."""
        changed: list[tuple[str, int, PeriodSum]] = []
        for statistic_id, number, period in found.periods():
            if period.sum is not None and period.sum == known.get(statistic_id, number):
                kept = known.digests.get(statistic_id, number)
                # A copy, as new rows of the period are added to it.
                self.digests.put(statistic_id, number, kept and replace(kept))
            else:
                changed.append((statistic_id, number, period))
        rows = sum(period.rows for _, _, period in changed)
        _LOGGER.debug("%s of %s rows of %s have other sums", rows, found.rows, self._table)
        if rows * _FEW > found.rows:
            self.digests = Digests(self._periods)
            await self._async_read_rows(ids)
            return
        metadata_ids = self.metadata_ids()
        for statistic_id, number, period in changed:
            read = Digests(self._periods)
            async for piece in async_span(
                self._session,
                self._spans,
                metadata_ids[statistic_id],
                (period.first, period.last),
                ids,
            ):
                read.add(piece)
                await self._session.async_rest()
            self.digests.put(statistic_id, number, read.get(statistic_id, number))

    async def _async_read_rows(self, ids: IdRange) -> None:
        """Read all rows, and add them to the digests."""
        async for _, piece in self._damaged.async_pieces(self._spans, *ids):
            await self._session.async_block(self.digests.add, piece)
            self._statistics.update(piece.statistics)
            await self._session.async_rest()

    def metadata_ids(self) -> dict[str, list[int]]:
        """Return the recorder's numbers of each statistic, which may have more than one."""
        ids: dict[str, list[int]] = {}
        for metadata_id, statistic in self._statistics.items():
            ids.setdefault(statistic.statistic_id, []).append(metadata_id)
        return ids

    async def _async_read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        return await async_read_recorder(self._session.hass, read, *args)


async def async_span(
    session: Session,
    spans: StatisticsSpans,
    metadata_ids: Iterable[int],
    times: tuple[float, float],
    ids: IdRange,
) -> AsyncIterator[StatisticsPiece]:
    """Yield the rows of a statistic with some ids from one time to another. Raises ExportError."""
    for metadata_id in metadata_ids:
        first, last = times
        while piece := await async_read_recorder(
            session.hass, spans.read_span, metadata_id, first, last, *ids
        ):
            yield piece
            first = nextafter(piece.rows[-1][2] or 0, float("inf"))
