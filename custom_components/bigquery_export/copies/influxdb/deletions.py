"""Statistics that Home Assistant has deleted, as InfluxDB can say it.

In BigQuery a row with `deleted` covers all rows of a span that were sent before. Here it becomes a
point for each period of the span, with the field `deleted`: it takes the place of that field in the
point that is there, and leaves the others.
"""

from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.util import dt as dt_util

from ...rows.daily_statistics import DAILY_STATISTICS
from ...rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from ...rows.table import EPOCH, timestamp
from .points import Point, Points, microseconds

_PERIODS = {STATISTICS.name: timedelta(hours=1), STATISTICS_SHORT_TERM.name: timedelta(minutes=5)}
_LEFT = ("deleted", "export_id", "export_timestamp")


def has_deletions(points: Points) -> bool:
    """Return whether rows of a table may be deleted later."""
    return points.table.name in (*_PERIODS, DAILY_STATISTICS.name)


def deletion(
    points: Points, row: Mapping[str, Any], kept: Container[tuple[str, int]]
) -> list[Point]:
    """Return the points that mark a span as deleted, but not those that are `kept`.

    These, by series and time, were sent in the same transaction: they are what holds.
    """
    series = points.series(row)
    begin, end = microseconds(row[points.time]), microseconds(row["end"])
    marked = {name: value for name, value in row.items() if name in _LEFT or name in points.tags}
    fields = points.point({**marked, points.time: row[points.time]}).fields
    return [
        Point(series, time, fields)
        for time in _times(points.table.name, begin, end)
        if (series, time) not in kept
    ]


def _times(table: str, begin: int, end: int) -> Iterator[int]:
    """Yield when the periods of a span begin, all in microseconds since 1970."""
    if table in _PERIODS:
        yield from range(begin, end, _PERIODS[table] // timedelta(microseconds=1))
        return
    zone = dt_util.get_default_time_zone()
    day = (EPOCH + timedelta(microseconds=begin)).astimezone(zone).date()
    while True:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        time = timestamp(midnight)
        if time >= end:
            return
        if time >= begin:
            yield time
        day += timedelta(days=1)
