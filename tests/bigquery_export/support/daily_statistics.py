"""Hours of statistics around a change of clocks, and exports of their days."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, override

from homeassistant.components.recorder.db_schema import StatisticsRuns
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    async_import_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import delete

from custom_components.bigquery_export.export.daily.daily_export import DailyTable
from custom_components.bigquery_export.export.daily.daily_file import DailyFile
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.daily_encoder import DailyEncoder
from custom_components.bigquery_export.rows.daily_statistics import DAILY_STATISTICS
from custom_components.bigquery_export.rows.privacy import Privacy
from tests.bigquery_export.support.databases import in_database, in_recorder, insert_rows
from tests.bigquery_export.support.exporter import PLACE, Exporter
from tests.bigquery_export.support.warehouse import Warehouse

HOUR = timedelta(hours=1)
BEGIN = date(2025, 10, 25)
CLOCKS_BACK = date(2025, 10, 26)
"""A day of 25 hours in the home."""
END = date(2025, 11, 2)
DAYS = 8
_COLUMNS = ("mean", "min", "max", "last_reset", "state", "sum", "change")


def midnight(day: date) -> datetime:
    """Return when a day began in the home."""
    return datetime(day.year, day.month, day.day, tzinfo=PLACE.zone)


@dataclass
class DailyExporter(Exporter):
    """Exports days, remembering nothing between exports but the files."""

    tables: tuple[str, ...] = ()
    privacy: Privacy = field(default_factory=Privacy)
    again: bool = False

    @override
    def __post_init__(self) -> None:
        """Name the file."""
        super().__post_init__()
        self.days_file = DailyFile(self.hass, self.entry_id)

    @override
    def new_run(
        self, batch_rows: int = 1_000, *, flush: bool = False, backfill: bool = True
    ) -> Run:
        """Return a run that continues from the files, as after a restart."""
        session = self.new_session(batch_rows)
        row_context = RowContext(session.run_values, PLACE, self.choice, privacy=self.privacy)
        encoder = DailyEncoder(session.delivery.encoding(DAILY_STATISTICS), row_context)
        daily = DailyTable(self.days_file, encoder, again=self.again)
        return Run(session, [], daily=daily, flush=flush, backfill=backfill)

    async def export_days(self) -> int:
        """Make a run, and return how many rows it sent."""
        return (await self.export()).rows[DAILY_STATISTICS.name]


async def compile_until(hass: HomeAssistant, time: datetime) -> None:
    """Let the recorder have compiled statistics until a time, and no later ones."""
    start = time.astimezone(UTC) - timedelta(minutes=5)
    await in_database(hass, lambda db: db.execute(delete(StatisticsRuns)))
    await insert_rows(hass, StatisticsRuns, [{"start": start}])


def metadata(statistic_id: str, unit: str | None, unit_class: str | None, **more: Any) -> Any:
    """Return what a statistic is: a meter, if not another one."""
    return {
        "statistic_id": statistic_id,
        "source": "recorder" if "." in statistic_id else statistic_id.partition(":")[0],
        "name": None,
        "unit_of_measurement": unit,
        "unit_class": unit_class,
        "mean_type": StatisticMeanType.NONE,
        "has_sum": True,
        **more,
    }


METER = metadata("sensor.meter", "kWh", "energy")
GAS = metadata("provider:gas", "m³", "volume")
_MEASURED = {"mean_type": StatisticMeanType.ARITHMETIC, "has_sum": False}
KITCHEN = metadata("sensor.kitchen", "°C", "temperature", **_MEASURED)
WIND = metadata("sensor.wind", "°", None, mean_type=StatisticMeanType.CIRCULAR, has_sum=False)
ALL = (GAS, KITCHEN, METER, WIND)


def hours(statistic: Any, first: datetime, number: int, *, shift: float = 0.0) -> list[Any]:
    """Return hours of a statistic, from a time on."""
    rows = []
    for count in range(number):
        start = first.astimezone(UTC) + count * HOUR
        value = (start.timestamp() / 3_600) % 1_000 / 7 + shift
        row: dict[str, Any] = {"start": start}
        match statistic["mean_type"]:
            case StatisticMeanType.NONE:
                row |= {"state": value, "sum": value + 100, "last_reset": first}
            case StatisticMeanType.CIRCULAR:
                row |= {"mean": value * 13 % 360, "mean_weight": 0.5 + count % 2 / 3}
            case _:
                row |= {"mean": value, "min": value - 1, "max": value + 2}
        rows.append(row)
    return rows


async def record(hass: HomeAssistant, statistic: Any, rows: Iterable[Any]) -> None:
    """Let the recorder have hours of a statistic."""
    is_entity = "." in statistic["statistic_id"]
    add = async_import_statistics if is_entity else async_add_external_statistics
    add(hass, statistic, rows)
    await async_wait_recording_done(hass)


async def record_days(
    hass: HomeAssistant,
    first: date = BEGIN,
    end: date = END,
    statistics: Iterable[Any] = ALL,
    *,
    shift: float = 0.0,
) -> None:
    """Let the recorder have all hours of some days, compiled until the last of them has ended."""
    number = round((midnight(end).timestamp() - midnight(first).timestamp()) / 3_600)
    for statistic in statistics:
        await record(hass, statistic, hours(statistic, midnight(first), number, shift=shift))
    await compile_until(hass, midnight(end))


type Day = tuple[Any, ...]


def sent(warehouse: Warehouse, *, source: str = DAILY_STATISTICS.name) -> list[Day]:
    """Return the days of a table or view: statistic, unit, start, end, date, and values."""
    if source != DAILY_STATISTICS.name:
        warehouse.make_views(DAILY_STATISTICS)
    is_deleted = "" if source != DAILY_STATISTICS.name else "WHERE deleted IS NOT TRUE"
    rows = warehouse.server.query(
        "SELECT statistic_id, unit_of_measurement, UNIX_MICROS(start) AS start,"  # noqa: S608
        f" UNIX_MICROS(`end`) AS `end`, CAST(date AS STRING) AS date, mean, min, max,"
        " UNIX_MICROS(last_reset) AS last_reset, state, sum, change"
        f" FROM home.{source} {is_deleted} ORDER BY statistic_id, start",
        warehouse.project,
    )
    return [
        (
            row["statistic_id"],
            row["unit_of_measurement"],
            int(row["start"]) / 1e6,
            int(row["end"]) / 1e6,
            row["date"],
            *(
                None
                if row[name] is None
                else float(row[name]) / (1e6 if name == "last_reset" else 1)
                for name in _COLUMNS
            ),
        )
        for row in rows
    ]


def deleted(warehouse: Warehouse) -> list[tuple[str, float, float]]:
    """Return which rows say that others are deleted: statistic, from when on and until when."""
    rows = warehouse.server.query(
        "SELECT statistic_id, UNIX_MICROS(start) AS start, UNIX_MICROS(`end`) AS `end`"
        " FROM home.daily_statistics WHERE deleted ORDER BY statistic_id, start",
        warehouse.project,
    )
    return [(row["statistic_id"], int(row["start"]) / 1e6, int(row["end"]) / 1e6) for row in rows]


async def answered(hass: HomeAssistant, end: date = END) -> list[Day]:
    """Return what Home Assistant says of all days before one, in the recorder's units."""
    known = await in_recorder(hass, lambda: get_metadata(hass))
    rows: list[Day] = []
    for statistic_id, (_, meta) in sorted(known.items()):
        unit = meta["unit_of_measurement"]
        found: Any = await in_recorder(
            hass,
            partial(
                statistics_during_period,
                hass,
                midnight(date(1960, 1, 1)),
                midnight(end) - HOUR / 2,
                {statistic_id},
                "day",
                {meta["unit_class"]: unit} if unit and meta["unit_class"] else None,
                set(_COLUMNS),  # type: ignore[arg-type]
            ),
        )
        rows += [
            (
                *(statistic_id, unit, row["start"], row["end"]),
                str(datetime.fromtimestamp(row["start"], PLACE.zone).date()),
                *(row.get(name) for name in _COLUMNS),
            )
            for row in found.get(statistic_id, [])
        ]
    return rows


async def same(hass: HomeAssistant, warehouse: Warehouse, end: date = END) -> None:
    """Make sure that the view shows what Home Assistant says of all days before one."""
    expected = await answered(hass, end)
    assert await hass.async_add_executor_job(shown, warehouse) == expected


def shown(warehouse: Warehouse) -> list[Day]:
    """Return what the view of the latest rows shows."""
    return sent(warehouse, source=f"{DAILY_STATISTICS.name}_latest")
