"""The schedule of exports: at which times of the home's clock they run."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from hashlib import blake2b

_SECOND = timedelta(seconds=1)
_LIVE = timedelta(minutes=5)
"""Between the exports of all else."""
_DAYS = 33
"""More than a month, which is the longest time between two exports."""


class Frequency(StrEnum):
    """How often exports run."""

    MANUAL = "manual"
    LIVE = "live"
    """New rows are sent as soon as the recorder has committed them, and all else every five
    minutes."""
    MINUTES = "minutes"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Weekday(StrEnum):
    """A day of the week, in the order of ISO 8601."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times at which exports run; fields that the frequency does not use are ignored."""

    frequency: Frequency = Frequency.DAILY
    at: time = time(3, 30)
    """The time of day, without a time zone; by default before the recorder purges, at 04:12."""
    minutes: int = 15
    """How many minutes lie between two exports."""
    weekdays: frozenset[Weekday] = frozenset()
    month_day: int = 1
    """The day of the month; where the month has no such day, its last one."""

    def next_after(self, now: datetime, shift: timedelta = timedelta()) -> datetime | None:
        """Return the first time after now, in the time zone of now; None if there is none.

        Hours and minutes are counted in UTC, which has no daylight saving time, and moved by
        `shift`. Other times are local: one that the clock skips becomes the first one after the
        change, and of one that it shows twice the first is meant.
        """
        match self.frequency:
            case Frequency.MANUAL:
                return None
            case Frequency.LIVE:
                return _next_multiple(now, _LIVE, shift)
            case Frequency.MINUTES:
                return _next_multiple(now, timedelta(minutes=self.minutes), shift)
            case Frequency.HOURLY:
                return _next_multiple(now, timedelta(hours=1), shift)
            case _:
                return self._next_day(now)

    def _next_day(self, now: datetime) -> datetime | None:
        days = (now.date() + timedelta(days=number) for number in range(_DAYS))
        times = (_instant(datetime.combine(day, self.at, now.tzinfo)) for day in self._chosen(days))
        found = next((time for time in times if time > now), None)
        return found.astimezone(now.tzinfo) if found else None

    def _chosen(self, days: Iterable[date]) -> Iterable[date]:
        match self.frequency:
            case Frequency.WEEKLY:
                return (day for day in days if _WEEK[day.weekday()] in self.weekdays)
            case Frequency.MONTHLY:
                return (day for day in days if day.day == min(self.month_day, _last_day(day)))
            case _:
                return days


def shift_of(entry_id: str) -> timedelta:
    """Return by how much the exports of an entry are moved: a constant of less than an hour.

    Otherwise all homes would call Google at the full hour.
    """
    digest = blake2b(entry_id.encode(), digest_size=4).digest()
    return timedelta(seconds=int.from_bytes(digest) % 3600)


def _next_multiple(now: datetime, step: timedelta, shift: timedelta) -> datetime:
    moment = now.astimezone(UTC)
    begin = datetime.min.replace(tzinfo=UTC) + shift
    return (begin + ((moment - begin) // step + 1) * step).astimezone(now.tzinfo)


def _last_day(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _instant(local: datetime) -> datetime:
    """Return when the local clock first shows a time, or the next one if it skips that."""
    found = local.astimezone(UTC)
    if found.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # The clock goes forward between the two instants that the offsets after and before give.
    before, after = local.replace(fold=1).astimezone(UTC), found
    offset = after.astimezone(local.tzinfo).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if middle.astimezone(local.tzinfo).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
