"""Meters of a home whose hours the recorder compiles, in times that are past."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from homeassistant.components.recorder.db_schema import Statistics, StatisticsMeta
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_purge_done,
    async_wait_recording_done,
    do_adhoc_statistics,
)
from sqlalchemy import select

from tests.bigquery_export.support.databases import in_database, in_recorder, insert_rows
from tests.bigquery_export.support.statistics_rows import row

_THIS_HOUR = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
COUNTS_UP = {"state_class": "total_increasing"}
TOTAL = {"state_class": "total"}
CYCLE = {"state_class": "total", "last_reset": "2026-01-01T00:00:00+00:00"}
_ENERGY = {"unit_of_measurement": "kWh", "device_class": "energy"}


class Meters:
    """Meters that are read at some minutes of some hours, counted back from now."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without any."""
        self._hass = hass

    def read(
        self,
        name: str,
        hours_ago: float,
        value: object,
        attributes: Mapping[str, Any],
        minute: int = 56,
    ) -> None:
        """Let a meter have a reading, or another state."""
        time = _THIS_HOUR - timedelta(hours=hours_ago) + timedelta(minutes=minute)
        self._hass.states.async_set(
            f"sensor.{name}",
            str(value),
            {**_ENERGY, **attributes},
            force_update=True,
            timestamp=time.timestamp(),
        )

    def compile(self, hours_ago: float, *minutes: int) -> None:
        """Let the recorder compile the first and the last five minutes of an hour, and the hour.

        Or those at other `minutes`.
        """
        for minute in minutes or (0, 55):
            start = _THIS_HOUR - timedelta(hours=hours_ago) + timedelta(minutes=minute)
            do_adhoc_statistics(self._hass, start=start)

    async def fall_silent(self, names: Iterable[str], hours_ago: float) -> None:
        """Let meters be unavailable from some hour on, and let the recorder purge old rows."""
        for name in names:
            state = self._hass.states.get(f"sensor.{name}")
            assert state is not None
            self.read(name, hours_ago, "unavailable", state.attributes, 0)
        await self.purge()

    async def purge(self, keep_days: int = 10) -> None:
        """Let the recorder delete what it keeps no longer."""
        await async_wait_recording_done(self._hass)
        await self._hass.services.async_call(
            "recorder", "purge", {"keep_days": keep_days}, blocking=True
        )
        await async_wait_purge_done(self._hass)

    async def insert(self, name: str, hours_ago: Sequence[int], readings: Sequence[float]) -> None:
        """Add hours of a meter that counts up, as the recorder has compiled them before.

        Their sum goes on over the seam to the hours that there are.
        """
        sums = [0.0]
        for before, reading in pairwise(readings):
            sums.append(sums[-1] + reading - (before if reading >= 0.9 * before else 0.0))
        await self.insert_sums(name, hours_ago, readings, [sum_ - sums[-1] for sum_ in sums])

    async def insert_sums(
        self,
        name: str,
        hours_ago: Sequence[int],
        readings: Sequence[float | None],
        sums: Sequence[float],
    ) -> None:
        """Add hours of a meter as they are given, and the meter where there is none."""
        metadata_id = await self._metadata_id(name)
        rows = [
            row(
                0,
                metadata_id=metadata_id,
                start_ts=hour_at(hour),
                created_ts=hour_at(hour - 1) + 10,
                state=reading,
                sum=sum_,
            )
            for hour, reading, sum_ in zip(hours_ago, readings, sums, strict=True)
        ]
        await insert_rows(self._hass, Statistics, rows)

    async def _metadata_id(self, name: str) -> int:
        statement = select(StatisticsMeta.id).where(StatisticsMeta.statistic_id == f"sensor.{name}")
        if not (found := await in_database(self._hass, lambda db: db.scalars(statement).all())):
            metadata = {
                "statistic_id": f"sensor.{name}",
                "source": "recorder",
                "unit_of_measurement": "kWh",
                "unit_class": "energy",
                "has_sum": True,
                "mean_type": 0,
            }
            await insert_rows(self._hass, StatisticsMeta, [metadata])
            found = await in_database(self._hass, lambda db: db.scalars(statement).all())
        return int(found[0])

    async def changes(self, name: str) -> dict[int, float]:
        """Return how much was counted by the sum in each hour, by how many hours ago that was."""
        await async_wait_recording_done(self._hass)
        found = await in_recorder(
            self._hass,
            lambda: statistics_during_period(
                self._hass,
                _THIS_HOUR - timedelta(days=1_000),
                None,
                {f"sensor.{name}"},
                "hour",
                None,
                {"change"},
            ),
        )
        now = _THIS_HOUR.timestamp()
        return {
            round((now - row["start"]) / 3_600): round(row["change"] or 0.0, 6)
            for row in found[f"sensor.{name}"]
        }


def hour_at(hours_ago: float) -> float:
    """Return when an hour began, in seconds since 1970."""
    return (_THIS_HOUR - timedelta(hours=hours_ago)).timestamp()
