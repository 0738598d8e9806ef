"""What the exports of one config entry are made of."""

from collections.abc import Callable

from astral import Observer
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.loader import async_get_integration
from homeassistant.util import dt as dt_util

from .bigquery import DELIVERIES
from .bigquery.connection import Connection
from .bigquery.lookup import TableLookup
from .const import CONF_BATCH_ROWS, CONF_DELIVERY, DEFAULT_BATCH_ROWS, DEFAULT_DELIVERY, DOMAIN
from .export import SOURCE_TABLES
from .export.checkpoint import Checkpoint, CheckpointFile
from .export.delivery import Delivery
from .export.journal import Journal
from .export.rejected_rows import RejectedRows
from .export.retry import Retry
from .export.run import Run
from .export.sensor_data import run_values
from .export.session import Result, Session
from .export.state_encoder import Place


class Exporter:
    """Makes the exports of one config entry, each of which goes on from a checkpoint."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        connection: Connection,
        on_progress: Callable[[Checkpoint], None],
    ) -> None:
        """Prepare exports to the destination of a connection, which report each checkpoint."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._on_progress = on_progress
        self._deliveries: dict[str, Delivery] = {
            name: delivery(connection) for name, delivery in DELIVERIES.items()
        }
        self.checkpoint_file = CheckpointFile(hass, entry.entry_id)

    @property
    def rejected_rows(self) -> RejectedRows:
        """Return the file of rejected rows, as it is now."""
        return RejectedRows(self._hass, self._entry.entry_id)

    async def async_new_run(self, checkpoint: Checkpoint, trigger: str) -> Run:
        """Return an export of all that waits; `trigger` says in the export log what began it."""
        config = self._hass.config
        place = Place(
            await dt_util.async_get_time_zone(config.time_zone) or dt_util.UTC,
            Observer(config.latitude, config.longitude, config.elevation),
        )
        return Run(await self._async_new_session(checkpoint, trigger), place)

    async def async_new_retry(self, checkpoint: Checkpoint) -> Retry:
        """Return an export of the rows that were rejected."""
        return Retry(await self._async_new_session(checkpoint, "retry_rejected"))

    async def _async_new_session(self, checkpoint: Checkpoint, trigger: str) -> Session:
        source = await instance_id.async_get(self._hass)
        integration = await async_get_integration(self._hass, DOMAIN)
        options = self._entry.options
        delivery = self._deliveries[options.get(CONF_DELIVERY, DEFAULT_DELIVERY)]
        result = Result()
        rejected_rows = self.rejected_rows
        journal = Journal(
            self._hass,
            file=self.checkpoint_file,
            checkpoint=checkpoint,
            tables={table.name: table for table in SOURCE_TABLES},
            deliveries=self._deliveries,
            delivery=delivery,
            rejected_rows=rejected_rows,
            header={
                "export_id": result.export_id,
                "source": source,
                "trigger": trigger,
                "integration_version": str(integration.version),
            },
            on_progress=self._on_progress,
        )
        return Session(
            self._hass,
            journal=journal,
            delivery=delivery,
            lookup=TableLookup(self._connection, source),
            rejected_rows=rejected_rows,
            run_values=run_values(
                source=source, export_id=result.export_id, started=result.started
            ),
            batch_rows=int(options.get(CONF_BATCH_ROWS, DEFAULT_BATCH_ROWS)),
            result=result,
        )
