"""States over any time as one series: from the recorder what it has, from BigQuery the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from homeassistant.components.recorder.history import get_significant_states
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import instance_id
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..bigquery.select_query import Parameter, Statement
from ..source.readiness import async_read_recorder
from .queries import Asker
from .query_request import QueryRequest
from .statistic_series import Row, Source

_BEFORE = timedelta(days=1)
"""How long before the beginning a state is looked for that still held then."""
_SQL = """
SELECT entity_id, state, last_updated
FROM (
  SELECT
    entity_id, state, last_updated,
    LEAD(last_updated) OVER (PARTITION BY entity_id ORDER BY last_updated, state_id) AS until
  FROM sensor_data
  WHERE last_changed >= @begin AND last_changed < @end AND last_updated < @end
    AND source = @source AND entity_id IN UNNEST(@names)
)
WHERE until IS NULL OR until > @start
ORDER BY last_updated
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A state, and since when it held."""

    state: str | None
    """None says that the entity was removed."""
    time: datetime


@dataclass(slots=True)
class StateSeries:
    """The states of an entity over a time, the oldest first: each is another one than before.

    The first one held when the time began, if that is known.
    """

    entity_id: str
    changes: list[Change] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)


@dataclass(slots=True)
class StateAnswer:
    """Several series, and what they have cost."""

    series: list[StateSeries]
    bytes_billed: int = 0
    truncated: bool = False
    """Whether there were more states in BigQuery: the latest of its part are missing."""


async def async_states(
    hass: HomeAssistant,
    asker: Asker,
    entity_ids: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    max_rows: int,
    user_id: str | None = None,
) -> StateAnswer:
    """Return the states of entities over a time. Raises ExportError."""
    oldest = get_instance(hass).states_manager.oldest_ts
    since = end if oldest is None else dt_util.utc_from_timestamp(oldest)
    answer = StateAnswer([StateSeries(entity_id) for entity_id in entity_ids])
    if start < since:
        until = min(end, since)
        await _async_add_older(hass, asker, answer, start, until, max_rows, user_id)
    if since < end:
        begin = max(start, since)
        # Home Assistant returns what came after a time, and the oldest state came at that time.
        after = begin if start >= since else begin - timedelta(microseconds=1)
        recorded = await async_read_recorder(
            hass, _recorded, hass, list(entity_ids), after, end, start >= since
        )
        for series in answer.series:
            _add(series, recorded.get(series.entity_id, []), Source(begin, end, "recorder"))
    return answer


async def _async_add_older(
    hass: HomeAssistant,
    asker: Asker,
    answer: StateAnswer,
    start: datetime,
    until: datetime,
    max_rows: int,
    user_id: str | None,
) -> None:
    privacy = await asker.async_privacy()
    names = {privacy.entity(series.entity_id): series for series in answer.series}
    statement = Statement(
        _SQL,
        (
            Parameter("begin", "TIMESTAMP", start - _BEFORE),
            Parameter("start", "TIMESTAMP", start),
            Parameter("end", "TIMESTAMP", until),
            Parameter("source", "STRING", await instance_id.async_get(hass)),
            Parameter("names", "STRING", list(names)),
        ),
    )
    found = (await asker.async_ask(QueryRequest(statement, max_rows, user_id=user_id))).answer
    answer.bytes_billed += found.bytes_billed
    answer.truncated = found.is_truncated
    await hass.async_add_executor_job(_add_older, names, found.rows, start, until)


def _add_older(
    names: Mapping[str, StateSeries], rows: Sequence[Row], start: datetime, until: datetime
) -> None:
    """Add what BigQuery has to the series by their names there."""
    changes: dict[str, list[Change]] = {name: [] for name in names}
    for row in rows:
        changes[row["entity_id"]].append(_change(row))
    for name, series in names.items():
        before = [change for change in changes[name] if change.time <= start][-1:]
        later = [change for change in changes[name] if change.time > start]
        _add(series, [*before, *later], Source(start, until, "bigquery"))


def _recorded(
    hass: HomeAssistant, entity_ids: list[str], start: datetime, end: datetime, with_start: bool
) -> dict[str, list[Change]]:
    """Return what the recorder has; this belongs on its executor."""
    found = get_significant_states(
        hass,
        start,
        end,
        entity_ids,
        include_start_time_state=with_start,
        significant_changes_only=False,
        no_attributes=True,
    )
    return {
        entity_id: [
            Change(state.state, state.last_changed) for state in states if isinstance(state, State)
        ]
        for entity_id, states in found.items()
    }


def _add(series: StateSeries, changes: Sequence[Change], source: Source) -> None:
    """Add later states to a series, without those that repeat the one before."""
    if changes:
        series.sources.append(source)
    for change in changes:
        if not series.changes or series.changes[-1].state != change.state:
            series.changes.append(change)


def _change(row: Row) -> Change:
    time = dt_util.parse_datetime(row["last_updated"], raise_on_error=True)
    return Change(row["state"], dt_util.as_utc(time))
