"""The estimate of an export: rows, bytes, time and cost, before anything is sent."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..bigquery import DELIVERIES
from ..bigquery.prices import FREE_SENDING, FREE_STORAGE, GIB, SENDING_PRICE, STORAGE_PRICE
from ..errors import ExportError
from ..export.recorder_tables import RecorderTable
from ..home.location import async_place, named_choice
from ..home.registries import Registries
from ..rows.columns import run_values
from ..rows.context import RowContext
from ..rows.privacy import Privacy
from ..rows.sensor_data import SENSOR_DATA
from ..settings.options import Options
from ..source.reader import Extent, TableReader
from ..source.readiness import async_read_recorder, check_recorder
from .sampling import async_sample, measured, read_sample, row_sizes

DAYS_A_MONTH = 30
DAYS_A_YEAR = 365
CONTEXT_ENTITY_BYTES = 25
"""Bytes that one context entity adds to a row of a state, about."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast rows are sent."""

    rows_per_second: float = 5_000
    """`script/benchmark` measured 143,000 a second of processor time on a server's core; small
    machines are several times slower, and an export leaves most of the time to others."""
    bytes_per_second: float = 1_000_000
    """8 Mbit/s, which a home's internet connection can send."""


@dataclass(frozen=True, slots=True)
class TableEstimate:
    """The estimate of one table."""

    rows: int = 0
    """Rows in the recorder."""
    rows_per_day: float = 0
    bytes_per_row: int = 0
    is_damaged: bool = False
    """Whether some of the rows cannot be read, because the recorder's database is damaged."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, at Google's prices, if the project sends and stores nothing else."""

    sending_history: float
    """Once."""
    sending_per_month: float
    storage_per_month: float
    """For the rows that the recorder has."""
    storage_per_month_after_a_year: float

    @property
    def is_free(self) -> bool:
        """Return whether it all stays within the free tier for a year at least."""
        return not any(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of an export: the rows in the recorder, and those that each day adds."""

    tables: Mapping[str, TableEstimate]
    sending_is_billed: bool = True
    speed: Speed = Speed()

    @property
    def rows(self) -> int:
        """Return how many rows the recorder has."""
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        """Return how many bytes the recorder's rows take in BigQuery."""
        return sum(table.rows * table.bytes_per_row for table in self.tables.values())

    @property
    def seconds(self) -> float:
        """Return how many seconds it takes to send the recorder's rows."""
        return max(self.rows / self.speed.rows_per_second, self.bytes / self.speed.bytes_per_second)

    @property
    def rows_per_day(self) -> int:
        """Return how many rows each day adds."""
        return round(sum(table.rows_per_day for table in self.tables.values()))

    @property
    def bytes_per_day(self) -> int:
        """Return how many bytes each day adds."""
        return round(
            sum(table.rows_per_day * table.bytes_per_row for table in self.tables.values())
        )

    @property
    def bytes_per_year(self) -> int:
        """Return by how much the tables grow in a year."""
        return self.bytes_per_day * DAYS_A_YEAR

    @property
    def years_of_free_storage(self) -> float:
        """Return after how many years the tables exceed the free storage."""
        if self.bytes >= FREE_STORAGE:
            return 0.0
        return (FREE_STORAGE - self.bytes) / max(1, self.bytes_per_year)

    @property
    def cost(self) -> Cost:
        """Return what the export costs."""
        month = self.bytes_per_day * DAYS_A_MONTH
        return Cost(
            sending_history=self._sending(self.bytes),
            sending_per_month=self._sending(month),
            storage_per_month=_storage(self.bytes),
            storage_per_month_after_a_year=_storage(self.bytes + self.bytes_per_year),
        )

    def _sending(self, size: int) -> float:
        if not self.sending_is_billed:
            return 0.0
        return max(0, size - FREE_SENDING) / GIB * SENDING_PRICE

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as the response of an action."""
        return {
            "tables": {
                name: {
                    "rows": table.rows,
                    "rows_per_day": round(table.rows_per_day),
                    "bytes_per_row": table.bytes_per_row,
                }
                for name, table in self.tables.items()
            },
            "damaged": [name for name, table in self.tables.items() if table.is_damaged],
            "rows": self.rows,
            "bytes": self.bytes,
            "seconds": round(self.seconds),
            "rows_per_day": self.rows_per_day,
            "bytes_per_day": self.bytes_per_day,
            "bytes_per_year": self.bytes_per_year,
            "cost": {name: round(value, 2) for name, value in asdict(self.cost).items()},
            "within_free_tier": self.cost.is_free,
            "assumed": asdict(self.speed),
        }


def _storage(size: int) -> float:
    return max(0, size - FREE_STORAGE) / GIB * STORAGE_PRICE


async def async_estimate(hass: HomeAssistant, options: Options) -> Estimate:
    """Return the estimate of an export with these options. Raises ExportError.

    Nothing is counted: a sample of a thousand rows from all over each table stands for the others.
    Dimension tables, and statistics by the day, are left out; they are small.
    """
    check_recorder(hass)
    async with _async_row_context(hass, options) as run:
        # Context entities would be looked up for each piece of the sample.
        run = replace(run, choice=replace(run.choice, context_entities=()))
        tables = {
            source.table.name: await _async_table(hass, source, run, options)
            for source in options.recorder_tables
        }
    return Estimate(tables, DELIVERIES[options.delivery].sending_is_billed)


async def async_row_sizes(hass: HomeAssistant, options: Options) -> Mapping[str, int] | None:
    """Return the mean size of a state's row in bytes, by group of columns, of the newest states.

    It is None where no state would be sent, or the recorder cannot be read.
    """
    try:
        async with _async_row_context(hass, options) as run:
            piece = await async_read_recorder(hass, read_sample, hass, run)
            if piece is None:
                return None
            return await hass.async_add_executor_job(row_sizes, piece, run)
    except ExportError:
        return None


@asynccontextmanager
async def _async_row_context(hass: HomeAssistant, options: Options) -> AsyncIterator[RowContext]:
    """Yield the row context; values that only an export has are placeholders of the same length."""
    registries = Registries(hass)
    await registries.async_open({})
    try:
        yield RowContext(
            run_values(source="0" * 32, export_id="0" * 26, started=dt_util.utcnow()),
            await async_place(hass),
            named_choice(hass, options.choice),
            registries,
            Privacy(options.privacy, bytes(32)),
        )
    finally:
        registries.async_close()


def _read_extent(hass: HomeAssistant, source: RecorderTable) -> Extent | None:
    return TableReader[tuple[Any, ...]](hass, source.source).extent()


async def _async_table(
    hass: HomeAssistant, source: RecorderTable, run: RowContext, options: Options
) -> TableEstimate:
    extent = await async_read_recorder(hass, _read_extent, hass, source)
    if extent is None:
        return TableEstimate()
    reader = await hass.async_add_executor_job(source.reader, hass, run.choice)
    sample = await async_sample(hass, reader, extent)
    share, size = await hass.async_add_executor_job(measured, sample, source, run, options.columns)
    if source.table.name == SENSOR_DATA.name:
        size += CONTEXT_ENTITY_BYTES * len(options.choice.context_entities)
    rows, per_day = round(extent.rows * share), extent.per_day * share
    return TableEstimate(rows, per_day, size, sample.is_damaged)
