"""All sources, in the order in which they are exported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.components.recorder.db_schema import Statistics, StatisticsShortTerm
from homeassistant.core import HomeAssistant

from ..source.events import EventsReader
from ..source.recorder_runs import RecorderRunsReader
from ..source.states import StatesReader
from ..source.statistics import StatisticsReader
from .encoding import Encoding
from .events import EVENTS, EventChoice
from .events_encoder import EventEncoder
from .local_time import Place
from .recorder_runs import RECORDER_RUNS
from .recorder_runs_encoder import RecorderRunsEncoder
from .sensor_data import SENSOR_DATA
from .source import RecorderSource, Source
from .state_encoder import StateEncoder
from .statistics import FIVE_MINUTES, HOUR, STATISTICS, STATISTICS_SHORT_TERM
from .statistics_encoder import StatisticsEncoder
from .tables import Table


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the sources of one run depend on."""

    hass: HomeAssistant
    run_values: Mapping[str, Any]
    """The values that all rows of the run share."""
    place: Place
    events: EventChoice = field(default_factory=EventChoice)


def _sensor_data(run: Circumstances, encoding: Encoding) -> Source[Any]:
    return RecorderSource(
        SENSOR_DATA, StatesReader(run.hass), StateEncoder(encoding, run.run_values, run.place)
    )


def _statistics(run: Circumstances, encoding: Encoding) -> Source[Any]:
    return RecorderSource(
        STATISTICS,
        StatisticsReader(run.hass, Statistics),
        StatisticsEncoder(encoding, run.run_values, run.place, HOUR),
    )


def _statistics_short_term(run: Circumstances, encoding: Encoding) -> Source[Any]:
    return RecorderSource(
        STATISTICS_SHORT_TERM,
        StatisticsReader(run.hass, StatisticsShortTerm),
        StatisticsEncoder(encoding, run.run_values, run.place, FIVE_MINUTES),
    )


def _events(run: Circumstances, encoding: Encoding) -> Source[Any]:
    return RecorderSource(
        EVENTS,
        EventsReader(run.hass, run.events.types),
        EventEncoder(encoding, run.run_values, run.place, run.events),
    )


def _recorder_runs(run: Circumstances, encoding: Encoding) -> Source[Any]:
    return RecorderSource(
        RECORDER_RUNS,
        RecorderRunsReader(run.hass),
        RecorderRunsEncoder(encoding, run.run_values),
    )


_SOURCES: Mapping[str, tuple[Table, Callable[[Circumstances, Encoding], Source[Any]]]] = {
    table.name: (table, make)
    for table, make in (
        (SENSOR_DATA, _sensor_data),
        (STATISTICS, _statistics),
        (STATISTICS_SHORT_TERM, _statistics_short_term),
        (EVENTS, _events),
        (RECORDER_RUNS, _recorder_runs),
    )
}
SOURCE_TABLES = tuple(table for table, _ in _SOURCES.values())
"""The tables that have a source."""


def open_source(
    table: Table, run: Circumstances, encoding: Callable[[Table], Encoding]
) -> Source[Any]:
    """Return a table's source for one run; nothing is read yet."""
    _, make = _SOURCES[table.name]
    return make(run, encoding(table))
