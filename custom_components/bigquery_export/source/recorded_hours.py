"""What the recorder has of single statistics: their metadata and their hours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from homeassistant.components.recorder.db_schema import (
    Statistics,
    StatisticsRuns,
    StatisticsShortTerm,
)
from homeassistant.components.recorder.models import process_timestamp
from homeassistant.core import HomeAssistant
from sqlalchemy import Select, bindparam, func, select

from .connections import RecorderDatabase
from .statements import as_recorded, fetch, is_finite
from .statistics import METADATA, Statistic, as_statistic

_FIVE_MINUTES = 300.0
"""Seconds that one run of short-term statistics covers."""


class RecordedHour(NamedTuple):
    """A row of statistics, of an hour or of five minutes; times are in seconds since 1970."""

    id: int
    start: float
    last_reset: float | None
    state: float | None
    sum: float | None


class RecordedValues(NamedTuple):
    """The values of an hour of statistics; its start is in seconds since 1970."""

    start: float
    mean: float | None
    mean_weight: float | None
    min: float | None
    max: float | None
    state: float | None
    sum: float | None


def _rows(model: type[Statistics | StatisticsShortTerm]) -> Select[Any]:
    return select(model.id, model.start_ts, model.last_reset_ts, model.state, model.sum).where(
        model.metadata_id == bindparam("metadata_id")
    )


def _from(model: type[Statistics | StatisticsShortTerm]) -> Select[Any]:
    """Return a statement for the first row from a time on."""
    first = model.start_ts >= bindparam("start")
    return _rows(model).where(first).order_by(model.start_ts).limit(1)


_SPAN = (
    _rows(Statistics)
    .where(Statistics.start_ts >= bindparam("first"), Statistics.start_ts < bindparam("end"))
    .order_by(Statistics.start_ts)
)
_VALUES = (
    select(
        Statistics.start_ts,
        Statistics.mean,
        Statistics.mean_weight,
        Statistics.min,
        Statistics.max,
        Statistics.state,
        Statistics.sum,
    )
    .where(
        Statistics.metadata_id == bindparam("metadata_id"),
        Statistics.start_ts >= bindparam("first"),
        Statistics.start_ts < bindparam("end"),
    )
    .order_by(Statistics.start_ts)
)
_BEFORE = (
    _rows(Statistics)
    .where(Statistics.start_ts < bindparam("start"))
    .order_by(Statistics.start_ts.desc())
    .limit(1)
)
_FIRST = (_from(Statistics), _from(StatisticsShortTerm))
_LAST_RUN = select(func.max(as_recorded(StatisticsRuns.start)))
_OLDEST = select(func.min(Statistics.start_ts))
_NEWEST_ID = select(func.max(Statistics.id))


class RecordedHours:
    """Reads long-term statistics by statistic and time.

    Its methods block, and belong on the recorder's own executor. Each is one short read.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is read yet."""
        self._database = RecorderDatabase(hass)

    def statistics(self) -> dict[str, tuple[int, Statistic]]:
        """Return all statistics by their id, each with the recorder's number of its metadata."""
        found = self._fetch(METADATA)
        known = ((int(id_), as_statistic(*values)) for id_, *values in found)
        return {statistic.statistic_id: (id_, statistic) for id_, statistic in known}

    def hours(self, metadata_id: int, first: float, end: float) -> list[RecordedHour]:
        """Return the hours of a statistic that begin from `first` on and before `end`."""
        values = {"metadata_id": metadata_id, "first": first, "end": end}
        return _hours(self._fetch(_SPAN, values))

    def values(self, metadata_id: int, first: float, end: float) -> list[RecordedValues]:
        """Return the values of the hours of a statistic from `first` on and before `end`."""
        values = {"metadata_id": metadata_id, "first": first, "end": end}
        return [
            RecordedValues(start, *(value if is_finite(value) else None for value in others))
            for start, *others in self._fetch(_VALUES, values)
            if is_finite(start)
        ]

    def before(self, metadata_id: int, start: float) -> RecordedHour | None:
        """Return the last hour of a statistic that begins before a time."""
        found = self._fetch(_BEFORE, {"metadata_id": metadata_id, "start": start})
        return next(iter(_hours(found)), None)

    def first_from(self, metadata_id: int, start: float) -> RecordedHour | None:
        """Return the first hour of a statistic from a time on, or else its first five minutes."""
        for statement in _FIRST:
            if found := _hours(
                self._fetch(statement, {"metadata_id": metadata_id, "start": start})
            ):
                return found[0]
        return None

    def compiled_until(self) -> float:
        """Return until when the recorder has compiled statistics, in seconds since 1970."""
        ((time,),) = self._fetch(_LAST_RUN)
        if not isinstance(time, datetime):
            return float("-inf")
        return process_timestamp(time).timestamp() + _FIVE_MINUTES

    def oldest(self) -> float | None:
        """Return when the oldest hour of all statistics begins, None if there is none."""
        ((time,),) = self._fetch(_OLDEST)
        return cast(float | None, time)

    def newest_id(self) -> int:
        """Return the highest id of all hours, or 0 when there is none."""
        ((id_,),) = self._fetch(_NEWEST_ID)
        return int(id_ or 0)

    def _fetch(
        self, statement: Select[Any], values: dict[str, Any] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        with self._database.connected() as connection:
            return fetch(connection, statement, values)


def _hours(rows: Sequence[tuple[Any, ...]]) -> list[RecordedHour]:
    """Return those rows whose time is a number, with the numbers of each: SQLite keeps others."""
    return [
        RecordedHour(id_, start, *(value if is_finite(value) else None for value in values))
        for id_, start, *values in rows
        if is_finite(start)
    ]
