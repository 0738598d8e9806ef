"""A history as Home Assistant's own API returns it.

What the API leaves out of a row is read with the recorder's own models.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from homeassistant.components.recorder.db_schema import (
    EventData,
    Events,
    EventTypes,
    RecorderRuns,
    SchemaChanges,
    States,
    StatesMeta,
    Statistics,
    StatisticsMeta,
    StatisticsRuns,
    StatisticsShortTerm,
)
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.components.recorder.models import (
    bytes_to_ulid_or_none,
    bytes_to_uuid_hex_or_none,
    process_timestamp,
)
from homeassistant.components.recorder.statistics import get_metadata, statistics_during_period
from homeassistant.core import HomeAssistant, State, split_entity_id
from homeassistant.helpers.recorder import session_scope
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.components.recorder.common import (
    db_event_data_to_native,
    db_event_to_native,
)
from sqlalchemy import select

from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.history_rows import (
    ContextRow,
    EventRow,
    History,
    RunRow,
    SchemaChangeRow,
    StateRow,
    StatisticRow,
    StatisticsRunRow,
    canonical,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING = _EPOCH + timedelta(days=1)
_TYPES: tuple[Literal["mean", "min", "max", "last_reset", "state", "sum", "change"], ...] = (
    *("mean", "min", "max"),
    *("last_reset", "state", "sum", "change"),
)
_PERIODS: dict[str, tuple[Literal["hour", "5minute"], Any]] = {
    "statistics": ("hour", Statistics),
    "statistics_short_term": ("5minute", StatisticsShortTerm),
}


async def known(hass: HomeAssistant, events: Iterable[str]) -> History:
    """Return what Home Assistant knows: of events those of some types, and of runs the ended."""
    return await in_recorder(hass, _known, hass, frozenset(events))


def _known(hass: HomeAssistant, events: frozenset[str]) -> History:
    return {
        "sensor_data": Counter(_known_states(hass)),
        "contexts": Counter(_known_contexts(hass)),
        "statistics": Counter(_known_statistics(hass, "statistics")),
        "statistics_short_term": Counter(_known_statistics(hass, "statistics_short_term")),
        "events": Counter(row for row in _known_events(hass) if row.event_type in events),
        "recorder_runs": Counter(_known_runs(hass)),
        "schema_changes": Counter(_known_schema_changes(hass)),
        "statistics_runs": Counter(_known_statistics_runs(hass)),
    }


def _known_states(hass: HomeAssistant) -> Iterator[StateRow]:
    with session_scope(hass=hass, read_only=True) as session:
        found = session.scalars(select(StatesMeta.entity_id))
        entity_ids = [entity_id for entity_id in found if entity_id]
    if not entity_ids:
        return
    history = get_significant_states(
        hass,
        _BEGINNING,
        entity_ids=entity_ids,
        include_start_time_state=False,
        significant_changes_only=False,
        minimal_response=False,
    )
    for entity_id, states in history.items():
        for state in states:
            assert isinstance(state, State)
            attributes = state.attributes
            yield StateRow(
                entity_id=entity_id,
                state=state.state,
                attributes=canonical(attributes),
                last_changed=_micros(state.last_changed),
                last_updated=_micros(state.last_updated),
                domain=split_entity_id(entity_id)[0],
                friendly_name=attributes.get("friendly_name"),
                unit_of_measurement=attributes.get("unit_of_measurement"),
                device_class=attributes.get("device_class"),
                state_class=attributes.get("state_class"),
            )


def _known_contexts(hass: HomeAssistant) -> Iterator[ContextRow]:
    with session_scope(hass=hass, read_only=True) as session:
        for entity_id, state in session.execute(
            select(StatesMeta.entity_id, States).where(States.metadata_id == StatesMeta.metadata_id)
        ):
            yield ContextRow(
                entity_id,
                _micros(dt_util.utc_from_timestamp(state.last_updated_ts)),
                state.state,
                bytes_to_ulid_or_none(state.context_id_bin),
                bytes_to_uuid_hex_or_none(state.context_user_id_bin),
                bytes_to_ulid_or_none(state.context_parent_id_bin),
            )


def _known_statistics(hass: HomeAssistant, table: str) -> Iterator[StatisticRow]:
    period, model = _PERIODS[table]
    with session_scope(hass=hass, read_only=True) as session:
        left_out = {
            (statistic_id, start): (weight, created)
            for statistic_id, start, weight, created in session.execute(
                select(
                    StatisticsMeta.statistic_id, model.start_ts, model.mean_weight, model.created_ts
                ).where(model.metadata_id == StatisticsMeta.id)
            )
        }
    for statistic_id, (_, metadata) in get_metadata(hass).items():
        unit, unit_class = metadata["unit_of_measurement"], metadata["unit_class"]
        found = statistics_during_period(
            hass,
            _BEGINNING,
            None,
            {statistic_id},
            period,
            {unit_class: unit} if unit_class and unit else None,
            set(_TYPES),
        )
        for row in found.get(statistic_id, []):
            values: dict[str, Any] = {name: row.get(name) for name in _TYPES}
            values["last_reset"] = _micros_of(row.get("last_reset"))
            weight, created = left_out[statistic_id, row["start"]]
            yield StatisticRow(
                statistic_id=statistic_id,
                start=_micros(dt_util.utc_from_timestamp(row["start"])),
                end=_micros(dt_util.utc_from_timestamp(row["end"])),
                **values,
                mean_weight=weight,
                created=_micros(dt_util.utc_from_timestamp(created)),
                statistic_source=metadata["source"],
                name=metadata["name"],
                unit_of_measurement=unit,
                unit_class=unit_class,
                mean_type=metadata["mean_type"].name.lower(),
                has_sum=metadata["has_sum"],
            )


def _known_events(hass: HomeAssistant) -> Iterator[EventRow]:
    with session_scope(hass=hass, read_only=True) as session:
        for event, event_type, data in session.execute(
            select(Events, EventTypes, EventData)
            .join(EventTypes, Events.event_type_id == EventTypes.event_type_id)
            .outerjoin(EventData, Events.data_id == EventData.data_id)
        ):
            native = db_event_to_native(event)
            assert native is not None
            yield EventRow(
                event_type=event_type.event_type,
                time_fired=_micros(native.time_fired),
                event_data=canonical(db_event_data_to_native(data)) if data else None,
                origin=native.origin.value,
                context_id=native.context.id,
                context_user_id=native.context.user_id,
                context_parent_id=native.context.parent_id,
            )


def _known_runs(hass: HomeAssistant) -> Iterator[RunRow]:
    with session_scope(hass=hass, read_only=True) as session:
        for run in session.scalars(select(RecorderRuns).where(RecorderRuns.end.is_not(None))):
            start, end, created = (
                _micros(process_timestamp(time)) for time in (run.start, run.end, run.created)
            )
            yield RunRow(start, end, run.closed_incorrect, created)


def _known_schema_changes(hass: HomeAssistant) -> Iterator[SchemaChangeRow]:
    with session_scope(hass=hass, read_only=True) as session:
        for change in session.scalars(select(SchemaChanges)):
            changed = _micros(process_timestamp(change.changed))
            yield SchemaChangeRow(changed, change.schema_version)


def _known_statistics_runs(hass: HomeAssistant) -> Iterator[StatisticsRunRow]:
    with session_scope(hass=hass, read_only=True) as session:
        for start in session.scalars(select(StatisticsRuns.start)):
            yield StatisticsRunRow(_micros(process_timestamp(start)))


def _micros(time: datetime | None) -> int:
    assert time is not None
    return (time - _EPOCH) // timedelta(microseconds=1)


def _micros_of(seconds: float | None) -> int | None:
    return None if seconds is None else _micros(dt_util.utc_from_timestamp(seconds))
