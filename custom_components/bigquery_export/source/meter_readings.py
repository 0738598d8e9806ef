"""Reading the hourly statistics of meters: what the meter said, and what its sum said."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from homeassistant.components.recorder.const import DOMAIN as RECORDER_DOMAIN
from homeassistant.components.recorder.db_schema import Statistics, StatisticsMeta
from homeassistant.core import HomeAssistant
from sqlalchemy import Executable, bindparam, func, select

from .connections import RecorderDatabase
from .plan import PIECE_ROWS
from .statements import as_text, fetch, is_finite


class MeterReading(NamedTuple):
    """One hour of a statistic with a sum, as it was at the end of the hour."""

    start: float
    """When the hour began, in seconds since 1970."""
    state: float
    sum: float
    last_reset: float | None
    """In seconds since 1970; None where the meter does not say."""


class Meter(NamedTuple):
    """A statistic with a sum, of an entity of the home."""

    metadata_id: int
    statistic_id: str
    unit_of_measurement: str | None


_METERS = select(
    StatisticsMeta.id, StatisticsMeta.statistic_id, StatisticsMeta.unit_of_measurement
).where(StatisticsMeta.has_sum.is_(True), StatisticsMeta.source == RECORDER_DOMAIN)
# To SQLite a text is greater than all numbers.
_NEWEST = select(func.max(Statistics.start_ts)).where(Statistics.start_ts < 1e12)
_READINGS = select(
    Statistics.start_ts, Statistics.state, Statistics.sum, Statistics.last_reset_ts
).where(
    Statistics.metadata_id == bindparam("metadata_id"),
    Statistics.state.is_not(None),
    Statistics.sum.is_not(None),
)
_SPAN = (
    _READINGS.where(
        Statistics.start_ts >= bindparam("first"), Statistics.start_ts <= bindparam("last")
    )
    .order_by(Statistics.start_ts)
    .limit(bindparam("limit"))
)
_BEFORE = (
    _READINGS.where(Statistics.start_ts < bindparam("first"))
    .order_by(Statistics.start_ts.desc())
    .limit(bindparam("limit"))
)


class MeterReadings:
    """Reads meters and their hours, each call in a session of its own. Its methods block."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is read yet."""
        self._database = RecorderDatabase(hass)

    def meters(self) -> list[Meter]:
        """Return the statistics with a sum that the recorder compiles; imported ones are not."""
        return [
            Meter(id_, as_text(statistic_id) or "", as_text(unit))
            for id_, statistic_id, unit in self._fetch(_METERS, {})
        ]

    def newest(self) -> float | None:
        """Return when the newest hour of all statistics began, None where there is none."""
        ((newest,),) = self._fetch(_NEWEST, {})
        return float(newest) if is_finite(newest) else None

    def span(
        self, metadata_id: int, first: float, last: float, limit: int = PIECE_ROWS
    ) -> list[MeterReading]:
        """Return the hours with `first` <= start <= `last`, oldest first, and at most `limit`."""
        values = {"metadata_id": metadata_id, "first": first, "last": last, "limit": limit}
        return _readings(self._fetch(_SPAN, values))

    def before(self, metadata_id: int, first: float, limit: int) -> list[MeterReading]:
        """Return the last hours before a time, oldest first, and at most `limit`."""
        values = {"metadata_id": metadata_id, "first": first, "limit": limit}
        return _readings(self._fetch(_BEFORE, values))[::-1]

    def _fetch(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with self._database.connected() as connection:
            return fetch(connection, statement, values)


def _readings(rows: Sequence[tuple[Any, ...]]) -> list[MeterReading]:
    """Return those rows whose values are numbers: SQLite keeps others, too."""
    return [
        MeterReading(start, state, sum_, last_reset if is_finite(last_reset) else None)
        for start, state, sum_, last_reset in rows
        if is_finite(start) and is_finite(state) and is_finite(sum_)
    ]
