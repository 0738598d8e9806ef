"""Exports of statistics that are watched, and what the views show of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, override

from homeassistant.components.recorder.statistics import get_metadata, statistics_during_period
from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.export.corrections.corrections import Corrections
from custom_components.bigquery_export.export.corrections.ledger import observed
from custom_components.bigquery_export.export.ports import Source
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.export.session import Result, Session
from custom_components.bigquery_export.rows.context import RowContext
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.exporter import PLACE, Exporter
from tests.bigquery_export.support.warehouse import Warehouse

TABLES = ("statistics", "statistics_short_term")
_PERIODS = {"statistics": "hour", "statistics_short_term": "5minute"}
_VALUES = ("mean", "min", "max", "state", "sum")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

type Row = tuple[Any, ...]


@dataclass
class WatchedExporter(Exporter):
    """Exports both tables of statistics, and looks for corrections."""

    tables: tuple[str, ...] = TABLES
    days: int = 0
    """How many days the last look is behind the first."""

    def _sources(self, session: Session) -> list[Source[Any]]:
        row_context = RowContext(session.run_values, PLACE)
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
    def new_run(self, batch_rows: int = 1_000) -> Run:
        """Return a run that is watched."""
        session = self.new_session(batch_rows)
        return Run(session, self._sources(session))

    def new_corrections(self, batch_rows: int = 1_000) -> Corrections:
        """Return a look for corrections, as after a restart."""
        session = self.new_session(batch_rows)
        return Corrections(session, self._sources(session))

    async def check(self, batch_rows: int = 1_000) -> Result:
        """Look for corrections, a day after the last time."""
        self.days += 1
        corrections = self.new_corrections(batch_rows)
        return await corrections.async_check(NOW + timedelta(days=self.days))

    async def export_and_check(self) -> dict[str, int]:
        """Make a run as the coordinator does, and return how many rows were corrected."""
        await self.export()
        return (await self.check()).rows


def shown(warehouse: Warehouse, table: str) -> list[Row]:
    """Return what the view of a table shows: statistic, unit, start in seconds, and values."""
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
