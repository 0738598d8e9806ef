"""The pipeline without a network, beside plain reading and a naive exporter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
import gc
from pathlib import Path
from tempfile import TemporaryDirectory

from homeassistant.helpers.recorder import get_instance

from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from tests.home.recorder_states import Sets

from .contest import Competitor, Measured, compete
from .histories import ENTITIES, connect
from .integration import Integration
from .memory_home import home_with, row_context_of
from .naive import NaiveExporter
from .plain_reading import PlainReading

DELIVERIES = (StorageWriteDelivery.name, LoadJobDelivery.name)


@dataclass(frozen=True, slots=True)
class Pipelines:
    """What each competitor took on one database."""

    database: str
    rows: int
    measured: Mapping[str, Measured]
    sets: str = Sets.BY_TIME
    """Which sets of attributes the states have."""
    reads_per_set: float = 0.0
    """How often the integration has read each set of attributes."""

    @property
    def ours(self) -> float:
        """Return microseconds of processor time for a row, from the database to requests."""
        return self.measured[StorageWriteDelivery.name].cpu().median

    def times(self, competitor: str) -> float:
        """Return how many times as long as ours a competitor took."""
        return self.measured[competitor].cpu().median / self.ours


async def measure_pipelines(
    folder: Path,
    database: str,
    url: str,
    rows: int,
    repetitions: int,
    deliveries: Sequence[str] = DELIVERIES,
    *,
    sets: Sets = Sets.BY_TIME,
    rivals: bool = True,
) -> Pipelines:
    """Let all take all rows of a database in turn; without rivals, only the integration."""
    with TemporaryDirectory(dir=folder) as own:
        async with home_with(Path(own), url, ENTITIES) as hass:
            row_context = await row_context_of(hass)
            ours = [Integration(hass, row_context, delivery) for delivery in deliveries]
            competitors: list[Competitor] = list(ours)
            if rivals:
                database_driver = partial(connect, url)
                competitors += [PlainReading(database_driver), NaiveExporter(database_driver)]
            # What is there already is not for the collector to look through again and again: the
            # more of it there was, the slower who makes many objects would seem.
            gc.collect()
            gc.freeze()
            try:
                measured = await get_instance(hass).async_add_executor_job(
                    compete, competitors, rows, repetitions
                )
            finally:
                gc.unfreeze()
                row_context.registry.async_close()  # type: ignore[attr-defined]
    return Pipelines(database, rows, measured, sets, ours[0].sets_read / len(ours[0].sets))
