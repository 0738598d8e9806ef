"""Runs of an export, without a config entry around them."""

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer
from homeassistant.core import HomeAssistant
import orjson

from custom_components.bigquery_export.bigquery.lookup import TableLookup
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.checkpoint import Checkpoint, CheckpointFile
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.export.run import Result, Run
from custom_components.bigquery_export.export.state_encoder import Place


@dataclass
class Exporter:
    """Makes runs as the coordinator does, and remembers nothing between them but the file."""

    hass: HomeAssistant
    delivery: StorageWriteDelivery
    log_delivery: StorageWriteDelivery
    lookup: TableLookup
    file: CheckpointFile
    rejected: RejectedRows
    progress: list[Checkpoint] = field(default_factory=list)

    def new_run(self, batch_rows: int = 1_000) -> Run:
        """Return a run that goes on from the file, as after a restart."""
        return Run(
            self.hass,
            file=self.file,
            checkpoint=self.file.load(),
            delivery=self.delivery,
            log_delivery=self.log_delivery,
            lookup=self.lookup,
            rejected_rows=self.rejected,
            source="home",
            trigger="test",
            version="1.2.3",
            place=Place(ZoneInfo("Europe/Amsterdam"), Observer(52.4, 4.9, 0)),
            batch_rows=batch_rows,
            on_progress=self.progress.append,
        )

    async def export(self, batch_rows: int = 1_000) -> Result:
        """Make a run."""
        return await self.new_run(batch_rows).async_export()

    def rejected_rows(self) -> list[dict[str, Any]]:
        """Return what lies in the file of rejected rows."""
        if not self.rejected.path.exists():
            return []
        return [orjson.loads(line) for line in self.rejected.path.read_bytes().splitlines()]
