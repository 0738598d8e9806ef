"""A home with years of statistics, whose database is lost after they were exported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.db_schema import (
    SchemaChanges,
    Statistics,
    StatisticsMeta,
    StatisticsRuns,
    StatisticsShortTerm,
)
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from sqlalchemy import Connection, delete, update

from tests.bigquery_export.support.databases import in_database, in_recorder, insert_rows
from tests.bigquery_export.support.statistics_rows import HOUR, row

_FIRST = dt_util.utcnow().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
BEGIN = (_FIRST - timedelta(days=60)).replace(day=1).timestamp()
"""Two months ago, or three."""
TYPES = {"change", "last_reset", "max", "mean", "min", "state", "sum"}
MEAN, CIRCLE, NONE = (
    StatisticMeanType.ARITHMETIC,
    StatisticMeanType.CIRCULAR,
    StatisticMeanType.NONE,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A statistic, and how its values go."""

    statistic_id: str
    unit: str | None
    unit_class: str | None
    mean_type: StatisticMeanType = NONE
    reset_every: int = 0
    """After so many hours the meter is reset; 0 for one that never is."""
    has_last_reset: bool = False
    unit_after: str | None = None
    """The unit that the recorder has for it afterwards, if it is another one."""

    @property
    def has_sum(self) -> bool:
        """Return whether it is a meter."""
        return self.mean_type is NONE

    def values(self, number: int, *, since: int = 0, factor: float = 1.0) -> dict[str, Any]:
        """Return the values of an hour; a database that began at `since` counts from there."""
        if not self.has_sum:
            angle = self.mean_type is CIRCLE
            value = number * 7.3 % 360 if angle else 20 + number % 24 / 7
            return {
                "mean": value,
                "mean_weight": 0.5 + number % 5 / 10 if angle else None,
                "min": None if angle else value - 1.25,
                "max": None if angle else value + 2.5,
            }
        grown = _grown(number)
        period = number // self.reset_every if self.reset_every else 0
        begun = period * self.reset_every
        state = grown - _grown(begun)
        before = _grown(since) if since else 0.0
        reset = BEGIN + begun * HOUR if self.has_last_reset else None
        return {
            "state": state * factor,
            "sum": (grown - before) * factor,
            "last_reset_ts": reset,
        }


def _grown(hours: int) -> float:
    """Return by how much a meter has grown in so many hours: not by as much in each."""
    return hours * 0.375 + hours % 3 / 8


KINDS = (
    Kind("sensor.kitchen", "°C", "temperature", MEAN),
    Kind("sensor.wind", "°", None, CIRCLE),
    Kind("sensor.meter", "kWh", "energy", reset_every=700),
    Kind("sensor.bill", "kWh", "energy", reset_every=1_000, has_last_reset=True),
    Kind("provider:cost", "EUR", None),
    Kind("sensor.old_name", "kWh", "energy"),
    Kind("sensor.water", "L", "volume", unit_after="m³"),
)
RENAMED = ("sensor.old_name", "sensor.new_name")


def numbered(number: int, kind: Kind, *, lost: bool = False) -> dict[str, Any]:
    """Return the recorder's metadata of a statistic."""
    statistic_id = kind.statistic_id
    external = ":" in statistic_id
    if lost and statistic_id == RENAMED[0]:
        statistic_id = RENAMED[1]
    return {
        "id": number,
        "statistic_id": statistic_id,
        "source": statistic_id.partition(":")[0] if external else "recorder",
        "unit_of_measurement": (lost and kind.unit_after) or kind.unit,
        "unit_class": kind.unit_class,
        "has_mean": None,
        "has_sum": kind.has_sum,
        "name": "Cost of energy" if external else None,
        "mean_type": kind.mean_type,
    }


def hours(
    number: int,
    kind: Kind,
    which: Iterable[int],
    *,
    since: int = 0,
    factor: float = 1.0,
    begin: float = BEGIN,
) -> list[dict[str, Any]]:
    """Return hours of a statistic, as the recorder has compiled them."""
    return [
        row(
            0,
            metadata_id=number,
            start_ts=begin + hour * HOUR,
            created_ts=begin + (hour + 1) * HOUR + 10.25,
            **kind.values(hour, since=since, factor=factor),
        )
        for hour in which
    ]


async def record_history(
    hass: HomeAssistant, which: Iterable[int], kinds: Iterable[Kind] = KINDS
) -> None:
    """Write the statistics of a home."""
    await insert_rows(
        hass, StatisticsMeta, [numbered(n, kind) for n, kind in enumerate(kinds, start=1)]
    )
    listed = list(which)
    for number, kind in enumerate(kinds, start=1):
        await insert_rows(hass, Statistics, hours(number, kind, listed))


async def forget_statistics(hass: HomeAssistant) -> None:
    """Begin with an empty database."""
    await in_database(hass, _empty)
    get_instance(hass).statistics_meta_manager.reset()


async def lose_database(
    hass: HomeAssistant, compiled: Iterable[int], kinds: Iterable[Kind] = KINDS
) -> None:
    """Begin with an empty database, in which some hours are compiled.

    All sums begin at 0 with the first of them. Statistics that are external are not there.
    """
    listed = list(compiled)
    await forget_statistics(hass)
    numbered_kinds = [
        (number, kind) for number, kind in enumerate(kinds, start=1) if ":" not in kind.statistic_id
    ]
    await insert_rows(
        hass, StatisticsMeta, [numbered(number, kind, lost=True) for number, kind in numbered_kinds]
    )
    for number, kind in numbered_kinds:
        factor = 0.001 if kind.unit_after else 1.0
        new = hours(number, kind, listed, since=listed[0], factor=factor)
        await insert_rows(hass, Statistics, new)
        first = new[0] | {"start_ts": new[0]["start_ts"] + 300}
        await insert_rows(hass, StatisticsShortTerm, [first])


def _empty(db: Connection) -> None:
    """Delete all statistics, let the ids begin again, and let the database be another one."""
    names = ("statistics", "statistics_short_term", "statistics_meta")
    match db.dialect.name:
        case "postgresql":
            db.exec_driver_sql(f"TRUNCATE {', '.join(names)} RESTART IDENTITY")
        case "mysql":
            db.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 0")
            for name in names:
                db.exec_driver_sql(f"TRUNCATE {name}")
            db.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 1")
        case _:
            for model in (Statistics, StatisticsShortTerm, StatisticsMeta):
                db.execute(delete(model))
    db.execute(delete(StatisticsRuns))
    db.execute(update(SchemaChanges).values(changed=datetime.now(UTC)))


async def shown(hass: HomeAssistant) -> dict[str, dict[float, Mapping[str, Any]]]:
    """Return what Home Assistant shows by hour: all fields by statistic and start."""
    found = await in_recorder(
        hass,
        lambda: statistics_during_period(
            hass,
            datetime(2000, 1, 1, tzinfo=UTC),
            None,
            None,
            "hour",
            {"volume": "m³"},
            TYPES,  # type: ignore[arg-type]
        ),
    )
    return {
        statistic_id: {row["start"]: dict(row) for row in rows}
        for statistic_id, rows in found.items()
    }
