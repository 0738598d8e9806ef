"""The fields of the actions that read histories, and their responses."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from homeassistant.core import ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from ..query.buckets import Period
from ..query.query_request import price
from ..query.state_series import StateAnswer
from ..query.statistic_series import Source, StatisticAnswer, Window
from ..translation import validation_error
from .fields import ENTRY_SCHEMA
from .query_fields import CONF_MAX_ROWS, MAX_ROWS

CONF_END_TIME = "end_time"
CONF_ENTITY_IDS = "entity_ids"
CONF_PERIOD = "period"
CONF_START_TIME = "start_time"
CONF_STATISTIC_IDS = "statistic_ids"
_MOST_SERIES = 20
_MOST_PERIODS = 10_000
_TIMES = {
    probatio.Required(CONF_START_TIME): cv.datetime,
    probatio.Optional(CONF_END_TIME): cv.datetime,
}
HISTORY_SCHEMA = ENTRY_SCHEMA.extend(
    {
        **_TIMES,
        probatio.Required(CONF_ENTITY_IDS): probatio.All(
            cv.entity_ids, probatio.Length(min=1, max=_MOST_SERIES)
        ),
        probatio.Optional(CONF_MAX_ROWS, default=1_000): probatio.All(
            probatio.Coerce(int), probatio.Range(min=1, max=MAX_ROWS)
        ),
    }
)
STATISTICS_SCHEMA = ENTRY_SCHEMA.extend(
    {
        **_TIMES,
        probatio.Required(CONF_STATISTIC_IDS): probatio.All(
            cv.ensure_list, [cv.string], probatio.Length(min=1, max=_MOST_SERIES)
        ),
        probatio.Optional(CONF_PERIOD, default=Period.DAY): probatio.Coerce(Period),
    }
)


def span_of(call: ServiceCall) -> tuple[datetime, datetime]:
    """Return the time that an action asks for, in UTC. Raises ServiceValidationError."""
    start = dt_util.as_utc(call.data[CONF_START_TIME])
    end = dt_util.as_utc(call.data.get(CONF_END_TIME) or dt_util.utcnow())
    if end <= start:
        raise validation_error("end_before_start", start=str(start), end=str(end))
    return start, end


def window_of(call: ServiceCall) -> Window:
    """Return the time, by periods, that an action asks for. Raises ServiceValidationError."""
    window = Window.around(*span_of(call), call.data[CONF_PERIOD])
    if (periods := window.periods * len(call.data[CONF_STATISTIC_IDS])) > _MOST_PERIODS:
        raise validation_error("series_too_long", periods=f"{periods:,}", most=f"{_MOST_PERIODS:,}")
    return window


def statistics_response(answer: StatisticAnswer) -> dict[str, Any]:
    """Return the response with statistics: by id, with units, and where each part is from.

    Of 10,000 periods that takes too long for the event loop.
    """
    return {
        "statistics": {series.statistic_id: series.rows() for series in answer.series},
        "units": {series.statistic_id: series.unit for series in answer.series},
        "sources": _sources((one.statistic_id, one.sources) for one in answer.series),
        **_cost(answer),
    }


def history_response(answer: StateAnswer) -> dict[str, Any]:
    """Return the response with states: by entity, and where each part is from.

    Of 10,000 states that takes too long for the event loop.
    """
    return {
        "history": {
            series.entity_id: [
                {"state": change.state, "last_changed": dt_util.as_local(change.time).isoformat()}
                for change in series.changes
            ]
            for series in answer.series
        },
        "sources": _sources((one.entity_id, one.sources) for one in answer.series),
        **_cost(answer),
    }


def _sources(sources: Iterable[tuple[str, list[Source]]]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [
            {
                "source": source.name,
                "start": dt_util.as_local(source.start).isoformat(),
                "end": dt_util.as_local(source.end).isoformat(),
            }
            for source in parts
        ]
        for name, parts in sources
    }


def _cost(answer: StatisticAnswer | StateAnswer) -> dict[str, Any]:
    return {
        "truncated": answer.truncated,
        "bytes_billed": answer.bytes_billed,
        "cost": round(price(answer.bytes_billed), 6),
    }
