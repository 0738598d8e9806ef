"""How much a table of the recorder holds, without counting it: by its first and its last row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.components.recorder.db_schema import (
    Events,
    RecorderRuns,
    States,
    Statistics,
    StatisticsShortTerm,
)
from homeassistant.components.recorder.models import process_timestamp
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from ..rows.events import EVENTS
from ..rows.recorder_runs import RECORDER_RUNS
from ..rows.sensor_data import SENSOR_DATA
from ..rows.statistics import STATISTICS, STATISTICS_SHORT_TERM

_DAY = 86_400.0
_SHORTEST = 3_600.0
"""Seconds; what is recorded in less than an hour says little of a day."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """By what the first and the last row of a table are found, and when they are of."""

    id: InstrumentedAttribute[Any]
    time: InstrumentedAttribute[Any]
    period: float | None = None
    """Seconds between rows of one statistic, where there is one at a time of each."""


_ENDS = {
    SENSOR_DATA.name: _Ends(States.state_id, States.last_updated_ts),
    STATISTICS.name: _Ends(Statistics.id, Statistics.start_ts, 3_600.0),
    STATISTICS_SHORT_TERM.name: _Ends(StatisticsShortTerm.id, StatisticsShortTerm.start_ts, 300.0),
    EVENTS.name: _Ends(Events.event_id, Events.time_fired_ts),
    RECORDER_RUNS.name: _Ends(RecorderRuns.run_id, RecorderRuns.start),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """From which id to which a table has rows, and how many come in a day."""

    first: int
    last: int
    per_day: float

    @property
    def rows(self) -> int:
        """Return how many rows there are at most: ids of deleted ones are left out."""
        return self.last - self.first + 1


def read_extent(hass: HomeAssistant, table: str) -> Extent | None:
    """Return the extent of a table, or None when it is empty; this blocks.

    Each query looks up a few rows by an index, however many there are.
    """
    ends = _ENDS[table]
    with session_scope(hass=hass, read_only=True) as session:
        connection = session.connection()
        first = connection.execute(select(func.min(ends.id))).scalar()
        last = connection.execute(select(func.max(ends.id))).scalar()
        if first is None or last is None:
            return None
        until = connection.execute(select(ends.time).where(ends.id == last)).scalar()
        if ends.period:
            # Statistics are kept for ever, so their number says nothing of a day; but those of the
            # latest period come again with each.
            together = select(func.count()).where(ends.time == until)
            per_day = connection.execute(together).scalar_one() * _DAY / ends.period
        else:
            since = connection.execute(select(ends.time).where(ends.id == first)).scalar()
            seconds = max(_SHORTEST, _seconds(until) - _seconds(since))
            per_day = (last - first + 1) * _DAY / seconds
    return Extent(first, last, per_day)


def _seconds(time: object) -> float:
    """Return a time in seconds since 1970; rows that have none are of no time."""
    match time:
        case datetime():
            return process_timestamp(time).timestamp()
        case float():
            return time
    return 0.0
