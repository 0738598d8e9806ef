"""Hours of statistics, added up by periods of the home's clock, from whatever they come.

A bucket is what can be added to another one: so a day of which a part is in BigQuery and the rest
in the recorder is no other than a day. Means are those of hours, as Home Assistant's own; of
angles they are weighted (recorder/statistics.py, `weighted_circular_mean`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
import math
from typing import Self

from homeassistant.util import dt as dt_util

from ..home.unit_conversion import Convert
from ..source.recorded_hours import RecordedValues

_HOUR = timedelta(hours=1)


class Period(StrEnum):
    """How long a bucket is, by the home's clock."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def start(self, time: datetime) -> datetime:
        """Return when the period began that has a time, in UTC."""
        if self is Period.HOUR:
            return dt_util.as_utc(time).replace(minute=0, second=0, microsecond=0)
        day = dt_util.as_local(time).date()
        if self is Period.WEEK:
            day -= timedelta(days=day.weekday())
        if self is Period.MONTH:
            day = day.replace(day=1)
        return dt_util.as_utc(dt_util.start_of_local_day(day))

    def end(self, start: datetime) -> datetime:
        """Return when the period ends that began at a time, in UTC."""
        if self is Period.HOUR:
            return start + _HOUR
        days = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}[self]
        # Half a day more is in the next period, however long a day is when clocks are changed.
        return self.start(start + timedelta(days=days, hours=12))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What some hours of a statistic come to. Times are in UTC."""

    start: datetime
    first: datetime
    """The first of the hours."""
    last: datetime
    """The last of them."""
    hours: int = 0
    """How many have a mean."""
    total: float = 0.0
    """The sum of the means."""
    sine: float = 0.0
    cosine: float = 0.0
    """The sums of sine and cosine of the means, as angles in degrees, by their weights."""
    min: float | None = None
    max: float | None = None
    state: float | None = None
    """Of the last hour, as is the sum."""
    sum: float | None = None

    def mean(self, *, circular: bool) -> float | None:
        """Return the mean, of angles in degrees where it is circular."""
        if not self.hours:
            return None
        if circular:
            return math.degrees(math.atan2(self.sine, self.cosine)) % 360
        return self.total / self.hours

    def converted(self, convert: Convert) -> Self:
        """Return the bucket in another unit; angles have none."""
        return replace(
            self,
            total=self.hours * convert(self.total / self.hours) if self.hours else 0.0,
            min=None if self.min is None else convert(self.min),
            max=None if self.max is None else convert(self.max),
            state=None if self.state is None else convert(self.state),
            sum=None if self.sum is None else convert(self.sum),
        )

    def plus(self, later: Self) -> Self:
        """Return what these hours and later ones come to."""
        return replace(
            self,
            last=later.last,
            hours=self.hours + later.hours,
            total=self.total + later.total,
            sine=self.sine + later.sine,
            cosine=self.cosine + later.cosine,
            min=_chosen(min, self.min, later.min),
            max=_chosen(max, self.max, later.max),
            state=later.state,
            sum=later.sum,
        )


def buckets_of(hours: Iterable[RecordedValues], period: Period) -> list[Bucket]:
    """Return what hours come to, which are in their order."""
    return merged(_bucket(hour, period) for hour in hours)


def merged(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Return buckets, which are in their order, with those of the same period added up."""
    found: list[Bucket] = []
    for bucket in buckets:
        if found and found[-1].start == bucket.start:
            found[-1] = found[-1].plus(bucket)
        else:
            found.append(bucket)
    return found


def _bucket(hour: RecordedValues, period: Period) -> Bucket:
    time = dt_util.utc_from_timestamp(hour.start)
    angle = math.radians(hour.mean or 0.0)
    weight = 1.0 if hour.mean_weight is None else hour.mean_weight
    return Bucket(
        period.start(time),
        time,
        time,
        hours=hour.mean is not None,
        total=hour.mean or 0.0,
        sine=weight * math.sin(angle) if hour.mean is not None else 0.0,
        cosine=weight * math.cos(angle) if hour.mean is not None else 0.0,
        min=hour.min,
        max=hour.max,
        state=hour.state,
        sum=hour.sum,
    )


def _chosen(
    choose: Callable[[list[float]], float], one: float | None, other: float | None
) -> float | None:
    values = [value for value in (one, other) if value is not None]
    return choose(values) if values else None
