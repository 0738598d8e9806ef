"""The questions of language models: their fields, and how they are answered.

Values reach BigQuery as parameters only. Numbers are rounded, and there are at most 200 rows.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import probatio

from ..bigquery.select_query import Parameter, Statement
from ..query.buckets import Period
from ..query.queries import Asker
from ..query.query_request import QueryRequest, price
from ..query.state_series import async_states
from ..query.statistic_series import StatisticSeries, Window, async_statistics
from ..source.readiness import async_read_recorder
from ..source.recorded_hours import RecordedHours
from .entities import ExposedEntities

type Fields = Mapping[str, Any]
type Answer = dict[str, Any]
_MAX_ROWS = 200
_DIGITS = 3
_LOOK_BACK = timedelta(days=365)


class TimeError(ValueError):
    """A time that cannot be used: the text says so to the model."""


class Asked:
    """One question of a model: whom it is answered for, and with what."""

    def __init__(
        self, hass: HomeAssistant, asker: Asker, exposed: ExposedEntities, user_id: str | None
    ) -> None:
        """Prepare; nothing is asked yet."""
        self.hass = hass
        self.asker = asker
        self.exposed = exposed
        self.user_id = user_id

    async def async_rows(self, sql: str, *parameters: Parameter) -> tuple[list[Answer], int]:
        """Return rows of BigQuery, and the bytes that they were billed for. Raises ExportError."""
        source = Parameter("source", "STRING", await instance_id.async_get(self.hass))
        statement = Statement(sql, (source, *parameters))
        request = QueryRequest(statement, max_rows=10_000, user_id=self.user_id)
        answer = (await self.asker.async_ask(request)).answer
        return answer.rows, answer.bytes_billed


_NAME = {
    probatio.Required("name", description="Name or alias of an exposed entity"): str,
    probatio.Optional("area", description="Its area, if several have the name"): str,
}
_TIMES = {
    probatio.Required("start", description="ISO 8601 date or time, local"): str,
    probatio.Optional("end", description="Until before then, ISO 8601; now without it"): str,
}
HISTORY = probatio.Schema(
    {
        **_NAME,
        **_TIMES,
        probatio.Optional(
            "period", description="How long each part is: longer ones for longer times"
        ): probatio.In([period.value for period in Period]),
    }
)
COMPARE = probatio.Schema(
    {
        **_NAME,
        **_TIMES,
        probatio.Required("other_start", description="Start of the other period"): str,
        probatio.Required("other_end", description="End of the other period"): str,
    }
)
LAST_TIME = probatio.Schema(
    {
        **_NAME,
        probatio.Required("state", description="The state, as Home Assistant has it: on"): str,
        probatio.Optional("since", description="Look back until then; a year without it"): str,
    }
)
UNUSUAL = probatio.Schema(_TIMES)
ENERGY = probatio.Schema(_TIMES)
WHY = probatio.Schema(
    {**_NAME, probatio.Optional("moment", description="ISO 8601; now without it"): str}
)


async def async_history(asked: Asked, fields: Fields) -> Answer:
    """Return what an entity was over a time: its statistics by period, or its states."""
    entity_id = asked.exposed.async_find(fields["name"], fields.get("area"))
    start, end = _span(fields)
    if await _async_has_statistics(asked, entity_id):
        period = Period(fields.get("period") or Period.HOUR)
        series, billed = await _async_statistic(asked, entity_id, start, end, period)
        return {"entity_id": entity_id, **_shown(series), **_cost(billed)}
    answer = await async_states(
        asked.hass, asked.asker, [entity_id], start, end, max_rows=10_000, user_id=asked.user_id
    )
    changes = answer.series[0].changes
    rows = [
        {"state": change.state, "since": _local(max(start, change.time))}
        for change in changes[:_MAX_ROWS]
    ]
    more = answer.truncated or len(changes) > _MAX_ROWS
    return {"entity_id": entity_id, "states": rows, "more": more, **_cost(answer.bytes_billed)}


async def async_compare(asked: Asked, fields: Fields) -> Answer:
    """Return what a statistic was in two periods, and how they differ."""
    entity_id = asked.exposed.async_find(fields["name"], fields.get("area"))
    spans = _span(fields), _times(fields["other_start"], fields["other_end"])
    found, billed = [], 0
    for start, end in spans:
        series, bytes_billed = await _async_statistic(asked, entity_id, start, end, Period.HOUR)
        found.append(_summary(series))
        billed += bytes_billed
    one, other = found
    differences = {
        name: _rounded(one[name] - other[name])
        for name in ("mean", "change")
        if name in one and name in other
    }
    return {
        "entity_id": entity_id,
        "unit": series.unit,
        "period": one,
        "other_period": other,
        "difference": differences,
        **_cost(billed),
    }


async def async_last_time(asked: Asked, fields: Fields) -> Answer:
    """Return when an entity was last in a state."""
    entity_id = asked.exposed.async_find(fields["name"], fields.get("area"))
    now = dt_util.utcnow()
    since = _time(fields["since"]) if fields.get("since") else now - _LOOK_BACK
    recent = await async_states(
        asked.hass,
        asked.asker,
        [entity_id],
        max(since, _oldest_state(asked.hass)),
        now,
        max_rows=10_000,
        user_id=asked.user_id,
    )
    matching = [one for one in recent.series[0].changes if one.state == fields["state"]]
    if matching:
        return {"entity_id": entity_id, "last": _local(matching[-1].time), **_cost(0)}
    rows, billed = await asked.async_rows(
        """
        SELECT MAX(last_updated) AS last FROM sensor_data
        WHERE last_changed >= @since AND last_changed < @end
          AND source = @source AND entity_id = @name AND state = @state
        """,
        Parameter("since", "TIMESTAMP", since),
        Parameter("end", "TIMESTAMP", now),
        Parameter("name", "STRING", entity_id),
        Parameter("state", "STRING", fields["state"]),
    )
    last = dt_util.parse_datetime(rows[0]["last"]) if rows and rows[0]["last"] else None
    return {"entity_id": entity_id, "last": _local(last) if last else None, **_cost(billed)}


async def async_unusual(asked: Asked, fields: Fields) -> Answer:
    """Return the hours of a time that were unusual for their hour of the week."""
    start, end = _span(fields)
    rows, billed = await asked.async_rows(
        """
        SELECT statistic_id, start, value, usual, deviation
        FROM unusual_hours(@begin, @end) WHERE source = @source ORDER BY start DESC
        """,
        Parameter("begin", "TIMESTAMP", start),
        Parameter("end", "TIMESTAMP", end),
    )
    may = asked.exposed.async_only(row["statistic_id"] for row in rows)
    hours = [
        {
            "entity_id": row["statistic_id"],
            "start": _local(dt_util.parse_datetime(row["start"], raise_on_error=True)),
            "value": _rounded(row["value"]),
            "usual": _rounded(row["usual"]),
        }
        for row in rows
        if row["statistic_id"] in may
    ]
    return {"hours": hours[:_MAX_ROWS], "more": len(hours) > _MAX_ROWS, **_cost(billed)}


async def async_energy(asked: Asked, fields: Fields) -> Answer:
    """Return how much energy, gas and water it was, and what it has cost."""
    start, end = _span(fields)
    rows, billed = await asked.async_rows(
        """
        SELECT flow, statistic_id, unit, currency, SUM(amount) AS amount, SUM(cost) AS cost
        FROM daily_energy(@begin, @end) WHERE source = @source
        GROUP BY flow, statistic_id, unit, currency ORDER BY flow, statistic_id
        """,
        Parameter("begin", "TIMESTAMP", start),
        Parameter("end", "TIMESTAMP", end),
    )
    may = asked.exposed.async_only(row["statistic_id"] for row in rows)
    meters = [
        {
            "flow": row["flow"],
            "entity_id": row["statistic_id"],
            "amount": _rounded(row["amount"]),
            "unit": row["unit"],
            "cost": _rounded(row["cost"]),
            "currency": row["currency"],
        }
        for row in rows
        if row["statistic_id"] in may
    ]
    return {"meters": meters[:_MAX_ROWS], **_cost(billed)}


async def async_why(asked: Asked, fields: Fields) -> Answer:
    """Return what led to the state that an entity had at a moment."""
    entity_id = asked.exposed.async_find(fields["name"], fields.get("area"))
    moment = _time(fields["moment"]) if fields.get("moment") else dt_util.utcnow()
    rows, billed = await asked.async_rows(
        "SELECT state, since, path FROM why(@name, @moment) WHERE source = @source",
        Parameter("name", "STRING", entity_id),
        Parameter("moment", "TIMESTAMP", moment),
    )
    if not rows:
        return {"entity_id": entity_id, "path": None, **_cost(billed)}
    steps = rows[0]["path"].split(" > ")
    may = asked.exposed.async_only(step for step in steps if step != "person")
    path = [step if step in may or step == "person" else "(not exposed)" for step in steps]
    since = _local(dt_util.parse_datetime(rows[0]["since"], raise_on_error=True))
    return {
        "entity_id": entity_id,
        "state": rows[0]["state"],
        "since": since,
        "path": path,
        **_cost(billed),
    }


async def _async_has_statistics(asked: Asked, entity_id: str) -> bool:
    known = await async_read_recorder(asked.hass, RecordedHours(asked.hass).statistics)
    return entity_id in known


async def _async_statistic(
    asked: Asked, entity_id: str, start: datetime, end: datetime, period: Period
) -> tuple[StatisticSeries, int]:
    """Return a statistic by the shortest period, from the given one on, with few enough rows."""
    periods = list(Period)
    for longer in periods[periods.index(period) :]:
        window = Window.around(start, end, longer)
        if window.periods <= _MAX_ROWS:
            break
    answer = await async_statistics(asked.hass, asked.asker, [entity_id], window, asked.user_id)
    return answer.series[0], answer.bytes_billed


def _shown(series: StatisticSeries) -> Answer:
    rows = [
        {name: _rounded(value) for name, value in row.items() if name != "sum"}
        for row in series.rows()
    ]
    return {"unit": series.unit, "summary": _summary(series), "periods": rows[:_MAX_ROWS]}


def _summary(series: StatisticSeries) -> Answer:
    """Return what all periods of a series come to."""
    if not series.buckets:
        return {}
    whole, *others = series.buckets
    for bucket in others:
        whole = whole.plus(bucket)
    values = {"mean": whole.mean(circular=series.circular), "min": whole.min, "max": whole.max}
    changes = [row["change"] for row in series.rows() if "change" in row]
    values["change"] = sum(changes) if changes else None
    return {name: _rounded(value) for name, value in values.items() if value is not None}


def _span(fields: Fields) -> tuple[datetime, datetime]:
    return _times(fields["start"], fields.get("end"))


def _times(start: str, end: str | None) -> tuple[datetime, datetime]:
    first, last = _time(start), _time(end) if end else dt_util.utcnow()
    if last <= first:
        raise TimeError("The end is not after the start.")
    return first, last


def _time(text: str) -> datetime:
    """Return a time in UTC; a date is when its day begins. Raises TimeError."""
    if (moment := dt_util.parse_datetime(text)) is not None:
        return dt_util.as_utc(moment)
    if (day := dt_util.parse_date(text)) is not None:
        return dt_util.as_utc(dt_util.start_of_local_day(day))
    raise TimeError(f"{text[:40]!r} is no time. Write ISO 8601, such as 2024-01-31.")


def _oldest_state(hass: HomeAssistant) -> datetime:
    oldest = get_instance(hass).states_manager.oldest_ts
    return dt_util.utcnow() if oldest is None else dt_util.utc_from_timestamp(oldest)


def _local(time: datetime) -> str:
    return dt_util.as_local(time).isoformat(timespec="seconds")


def _rounded(value: object) -> object:
    return round(value, _DIGITS) if isinstance(value, float) else value


def _cost(billed: int) -> Answer:
    return {"cost_usd": round(price(billed), 6)} if billed else {}
