"""Statistics, corrections of them, and exports that check for those."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, override

from homeassistant.components.recorder.db_schema import StatisticsMeta, StatisticsRuns
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import get_metadata, statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import delete

from custom_components.bigquery_export.export.corrections.corrections import Corrections
from custom_components.bigquery_export.export.corrections.ledger import observed
from custom_components.bigquery_export.export.ports import Source
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.export.session import Result, Session
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.privacy import Privacy
from tests.bigquery_export.support.databases import in_database, in_recorder, insert_rows
from tests.bigquery_export.support.exporter import PLACE, Exporter
from tests.bigquery_export.support.statistics_rows import HOUR, MODELS, row
from tests.bigquery_export.support.warehouse import Warehouse

TABLES = ("statistics", "statistics_short_term")
_PERIODS = {"statistics": "hour", "statistics_short_term": "5minute"}
_VALUES = ("mean", "min", "max", "state", "sum")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

type Row = tuple[Any, ...]


@dataclass
class CorrectionsExporter(Exporter):
    """Exports both tables of statistics, and checks for corrections."""

    tables: tuple[str, ...] = TABLES
    days: int = 0
    """How many days the last check is after the first."""
    privacy: Privacy = field(default_factory=Privacy)

    def _sources(self, session: Session) -> list[Source[Any]]:
        row_context = RowContext(session.run_values, PLACE, privacy=self.privacy)
        return [
            observed(
                self.hass,
                "entry",
                RECORDER_TABLES[table].open(
                    self.hass, session.delivery.encoding(RECORDER_TABLES[table].table), row_context
                ),
            )
            for table in self.tables
        ]

    @override
    def new_run(
        self, batch_rows: int = 1_000, *, flush: bool = False, backfill: bool = True
    ) -> Run:
        """Return a run whose statistics get digests."""
        session = self.new_session(batch_rows)
        return Run(session, self._sources(session), flush=flush, backfill=backfill)

    def new_corrections(self, now: datetime = NOW, batch_rows: int = 1_000) -> Corrections:
        """Return a look for corrections at some time, as after a restart."""
        session = self.new_session(batch_rows)
        return Corrections(session, self._sources(session), now=now)

    async def check(self, batch_rows: int = 1_000) -> Result:
        """Check for corrections, a day after the last time."""
        self.days += 1
        corrections = self.new_corrections(NOW + timedelta(days=self.days), batch_rows)
        return await corrections.async_run()

    async def export_and_check(self) -> dict[str, int]:
        """Make a run as the coordinator does, and return how many rows were corrected."""
        await self.export()
        return (await self.check()).rows


def shown(warehouse: Warehouse, table: str) -> list[Row]:
    """Return what the view of a table shows: statistic, unit, start in seconds, and values."""
    warehouse.make_views(RECORDER_TABLES[table].table)
    rows = warehouse.server.query(
        "SELECT statistic_id, unit_of_measurement, UNIX_MICROS(start) AS start,"  # noqa: S608
        f" mean, min, max, state, sum FROM home.{table}_latest",
        warehouse.project,
    )
    return sorted(
        (
            (
                row["statistic_id"],
                row["unit_of_measurement"],
                int(row["start"]) / 1e6,
                *(None if row[name] is None else float(row[name]) for name in _VALUES),
            )
            for row in rows
        ),
        key=lambda row: (row[0], row[2]),
    )


async def known(hass: HomeAssistant, table: str) -> list[Row]:
    """Return the same as Home Assistant's own API has it."""
    found = await in_recorder(
        hass,
        lambda: statistics_during_period(
            hass,
            datetime(2000, 1, 1, tzinfo=UTC),
            None,
            None,
            _PERIODS[table],  # type: ignore[arg-type]
            None,
            set(_VALUES),  # type: ignore[arg-type]
        ),
    )
    metadata = await in_recorder(hass, lambda: get_metadata(hass))
    units = {name: meta["unit_of_measurement"] for name, (_, meta) in metadata.items()}
    return sorted(
        (
            (
                statistic_id,
                units[statistic_id],
                row["start"],
                *(row.get(name) for name in _VALUES),
            )
            for statistic_id, rows in found.items()
            for row in rows
        ),
        key=lambda row: (row[0], row[2]),
    )


START = datetime(2026, 9, 29, tzinfo=UTC).timestamp()
NOTHING = {"statistics": 0, "statistics_short_term": 0}
STEPS = {"statistics": 12 * HOUR, "statistics_short_term": HOUR}
COUNT = 10
"""Rows of each statistic: those of `statistics` are of two months, of the others of one day."""


def rows_of(metadata_id: int, table: str, first: int = 0, count: int = COUNT) -> list[Any]:
    """Return rows of a measurement, or of a meter where the id is even."""
    return [
        row(
            0,
            metadata_id=metadata_id,
            start_ts=START + number * STEPS[table],
            created_ts=START + number * STEPS[table] + 10.5,
            **(
                {"state": number / 3, "sum": 100 + number / 3}
                if metadata_id % 2 == 0
                else {"mean": number / 7, "min": -1.5, "max": 40.0 + number}
            ),
        )
        for number in range(first, first + count)
    ]


async def record_statistics(hass: HomeAssistant) -> None:
    """Write statistics of a thermometer, a meter, an import, and another meter."""
    await in_database(hass, lambda db: db.execute(delete(StatisticsRuns)))  # They began later.
    await insert_rows(
        hass,
        StatisticsMeta,
        [
            {
                "id": number,
                "statistic_id": statistic_id,
                "source": statistic_id.partition(":")[0] if ":" in statistic_id else "recorder",
                "unit_of_measurement": unit,
                "unit_class": unit_class,
                "has_mean": None,
                "has_sum": kind is StatisticMeanType.NONE,
                "name": "Cost" if ":" in statistic_id else None,
                "mean_type": kind,
            }
            for number, statistic_id, unit, unit_class, kind in (
                (1, "sensor.kitchen", "°C", "temperature", StatisticMeanType.ARITHMETIC),
                (2, "sensor.meter", "kWh", "energy", StatisticMeanType.NONE),
                (4, "provider:cost", None, None, StatisticMeanType.NONE),
                (6, "sensor.water", "L", "volume", StatisticMeanType.NONE),
            )
        ],
    )
    for name, model in MODELS.items():
        for metadata_id in (1, 2, 4, 6):
            await insert_rows(hass, model, rows_of(metadata_id, name))


async def adjust_sum(hass: HomeAssistant) -> None:
    """Adjust a sum from some time on."""
    when = datetime.fromtimestamp(START + 4 * HOUR, UTC)
    get_instance(hass).async_adjust_statistics("sensor.meter", when, 7.25, "kWh")
