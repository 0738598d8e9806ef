"""Statistics by the day, as Home Assistant itself adds up their hours."""

from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from homeassistant.components.recorder.statistics import (
    UNIT_CLASS_TO_UNIT_CONVERTER,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .statistics import Statistic

_INSTANT = timedelta(microseconds=1)


class DayOfStatistic(NamedTuple):
    """A day of a statistic: its values are those of `statistics_during_period`.

    Times are in seconds since 1970. What a statistic has not is None.
    """

    start: float
    end: float
    mean: float | None
    min: float | None
    max: float | None
    last_reset: float | None
    state: float | None
    sum: float | None
    change: float | None


def read_days(
    hass: HomeAssistant, statistic: Statistic, first: date, end: date
) -> list[DayOfStatistic]:
    """Return those days of a statistic from `first` on and before `end` that have an hour.

    Days are those of the home's clock. Values are in the unit that the recorder keeps, as those of
    the hours are, and not in the one that the entity has now. This is one short read where the days
    are few, and belongs on the recorder's own executor; it raises SQLAlchemyError, and whatever
    Home Assistant raises of values that are no numbers.
    """
    found = statistics_during_period(
        hass,
        dt_util.start_of_local_day(first),
        dt_util.start_of_local_day(end) - _INSTANT,
        {statistic.statistic_id},
        "day",
        # Of whatever unit class it is: the dictionary is asked for that of this statistic alone.
        cast(
            dict[str, str],
            dict.fromkeys(UNIT_CLASS_TO_UNIT_CONVERTER, statistic.unit_of_measurement),
        ),
        {"mean", "min", "max", "last_reset", "state", "sum", "change"},
    )
    rows = cast(list[dict[str, Any]], found.get(statistic.statistic_id, []))
    return [DayOfStatistic(*(row.get(name) for name in DayOfStatistic._fields)) for row in rows]  # type: ignore[arg-type]
