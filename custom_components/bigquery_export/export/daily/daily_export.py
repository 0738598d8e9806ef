"""The export of `daily_statistics`: days that Home Assistant computes of its hours.

    digests of the hours -> compare with those of what was sent -> days -> append
    -> add a line to the file -> commit

Once a day, each statistic is sent from the first day on whose hours are new or others than when it
was sent: a day depends on its hours, and on the last one before. Tables are append-only: rows with
`deleted` cover what was sent before of these days, if anything was. A crash is settled as for a
dimension table: lines of the file have generations, and the table's cursor says which hold.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
import logging
from math import isfinite

from homeassistant.util import dt as dt_util

from ...errors import TableDamagedError
from ...rows.daily_encoder import DailyEncoder, rejected
from ...rows.daily_statistics import DAILY_STATISTICS
from ...rows.encoded_rows import EncodedRows
from ...rows.recorded_values import UNENCODABLE, reason
from ...rows.statistics import STATISTICS
from ...source.readiness import async_read_and_compute, async_read_recorder
from ...source.recorded_hours import RecordedHours
from ...source.source_table import Anchor, IdRange
from ...source.statistics import STATISTICS as HOURS, Statistic
from ...source.statistics_by_day import DayOfStatistic, read_days
from ...source.statistics_spans import StatisticsSpans
from ..chunk import Chunk
from ..corrections.corrections import local_day
from ..corrections.current_digests import CurrentDigests
from ..positions import Position
from ..session import Session
from .changed_days import Change, async_changed_days
from .daily_file import HOURS_BY, DailyFile, Days, Sent, SentDays

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class LookedUntil:
    """Up to which day the hours were last looked at, in this process."""

    time: float = float("-inf")
    """The end of that day, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class DailyTable:
    """The table, with its file and what encodes it, for one export."""

    file: DailyFile
    encoder: DailyEncoder
    looked: LookedUntil = field(default_factory=LookedUntil)
    again: bool = False
    """Whether to look at the hours also where that was done on the same day."""


class DailyExport:
    """Exports the table in one run, a transaction at a time."""

    name = DAILY_STATISTICS.name

    def __init__(self, session: Session, table: DailyTable) -> None:
        """Prepare the export; nothing is read yet."""
        self._session = session
        self._file = table.file
        self._encoder = table.encoder
        self._looked = table.looked
        self._again = table.again
        self._zone = session.hass.config.time_zone
        self._hours = RecordedHours(session.hass)
        self._spans = StatisticsSpans(session.hass, HOURS)
        self._database = ""
        self._until = 0.0
        """The end of the last day that has ended, in seconds since 1970."""
        self._sent = SentDays()
        self._current: CurrentDigests | None = None
        """The digests of the hours that there are, once they were looked at."""
        self._statistics: Mapping[str, Statistic] = {}
        self._rest: Iterator[Change] = iter(())
        self._left: set[str] = set()
        """Statistics that are looked at again the next time."""
        self._waits = False
        """Whether some of them have to wait until the export is not paused."""
        session.result.rows[self.name] = 0

    async def async_export_chunk(self) -> bool:
        """Send days in one transaction, and commit it; return whether there may be more.

        Nothing is read if that was done since the last day has ended. Raises ExportError.
        """
        if self._current is None and not await self._async_begin():
            return False
        if await self._async_send():
            return True
        await self._async_end()
        return False

    async def _async_begin(self) -> bool:
        """Look which days are to be sent; return whether that had to be done."""
        today = dt_util.start_of_local_day().timestamp()
        # Not only later ones: the clock may have been ahead.
        if self._looked.time == today and not self._again:
            return False
        compiled = await self._async_read(self._hours.compiled_until)
        if not isfinite(compiled):
            return False
        last = dt_util.start_of_local_day(local_day(compiled)).timestamp()
        self._until = min(today, last)
        if self._looked.time == self._until and not self._again:
            return False
        self._database = await self._async_read(self._spans.database)
        await self._async_load()
        if self._sent.until == self._until and not self._again:
            self._looked.time = self._until
            return False
        try:
            changes = await self._async_look()
        except TableDamagedError as err:
            _LOGGER.warning("Days of statistics cannot be computed: %s", err)
            self._looked.time = self._until
            return False
        if not self._sent.is_whole:
            self._sent.known = None  # It goes with digests that others have replaced.
            await self._async_save()
        self._rest = iter(changes)
        return True

    async def _async_look(self) -> list[Change]:
        """Compare the hours that there are with those of the days that were sent."""
        journal = self._session.journal
        known = await self._async_read(self._hours.statistics)
        self._statistics = {name: statistic for name, (_, statistic) in known.items()}
        first = journal.checkpoint.position(STATISTICS.name).first
        ids = IdRange(first, await self._async_read(self._hours.newest_id))
        current = CurrentDigests(self._session, STATISTICS.name, self._spans, HOURS_BY, ids)
        await current.async_find(self._sent.known, dt_util.utcnow().timestamp())
        compare = partial(async_changed_days, self._session, self._spans, current, ids, self._until)
        changes, self._left = await compare(self._sent)
        if changes and await journal.async_claim():
            await self._async_load()
            changes, self._left = await compare(self._sent)
        self._current = current
        return changes

    async def _async_send(self) -> bool:
        """Send days in one transaction; return whether there were any."""
        journal = self._session.journal
        before = journal.checkpoint.position(self.name)
        latest = max(self._sent.generation, before.cursor)
        number = max(latest + 1, int(dt_util.utcnow().timestamp() * 1_000))
        new: dict[str, Sent] = {}

        def moved(chunk: Chunk) -> Position:
            return before.at_generation(number, rows=chunk.rows, rejected=chunk.rejected)

        async with self._session.transaction(
            DAILY_STATISTICS,
            start=before.cursor,
            until=number,
            last=Anchor(number, ""),
            after=moved,
        ) as chunk:
            await self._async_fill(chunk, number, new)
            if not new:
                chunk.passed.clear()
                return False
            await self._session.async_block(
                self._file.append, number, self._database, self._zone, new
            )
        self._sent.generation = number
        await self._session.async_block(self._sent.put_all, new)
        return True

    async def _async_fill(self, chunk: Chunk, number: int, new: dict[str, Sent]) -> None:
        """Send statistics until the transaction is full; add what was sent of each to `new`."""
        batch = EncodedRows()
        for change in self._rest:
            if self._session.paused and change.before is None:
                self._left.add(change.statistic_id)
                self._waits = True
                continue
            try:
                days, rows = await self._async_encoded(chunk, number, change)
            except TableDamagedError as err:
                _LOGGER.warning("Days of %s cannot be computed: %s", change.statistic_id, err)
                self._left.add(change.statistic_id)
                continue
            batch.extend(rows)
            new[change.statistic_id] = days, change.hours
            if len(batch.data) >= self._session.batch_rows:
                await self._session.async_send_batches(chunk, batch)
                batch = EncodedRows()
            if chunk.full:
                break
        await self._session.async_send_batches(chunk, batch)

    async def _async_encoded(
        self, chunk: Chunk, number: int, change: Change
    ) -> tuple[Days | None, EncodedRows]:
        """Return the rows of a statistic, and which of its days will have been sent by then."""
        statistic_id, before, deleted = change.statistic_id, change.before, change.deleted
        if change.hours and not self._encoder.includes(statistic_id):
            # Its days count as sent: where it is included later, those from then on are.
            return (before or Days(self._until, 0.0))._replace(end=self._until), EncodedRows()
        rows = EncodedRows()
        ends: list[Days] = [before] if before and not deleted else []
        if before and deleted and before.start < deleted.start:
            ends.append(Days(before.start, deleted.start))
        for first, end in change.pieces(self._until):
            if not (statistic := self._statistics.get(statistic_id)):
                break
            found, encoded = await self._async_days(statistic, first, end, number)
            ends += found
            chunk.look_at(encoded)
            await self._session.async_keep_rejected(chunk, encoded)
            rows.extend(encoded)
            await self._session.async_rest()
        if deleted:
            covering = self._encoder.encode_deleted(statistic_id, *deleted, number)
            chunk.look_at(covering)
            rows.extend(covering)
        if not change.hours:
            return None, rows
        if not ends:
            return Days(self._until, self._until), rows
        return Days(min(day.start for day in ends), max(day.end for day in ends)), rows

    async def _async_days(
        self, statistic: Statistic, first: date, end: date, number: int
    ) -> tuple[list[Days], EncodedRows]:
        """Return days, and their rows; one that cannot be computed is rejected."""

        def encoded(days: list[DayOfStatistic]) -> tuple[list[Days], EncodedRows]:
            ends = [Days(day.start, day.end) for day in days]
            return ends, self._encoder.encode(statistic, days, number)

        read = partial(read_days, self._session.hass, statistic, first, end)
        try:
            return await async_read_and_compute(self._session.hass, read, encoded)
        except UNENCODABLE as err:
            # The recorder of SQLite may have anything in place of a number.
            if (days := (end - first).days) == 1:
                day = Days(*(dt_util.start_of_local_day(one).timestamp() for one in (first, end)))
                row = rejected(statistic, day.start, reason(err))
                return [day], EncodedRows(rejected=[row])
        middle = first + timedelta(days=days // 2)
        ends, rows = await self._async_days(statistic, first, middle, number)
        more, others = await self._async_days(statistic, middle, end, number)
        rows.extend(others)
        return [*ends, *more], rows

    async def _async_end(self) -> None:
        """Remember the hours that were looked at."""
        if (current := self._current) is None:
            return
        await self._session.async_block(self._seen, current)
        if not self._waits:
            self._sent.until = self._looked.time = self._until
        await self._async_save()

    def _seen(self, current: CurrentDigests) -> None:
        sent, now = self._sent, current.digests.by_statistic
        seen = {*sent.hours.by_statistic, *now}.difference(self._left)
        sent.put_all({one: (sent.days.get(one), now.get(one, {})) for one in seen})
        sent.known = current.known(sent.hours)

    async def _async_load(self) -> None:
        position = self._session.journal.checkpoint.position(self.name)
        self._sent = await self._session.async_block(
            self._file.load, self._database, self._zone, position
        )

    async def _async_save(self) -> None:
        generation = self._session.journal.checkpoint.position(self.name).cursor
        await self._session.async_block(
            self._file.save, generation, self._database, self._zone, self._sent
        )

    async def _async_read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        return await async_read_recorder(self._session.hass, read, *args)
