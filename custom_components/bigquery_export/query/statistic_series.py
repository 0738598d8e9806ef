"""Statistics over any time as one series: from the recorder what it has, from BigQuery the rest.

The recorder's hours cost nothing, and are as they are now. Of each statistic, BigQuery is asked
only for hours before the recorder's first one, and not at all where there are none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.util import dt as dt_util

from ..bigquery.select_query import Parameter, Statement
from ..home.unit_conversion import converter
from ..source.readiness import async_read_recorder
from ..source.recorded_hours import RecordedHours
from ..source.statistics import Statistic
from .buckets import Bucket, Period, buckets_of, merged
from .queries import Asker
from .query_request import QueryRequest

_MAX_ROWS = 10_000
_BEFORE = timedelta(days=1)
"""How long before the beginning a row is looked for, from which the first change is told."""
_PERIODS: Mapping[Period, str] = {
    Period.HOUR: "start",
    Period.DAY: "DATE(start, @zone)",
    # The days since 1970-01-01, a Thursday, which was the fourth day of its week.
    Period.WEEK: "DIV(UNIX_DATE(DATE(start, @zone)) + 3, 7)",
    Period.MONTH: "DATE_TRUNC(DATE(start, @zone), MONTH)",
}
"""What all hours of a period have in common, as SQL."""
_SQL = """
SELECT
  statistic_id, period, unit_of_measurement, unit_class, mean_type,
  MIN(start) AS first_hour, MAX(start) AS last_hour,
  COUNT(mean) AS hours, SUM(mean) AS total,
  SUM(IFNULL(mean_weight, 1) * SIN(mean * ACOS(-1) / 180)) AS sine,
  SUM(IFNULL(mean_weight, 1) * COS(mean * ACOS(-1) / 180)) AS cosine,
  MIN(min) AS min, MAX(max) AS max, MAX_BY(state, start) AS state, MAX_BY(sum, start) AS sum
FROM (
  SELECT *, {period} AS period
  FROM statistics_between(@begin, @end)
  WHERE source = @source AND ({conditions})
)
GROUP BY statistic_id, period, unit_of_measurement, unit_class, mean_type
ORDER BY first_hour
"""
_HOUR = timedelta(hours=1)
type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part of a series is from."""

    start: datetime
    end: datetime
    name: str
    """`bigquery` or `recorder`."""


@dataclass(slots=True)
class StatisticSeries:
    """A statistic over a time, by period, the oldest first."""

    statistic_id: str
    unit: str | None = None
    circular: bool = False
    buckets: list[Bucket] = field(default_factory=list)
    before: Bucket | None = None
    """The last hours before it, if there are any in the month of the day before."""
    sources: list[Source] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """Return its periods as JSON has them; `change` is what the sum has grown since before."""
        rows, before = [], self.before.sum if self.before else None
        for bucket in self.buckets:
            mean, total = bucket.mean(circular=self.circular), bucket.sum
            grown = None if total is None or before is None else total - before
            values = {"mean": mean, "min": bucket.min, "max": bucket.max, "change": grown}
            values |= {"sum": total, "state": bucket.state}
            start = dt_util.as_local(bucket.start).isoformat()
            rows.append(
                {"start": start, **{key: one for key, one in values.items() if one is not None}}
            )
            before = before if total is None else total
        return rows


@dataclass(slots=True)
class StatisticAnswer:
    """Several series, and what they have cost."""

    series: list[StatisticSeries]
    bytes_billed: int = 0
    truncated: bool = False
    """Whether BigQuery had more rows than are returned: the latest of its part are missing."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which hours to read, and how to add them up. Times are in UTC."""

    start: datetime
    end: datetime
    period: Period

    @classmethod
    def around(cls, start: datetime, end: datetime, period: Period) -> Self:
        """Return whole periods that a time touches, as Home Assistant has them."""
        last = period.start(end - timedelta(microseconds=1))
        return cls(period.start(start), period.end(last), period)

    @property
    def periods(self) -> int:
        """Return how many periods there are, or one more."""
        return (self.end - self.start) // (self.period.end(self.start) - self.start) + 1

    @property
    def begin(self) -> datetime:
        """Return from when on rows are read: the first change is told from those before.

        It is the beginning of a month, as BigQuery bills whole months.
        """
        return (self.start - _BEFORE).replace(day=1, hour=0)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the recorder has of a statistic."""

    statistic: Statistic | None
    buckets: list[Bucket]
    first: datetime | None
    """When its first hour of all begins."""


async def async_statistics(
    hass: HomeAssistant,
    asker: Asker,
    statistic_ids: Sequence[str],
    window: Window,
    user_id: str | None = None,
) -> StatisticAnswer:
    """Return statistics over a time. Raises ExportError.

    Values are in the unit that the recorder has now, or else in the last one of BigQuery.
    """
    recorded = await async_read_recorder(hass, _recorded, hass, statistic_ids, window)
    found = StatisticAnswer([])
    older = {name: min(known.first or window.end, window.end) for name, known in recorded.items()}
    wanted = {name: until for name, until in older.items() if until > window.start}
    rows = await _async_older(hass, asker, wanted, window, user_id, found) if wanted else {}
    found.series = await hass.async_add_executor_job(_all_joined, recorded, rows, window)
    return found


def _recorded(
    hass: HomeAssistant, statistic_ids: Sequence[str], window: Window
) -> dict[str, _Recorded]:
    """Return what the recorder has; this belongs on its executor."""
    reader = RecordedHours(hass)
    known = reader.statistics()
    found = {}
    for name in statistic_ids:
        if name not in known:
            found[name] = _Recorded(None, [], None)
            continue
        number, statistic = known[name]
        first = reader.first_from(number, float("-inf"))
        hours = reader.values(number, window.begin.timestamp(), window.end.timestamp())
        found[name] = _Recorded(
            statistic,
            buckets_of(hours, window.period),
            dt_util.utc_from_timestamp(first.start) if first else None,
        )
    return found


async def _async_older(
    hass: HomeAssistant,
    asker: Asker,
    wanted: Mapping[str, datetime],
    window: Window,
    user_id: str | None,
    found: StatisticAnswer,
) -> dict[str, list[Row]]:
    """Return what BigQuery has before some times, by statistic; `found` is told what it costs."""
    privacy = await asker.async_privacy()
    names = {privacy.entity(name): name for name in wanted}
    parameters = [
        Parameter("begin", "TIMESTAMP", window.begin),
        Parameter("end", "TIMESTAMP", max(wanted.values())),
        Parameter("source", "STRING", await instance_id.async_get(hass)),
        Parameter("zone", "STRING", hass.config.time_zone),
    ]
    conditions = []
    for number, (name, statistic_id) in enumerate(names.items()):
        parameters.append(Parameter(f"name_{number}", "STRING", name))
        parameters.append(Parameter(f"until_{number}", "TIMESTAMP", wanted[statistic_id]))
        conditions.append(f"(statistic_id = @name_{number} AND start < @until_{number})")
    sql = _SQL.format(period=_PERIODS[window.period], conditions=" OR ".join(conditions))
    request = QueryRequest(Statement(sql, tuple(parameters)), _MAX_ROWS, user_id=user_id)
    answer = (await asker.async_ask(request)).answer
    found.bytes_billed += answer.bytes_billed
    found.truncated = found.truncated or answer.is_truncated
    rows: dict[str, list[Row]] = {}
    for row in answer.rows:
        rows.setdefault(names[row["statistic_id"]], []).append(row)
    return rows


def _all_joined(
    recorded: Mapping[str, _Recorded], rows: Mapping[str, Sequence[Row]], window: Window
) -> list[StatisticSeries]:
    """Return all series; of 10,000 hours that takes too long for the event loop."""
    return [_joined(name, known, rows.get(name, ()), window) for name, known in recorded.items()]


def _joined(name: str, known: _Recorded, rows: Sequence[Row], window: Window) -> StatisticSeries:
    """Return one series of what BigQuery and the recorder have of a statistic."""
    series = StatisticSeries(name)
    if known.statistic:
        series.unit = known.statistic.unit_of_measurement
        series.circular = known.statistic.mean_type == StatisticMeanType.CIRCULAR
    elif rows:
        series.unit = rows[-1]["unit_of_measurement"]
        series.circular = rows[-1]["mean_type"] == StatisticMeanType.CIRCULAR.name.lower()
    older = []
    for row in rows:
        unit_class = row["unit_class"] or (known.statistic and known.statistic.unit_class)
        try:
            convert = converter(row["unit_of_measurement"], series.unit, unit_class)
        except ValueError:
            continue  # It measured something else then.
        bucket = _bucket(row, window.period)
        older.append(bucket.converted(convert) if convert else bucket)
    newer = _continued(older, known.buckets)
    joined = merged([*older, *newer])
    series.before = next((one for one in reversed(joined) if one.start < window.start), None)
    series.buckets = [one for one in joined if one.start >= window.start]
    for source, part in (("bigquery", older), ("recorder", newer)):
        shown = [one for one in part if one.start >= window.start]
        if shown:
            series.sources.append(Source(shown[0].first, shown[-1].last + _HOUR, source))
    return series


def _bucket(row: Row, period: Period) -> Bucket:
    first, last = (
        dt_util.as_utc(dt_util.parse_datetime(row[name], raise_on_error=True))
        for name in ("first_hour", "last_hour")
    )
    values: dict[str, Any] = {name: row[name] for name in ("min", "max", "state", "sum")}
    values |= {name: row[name] or 0.0 for name in ("total", "sine", "cosine")}
    return Bucket(period.start(first), first, last, row["hours"], **values)


def _continued(older: Sequence[Bucket], newer: list[Bucket]) -> list[Bucket]:
    """Return later buckets with sums that continue those of earlier ones.

    A recorder that was lost counts from 0 again. Then its first sum is less than the last one
    before, while the readings of the meter, its states, say what was counted in between.
    """
    if not older or not newer:
        return newer
    before, after = older[-1], newer[0]
    known = (before.sum, before.state, after.sum, after.state)
    if None in known or after.sum >= before.sum:  # type: ignore[operator]
        return newer
    shift = before.sum + after.state - before.state - after.sum  # type: ignore[operator]
    return [one if one.sum is None else replace(one, sum=one.sum + shift) for one in newer]
