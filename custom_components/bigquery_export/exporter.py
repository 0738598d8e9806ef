"""What the exports of one config entry are made of."""

from collections.abc import Callable
from typing import Any

from astral import Observer
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.loader import async_get_integration
from homeassistant.util import dt as dt_util

from .bigquery import DELIVERIES
from .bigquery.connection import Connection
from .bigquery.lookup import TableLookup
from .const import DOMAIN
from .export.checkpoint import Checkpoint, CheckpointFile
from .export.corrections import Corrections
from .export.delivery import Delivery
from .export.journal import Journal
from .export.rejected_rows import RejectedRows
from .export.retry import Retry
from .export.run import Run
from .export.session import Result, Session
from .export.source import Source
from .export.sources import SOURCE_TYPES, Circumstances
from .export.statistics_watch import watched
from .options import options_from
from .rows.columns import run_values
from .rows.local_time import Place


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
        self._options = options_from(entry.options)
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
        session = await self._async_new_session(checkpoint, trigger)
        return Run(session, await self._async_sources(session))

    async def async_new_corrections(self, checkpoint: Checkpoint) -> Corrections:
        """Return a look for rows that Home Assistant has changed since they were exported."""
        session = await self._async_new_session(checkpoint, "correction")
        return Corrections(session, await self._async_sources(session))

    async def async_new_retry(self, checkpoint: Checkpoint) -> Retry:
        """Return an export of the rows that were rejected."""
        return Retry(await self._async_new_session(checkpoint, "retry_rejected"))

    async def _async_sources(self, session: Session) -> list[Source[Any]]:
        """Return the sources of the chosen tables for one export."""
        circumstances = Circumstances(
            session.run_values, await self._async_place(), self._options.events
        )
        return await self._hass.async_add_executor_job(self._open, session, circumstances)

    def _open(self, session: Session, circumstances: Circumstances) -> list[Source[Any]]:
        """Open the sources; to prepare encodings and statements takes too long for the loop."""
        encoding = session.delivery.encoding
        return [
            watched(
                self._hass,
                self._entry.entry_id,
                source.open(self._hass, encoding(source.table), circumstances),
            )
            for source in self._options.sources
        ]

    async def _async_place(self) -> Place:
        config = self._hass.config
        return Place(
            await dt_util.async_get_time_zone(config.time_zone) or dt_util.UTC,
            Observer(config.latitude, config.longitude, config.elevation),
        )

    async def _async_new_session(self, checkpoint: Checkpoint, trigger: str) -> Session:
        source = await instance_id.async_get(self._hass)
        integration = await async_get_integration(self._hass, DOMAIN)
        delivery = self._deliveries[self._options.delivery]
        result = Result()
        rejected_rows = self.rejected_rows
        journal = Journal(
            self._hass,
            file=self.checkpoint_file,
            checkpoint=checkpoint,
            tables={name: source.table for name, source in SOURCE_TYPES.items()},
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
            batch_rows=self._options.batch_rows,
            result=result,
        )
