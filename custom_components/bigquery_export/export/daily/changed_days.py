"""Which days of statistics have to be sent: those whose hours are new, or others than before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import inf, nextafter

from homeassistant.util import dt as dt_util

from ...source.source_table import IdRange
from ...source.statistics_spans import StatisticsSpans
from ..corrections.corrections import local_day
from ..corrections.current_digests import CurrentDigests, async_span
from ..corrections.digests import Digest, Digests
from ..session import Session
from .daily_file import HOURS_BY, Days, SentDays

_DAY = timedelta(days=1)

type _Hours = Mapping[int, Digest]
"""Digests of the hours of a statistic by month."""


@dataclass(frozen=True, slots=True)
class Change:
    """A statistic whose days have to be sent from some day on."""

    statistic_id: str
    first: date
    before: Days | None
    """The days that were sent."""
    deleted: Days | None
    """Those of them that are computed anew, or are gone."""
    hours: _Hours
    """Its hours that there are."""

    def pieces(self, until: float) -> Iterator[tuple[date, date]]:
        """Yield the days to be sent, before a time, as those from one on and before another one.

        They have hours of one month, which are as many rows as are read at once elsewhere.
        """
        first, end = self.first, local_day(until)
        for _, digest in sorted(self.hours.items()):
            if digest.first < until:
                begin = max(first, local_day(digest.first))
                after = min(end, local_day(min(digest.last, until)) + _DAY)
                if begin < after:
                    yield begin, after
                    first = after


async def async_changed_days(
    session: Session,
    spans: StatisticsSpans,
    current: CurrentDigests,
    ids: IdRange,
    until: float,
    sent: SentDays,
) -> tuple[list[Change], set[str]]:
    """Compare the hours with those of the days that were sent, up to a time in seconds since 1970.

    Also returns the statistics that cannot be compared, because some of their rows are damaged.
    Raises ExportError.
    """
    candidates, left = await session.async_block(_candidates, sent, current)
    metadata_ids = current.metadata_ids()
    changes: list[Change] = []
    for candidate in candidates:
        numbers = metadata_ids.get(candidate.statistic_id, ())
        since = await _async_since(candidate, session, spans, numbers, ids)
        if (first := min(since, candidate.pending)) < until:
            days = sent.days.get(candidate.statistic_id)
            changes.append(_change(candidate, first, days))
    return changes, left


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A statistic of which days may have to be sent."""

    statistic_id: str
    then: _Hours
    now: _Hours
    month: int | None
    """The first one whose hours are not as they were."""
    pending: float
    """When a day begins of which hours were seen that were not sent, as it had not ended; else
    infinity."""


def _candidates(sent: SentDays, current: CurrentDigests) -> tuple[list[_Candidate], set[str]]:
    """Return what differs, and those statistics some of whose rows are damaged."""
    found: list[_Candidate] = []
    left: set[str] = set()
    before, after = sent.hours.by_statistic, current.digests.by_statistic
    for statistic_id in sorted(before.keys() | after.keys()):
        then, now = before.get(statistic_id, {}), after.get(statistic_id, {})
        if current.is_damaged and _lacks_rows(then, now):
            left.add(statistic_id)
            continue
        months = sorted(then.keys() | now.keys())
        month = next((month for month in months if not _is_same(then, now, month)), None)
        pending = inf
        if then:
            days = sent.days.get(statistic_id)
            begun = days.end if days else _first(then)
            if max(digest.last for digest in then.values()) >= begun:
                pending = begun
        if month is not None or pending < inf:
            found.append(_Candidate(statistic_id, then, now, month, pending))
    return found, left


def _is_same(then: _Hours, now: _Hours, month: int) -> bool:
    one, other = then.get(month), now.get(month)
    return one is not None and other is not None and one.like(other)


async def _async_since(
    candidate: _Candidate,
    session: Session,
    spans: StatisticsSpans,
    metadata_ids: Sequence[int],
    ids: IdRange,
) -> float:
    """Return the first hour from which on a statistic is not as it was, else infinity.

    Hours that were only added to a month are read to find out.
    """
    if (month := candidate.month) is None:
        return inf
    before, after = candidate.then.get(month), candidate.now.get(month)
    if before and before.rows and after:
        read = Digests(HOURS_BY)
        later = (nextafter(before.last, inf), after.last)
        async for piece in async_span(session, spans, metadata_ids, later, ids):
            read.add(piece)
            await session.async_rest()
        added = read.get(candidate.statistic_id, month) or Digest()
        whole = replace(added)
        whole.add(before)
        if whole.like(after):
            return added.first
    return min(digest.first for digest in (before, after) if digest)


def _change(candidate: _Candidate, since: float, days: Days | None) -> Change:
    """Return what has to be sent of a statistic from an hour on."""
    first = local_day(since)
    start = dt_util.start_of_local_day(first).timestamp()
    deleted = None
    if days and start < days.end:
        everything = not candidate.then or since <= _first(candidate.then)
        deleted = Days(days.start if everything else start, days.end)
    return Change(candidate.statistic_id, first, days, deleted, candidate.now)


def _first(hours: _Hours) -> float:
    return min(digest.first for digest in hours.values())


def _lacks_rows(then: _Hours, now: _Hours) -> bool:
    """Return whether a month has fewer hours than it had."""
    return any(
        (now[number].rows if number in now else 0) < digest.rows for number, digest in then.items()
    )
