"""Statistics from SQL: the rows of an answer as an external statistic of the recorder."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from math import isfinite
from typing import Any, cast

from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.components.recorder.statistics import (
    STATISTIC_UNIT_TO_UNIT_CONVERTER,
    async_add_external_statistics,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..bigquery.select_query import Answer
from ..const import DOMAIN
from ..source.readiness import async_flush, async_read_recorder, check_recorder
from .answer_columns import MEAN, START, SUM, statistic_columns
from .refusals import (
    StatisticHourError,
    StatisticTooLongError,
    StatisticTwiceError,
    StatisticValueError,
)

_HANDED_OVER = 1_000
"""Hours after which to wait until the recorder has written them."""
_COLUMNS = ("state", SUM, MEAN, "min", "max")
_HOUR = 3_600

type Hours = dict[float, tuple[float | None, ...]]
"""Values in the order of `_COLUMNS`, by the start of their hour in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class ExternalStatistic:
    """A statistic as the recorder is to have it."""

    statistic_id: str
    name: str
    unit_of_measurement: str | None
    columns: Collection[str]
    """Those that its hours have values in."""

    @property
    def metadata(self) -> StatisticMetaData:
        """Return its metadata as Home Assistant takes them."""
        unit = self.unit_of_measurement
        converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
        has_mean = MEAN in self.columns
        return StatisticMetaData(
            mean_type=StatisticMeanType.ARITHMETIC if has_mean else StatisticMeanType.NONE,
            has_sum=SUM in self.columns,
            name=self.name,
            source=DOMAIN,
            statistic_id=self.statistic_id,
            unit_class=converter.UNIT_CLASS if converter else None,
            unit_of_measurement=unit,
        )


def hours_of(answer: Answer) -> tuple[tuple[str, ...], Hours]:
    """Return the columns of a statistic, and its hours. Raises ExportError for the first bad row.

    It takes a second for some years, and belongs on an executor.
    """
    columns = statistic_columns(answer.columns)
    if answer.is_truncated:
        raise StatisticTooLongError(rows=f"{len(answer.rows):,}")
    hours: Hours = {}
    for row in answer.rows:
        start = _start(row)
        if start in hours:
            raise StatisticTwiceError(start=row[START])
        for column in columns:
            value = row[column]
            if not isinstance(value, int | float) or not isfinite(value):
                raise StatisticValueError(column=column, start=row[START])
        hours[start] = tuple(
            float(row[column]) if column in columns else None for column in _COLUMNS
        )
    return columns, hours


def _start(row: Mapping[str, Any]) -> float:
    """Return the hour of a row. Raises StatisticHourError."""
    text = row[START]
    start = datetime.fromisoformat(text).timestamp() if text else None
    if start is None or start % _HOUR:
        raise StatisticHourError(start=text or "NULL")
    return start


async def async_write(hass: HomeAssistant, statistic: ExternalStatistic, hours: Hours) -> None:
    """Let the recorder have these hours of a statistic, and no others.

    Only hours that differ are handed over, oldest first. Where some are to go, all are cleared
    first, as Home Assistant cannot delete single ones. Raises ExportError.
    """
    check_recorder(hass)
    await async_flush(hass)
    present = await async_read_recorder(hass, _present, hass, statistic.statistic_id)
    if not hours.keys() >= present.keys():
        await async_clear(hass, [statistic.statistic_id])
        present = {}
    changed = await hass.async_add_executor_job(_changed, hours, present)
    metadata = statistic.metadata
    for piece in batched(changed, _HANDED_OVER, strict=False):
        async_add_external_statistics(hass, metadata, piece)
        await async_flush(hass)


async def async_clear(hass: HomeAssistant, statistic_ids: Sequence[str]) -> None:
    """Remove statistics from the recorder."""
    get_instance(hass).async_clear_statistics(list(statistic_ids))
    await async_flush(hass)


def _changed(hours: Hours, present: Hours) -> list[StatisticData]:
    """Return the hours that differ, oldest first; always the newest, which carries the metadata."""
    newest = max(hours, default=None)
    return [
        _data(start, hours[start])
        for start in sorted(hours)
        if start == newest or hours[start] != present.get(start)
    ]


def _present(hass: HomeAssistant, statistic_id: str) -> Hours:
    """Return the hours that the recorder has of a statistic."""
    types = cast(Any, set(_COLUMNS))
    first = datetime.fromtimestamp(0, UTC)
    found = statistics_during_period(hass, first, None, {statistic_id}, "hour", None, types)
    rows: Iterable[Mapping[str, Any]] = found.get(statistic_id, ())
    return {row[START]: tuple(row.get(column) for column in _COLUMNS) for row in rows}


def _data(start: float, values: tuple[float | None, ...]) -> StatisticData:
    """Return an hour as Home Assistant takes it, without what it has no value of."""
    given = {
        column: value for column, value in zip(_COLUMNS, values, strict=True) if value is not None
    }
    return cast(StatisticData, {START: dt_util.utc_from_timestamp(start), **given})
