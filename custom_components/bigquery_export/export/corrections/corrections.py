"""Corrections: what Home Assistant has changed in statistics after they were exported.

    read the recorder -> compare with what was sent -> send what differs

Tables are append-only. A period of a statistic that differs is sent as a whole: a row that marks
the rows sent before as deleted, and the current rows. The view of the latest rows
(bigquery/views.py) shows only what is valid.

A process that dies between commit and file sends the same again, which the view does not show.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
import logging
from typing import Any, cast, override

from homeassistant.util import dt as dt_util

from ...errors import TableDamagedError
from ...rows.encoded_rows import EncodedRows
from ...rows.statistics_encoder import StatisticsEncoder
from ...source.readiness import async_read_recorder, check_recorder
from ...source.source_table import IdRange
from ...source.statistics import StatisticsPiece
from ..chunk import Chunk
from ..job import Job
from ..ports import Source
from ..session import Session
from .current_digests import CurrentDigests, async_span
from .digest_file import Exported
from .digests import Digest, Digests
from .ledger import StatisticsObserver

_LOGGER = logging.getLogger(__name__)

type Since = Mapping[str, Collection[float]]
"""Times from which on statistics have changed, in seconds since 1970, by their id."""


class Corrections(Job):
    """One check of all tables whose rows are corrected.

    It comes after a run that succeeded, in a session of its own: the rows that it sends must be
    newer than those of the run.
    """

    def __init__(
        self,
        session: Session,
        sources: Iterable[Source[Any]],
        *,
        now: datetime | None = None,
        again: bool = False,
        since: Since | None = None,
    ) -> None:
        """Prepare to check those sources whose rows are corrected.

        Tables that were checked on the local day of `now` are left out, unless they are to be
        checked `again`. `since` says of some statistics from which times on they have changed: of
        the period that such a time is in, what is before it is as it was sent.
        """
        super().__init__(session)
        self._now = now or dt_util.utcnow()
        self._again = again
        self._tables = [
            _TableCorrections(session, source, source.observer, since or {})
            for source in sources
            if isinstance(source.observer, StatisticsObserver)
        ]
        self.checked: date | None = None
        """The local day on which all tables were checked, None before."""

    @override
    async def _async_work(self) -> None:
        """Send all that differs."""
        check_recorder(self._session.hass)
        done = [await table.async_check(self._now, again=self._again) for table in self._tables]
        if all(done):
            self.checked = local_day(self._now.timestamp())


@dataclass(frozen=True, slots=True)
class _Difference:
    """A period of a statistic that differs from what was exported."""

    statistic_id: str
    number: int
    exported: Digest | None
    current: Digest | None


class _TableCorrections:
    """Checks one table."""

    def __init__(
        self, session: Session, source: Source[Any], observer: StatisticsObserver, since: Since
    ) -> None:
        """Prepare to check; nothing is read yet."""
        self._session = session
        self._since = since
        self._table = source.table
        self._encoder = cast(StatisticsEncoder, source.encoder)
        self._observer = observer
        self._file = observer.file
        self._ids = IdRange(0, 0)
        """The rows that were exported."""
        self._metadata_ids: dict[str, list[int]] = {}
        """The recorder may have metadata of one statistic more than once."""
        self._is_damaged = False
        """Whether some rows cannot be read, because the recorder's database is damaged."""
        self._horizon = float("-inf")
        """The time before which the recorder has purged everything, in seconds since 1970."""
        session.result.rows[source.table.name] = 0

    async def async_check(self, now: datetime, *, again: bool) -> bool:
        """Send what differs, unless that was done on the same local day; return whether it is done.

        A table whose backfill is not done is skipped: it is not known which rows of it were sent.
        What cannot be read, because the recorder's database is damaged, is not compared.
        """
        try:
            return await self._async_check(now, again=again)
        except TableDamagedError as err:
            _LOGGER.warning("%s cannot be checked for corrections: %s", self._table.name, err)
            return True

    async def _async_check(self, now: datetime, *, again: bool) -> bool:
        table_position = self._session.journal.checkpoint.table_position(self._table.name)
        if table_position.backfill:
            return False
        database = await self._async_read(self._observer.spans.database)
        exported = await self._session.async_block(self._file.load, database)
        today = local_day(now.timestamp())
        checked = exported.checked
        if checked is not None and not again and local_day(checked) == today:
            return True
        self._ids = IdRange(table_position.new.first, table_position.new.cursor)
        current = CurrentDigests(
            self._session, self._table.name, self._observer.spans, self._file.periods, self._ids
        )
        await current.async_find(exported.known, now.timestamp())
        exported.known = None  # Until all is sent.
        self._is_damaged = current.is_damaged
        self._metadata_ids = current.metadata_ids()
        if self._observer.purged:
            self._horizon = await self._async_read(self._observer.spans.purged_until)
        differences = await self._session.async_block(
            self._compare, exported.digests, current.digests
        )
        if differences:
            _LOGGER.debug("%s periods of %s have changed", len(differences), self._table.name)
            if await self._session.journal.async_claim():
                return False  # What was sent is not what the file says.
        await self._async_send_all(exported, differences)
        exported.checked = now.timestamp()
        exported.known = await self._session.async_block(current.known, exported.digests)
        await self._session.async_block(self._file.save, exported, self._ids.until)
        return True

    def _compare(self, exported: Digests, current: Digests) -> list[_Difference]:
        """Return what differs, and remove from `exported` what the recorder has purged.

        The rest of a period that is purged in part cannot be compared by itself. It is sent if all
        of it is gone, or if any other period of the statistic differs.
        """
        differences: list[_Difference] = []
        for statistic_id in sorted(exported.by_statistic.keys() | current.by_statistic.keys()):
            before = exported.by_statistic.get(statistic_id, {})
            after = current.by_statistic.get(statistic_id, {})
            differ: list[_Difference] = []
            cut: list[_Difference] = []
            for number in sorted(before.keys() | after.keys()):
                then, now = before.get(number), after.get(number)
                difference = _Difference(statistic_id, number, then, now)
                if all(digest.last < self._horizon for digest in (then, now) if digest):
                    exported.put(statistic_id, number, None)
                elif then and now and then.first < self._horizon:
                    cut.append(difference)
                elif self._is_damaged and then and (now is None or now.rows < then.rows):
                    continue  # Perhaps some of its rows are damaged, which corrects nothing.
                elif not (then and now and then.like(now)):
                    differ.append(difference)
            if differ:
                differences += cut
            else:
                for difference in cut:
                    exported.put(statistic_id, difference.number, difference.current)
            differences += differ
        return differences

    async def _async_send_all(self, exported: Exported, differences: list[_Difference]) -> None:
        """Send what differs, in as few transactions as possible."""
        rest = iter(differences)
        while True:
            sent: list[tuple[_Difference, Digest | None]] = []
            async with self._session.transaction(
                self._table, start=self._ids.until, until=self._ids.until
            ) as chunk:
                await self._async_fill(chunk, rest, sent)
            if not sent:
                return
            for difference, digest in sent:
                exported.digests.put(difference.statistic_id, difference.number, digest)
            await self._session.async_block(self._file.save, exported, self._ids.until)

    async def _async_fill(
        self,
        chunk: Chunk,
        differences: Iterator[_Difference],
        sent: list[tuple[_Difference, Digest | None]],
    ) -> None:
        """Send differences until the transaction is full; add each with its digest to `sent`."""
        batch = EncodedRows()
        for difference in differences:
            digests = Digests(self._file.periods)
            since = self._changed_since(difference)
            async for piece in self._pieces(difference):
                digests.add(piece)
                changed = [row for row in piece.rows if (row[2] or 0) >= since]
                rows = await self._session.async_block(
                    self._encoder.encode, replace(piece, rows=changed)
                )
                chunk.look_at(rows)
                await self._session.async_keep_rejected(chunk, rows)
                batch.extend(rows)
                await self._session.async_rest()
            exported = difference.exported
            if exported is not None and exported.last >= since:
                first = max(exported.first, self._horizon, since)
                deleted = self._encoder.encode_deleted(
                    difference.statistic_id, first, exported.last
                )
                chunk.look_at(deleted)
                batch.extend(deleted)
            sent.append((difference, digests.get(difference.statistic_id, difference.number)))
            if len(batch.data) >= self._session.batch_rows:
                await self._session.async_send_batches(chunk, batch)
                batch = EncodedRows()
            if chunk.full:
                break
        await self._session.async_send_batches(chunk, batch)

    def _changed_since(self, difference: _Difference) -> float:
        """Return the time before which rows of a period are as they were sent."""
        if difference.exported is None or difference.current is None:
            return float("-inf")
        first, last = difference.current.first, difference.current.last
        times = self._since.get(difference.statistic_id, ())
        return min((time for time in times if first <= time <= last), default=float("-inf"))

    async def _pieces(self, difference: _Difference) -> AsyncIterator[StatisticsPiece]:
        """Yield the rows of a period as they are now."""
        if (current := difference.current) is None:
            return
        async for piece in async_span(
            self._session,
            self._observer.spans,
            self._metadata_ids[difference.statistic_id],
            (max(current.first, self._horizon), current.last),
            self._ids,
        ):
            yield piece

    async def _async_read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        return await async_read_recorder(self._session.hass, read, *args)


def local_day(time: float) -> date:
    """Return the day on which a time is in the home."""
    return dt_util.as_local(dt_util.utc_from_timestamp(time)).date()
