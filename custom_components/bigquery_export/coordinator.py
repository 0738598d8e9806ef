"""When to export, and the status that entities show."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
import logging
from typing import override

from astral import Observer
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import instance_id
from homeassistant.helpers.event import async_call_later, async_track_time_change
from homeassistant.helpers.recorder import get_instance
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.loader import async_get_integration
from homeassistant.util import dt as dt_util
from sqlalchemy.exc import SQLAlchemyError

from .bigquery.connection import Connection
from .bigquery.lookup import TableLookup
from .bigquery.storage_write import StorageWriteDelivery
from .const import (
    CONF_BATCH_ROWS,
    CONF_EXPORT_TIME,
    DEFAULT_BATCH_ROWS,
    DEFAULT_EXPORT_TIME,
    DOMAIN,
)
from .exceptions import translated
from .export.backoff import delay
from .export.checkpoint import Checkpoint, CheckpointFile
from .export.errors import (
    ExportError,
    KeyRefusedError,
    RecorderUnreadableError,
    StoppedError,
    TransientError,
)
from .export.export_log import EXPORT_LOG
from .export.rejected_rows import RejectedRows
from .export.run import Result, Run
from .export.sensor_data import SENSOR_DATA
from .export.state_encoder import Place
from .issues import async_clear_issues, async_show_issue
from .source.states import StatesReader

type BigQueryExportConfigEntry = ConfigEntry[BigQueryExportCoordinator]

_LOGGER = logging.getLogger(__name__)
_SCAN_INTERVAL = timedelta(minutes=5)
_STOP_TIMEOUT = 5.0
"""Seconds that a run has to end when it is told to."""


class Status(StrEnum):
    """What the export is doing."""

    IDLE = "idle"
    EXPORTING = "exporting"
    RETRYING = "retrying"
    """It failed for a reason that may pass, and will be tried again by itself."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """The export as entities and diagnostics show it."""

    status: Status
    last_export: datetime | None
    rows_exported: int
    rows_rejected: int
    rows_waiting: int
    last_error: str | None = None


class BigQueryExportCoordinator(DataUpdateCoordinator[ExportStatus]):
    """Runs the exports of one config entry, one at a time."""

    config_entry: BigQueryExportConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: BigQueryExportConfigEntry, connection: Connection
    ) -> None:
        """Prepare an export to the destination of a connection; nothing is read yet."""
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=DOMAIN, update_interval=_SCAN_INTERVAL
        )
        self._connection = connection
        self._delivery = StorageWriteDelivery(connection, SENSOR_DATA)
        self._log_delivery = StorageWriteDelivery(connection, EXPORT_LOG)
        self._file = CheckpointFile(hass, entry.entry_id)
        self._checkpoint = Checkpoint()
        self._run: Run | None = None
        self._task: asyncio.Task[Result] | None = None
        self._stopped = False
        self._last_error: str | None = None
        self._failures = 0
        """Exports in a row that failed for a reason that may pass."""
        self._cancel_retry: CALLBACK_TYPE | None = None

    @override
    async def _async_setup(self) -> None:
        """Load the checkpoint."""
        self._checkpoint = await self.hass.async_add_executor_job(self._file.load)

    @override
    async def _async_update_data(self) -> ExportStatus:
        """Count what waits in the recorder; Google is not asked."""
        cursor = self._checkpoint.position(SENSOR_DATA.name).cursor
        count = StatesReader(self.hass).count
        try:
            waiting = await get_instance(self.hass).async_add_executor_job(count, cursor)
        except SQLAlchemyError as err:
            raise translated(UpdateFailed, RecorderUnreadableError(message=str(err))) from err
        return self._status(waiting)

    @callback
    def async_schedule(self) -> None:
        """Export every day at the time that the options say."""
        at = dt_util.parse_time(self.config_entry.options.get(CONF_EXPORT_TIME, ""))
        at = at or DEFAULT_EXPORT_TIME
        self.config_entry.async_on_unload(
            async_track_time_change(
                self.hass, self._async_export_unasked, at.hour, at.minute, at.second
            )
        )

    async def async_export(self, trigger: str) -> Result:
        """Export everything that waits; `trigger` says in the export log what began it.

        Raises ServiceValidationError when an export is running already, and HomeAssistantError
        when this one cannot go on.
        """
        if self._task and not self._task.done():
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="already_running"
            )
        self._task = self.config_entry.async_create_background_task(
            self.hass, self._async_run(trigger), f"{DOMAIN} export"
        )
        try:
            # Whoever asked for the export may go away; the export goes on.
            return await asyncio.shield(self._task)
        except ExportError as err:
            raise translated(HomeAssistantError, err) from err

    async def async_stop(self) -> None:
        """Stop a running export: it ends at its next piece, and no other one begins."""
        self._stopped = True
        self._async_forget_retry()
        if task := self._task:
            if self._run:
                self._run.stop()
            await asyncio.wait([task], timeout=_STOP_TIMEOUT)
            task.cancel()

    async def async_close(self) -> None:
        """Close the connection to Google."""
        await self.hass.async_add_executor_job(self._connection.close)

    async def _async_export_unasked(self, _: datetime) -> None:
        """Export because it is time to, or time to try again."""
        failed_before = self._failures > 0
        try:
            await self.async_export("schedule")
        except ServiceValidationError:
            _LOGGER.debug("An export is running already")
        except HomeAssistantError as err:
            _LOGGER.log(
                logging.DEBUG if failed_before else logging.ERROR,
                "The export to BigQuery failed: %s",
                err,
            )
        else:
            if failed_before:
                _LOGGER.info("The export to BigQuery works again")

    async def _async_run(self, trigger: str) -> Result:
        """Make one run, and show how it goes."""
        self._async_forget_retry()
        try:
            self._run = await self._async_new_run(trigger)
            self._show(self.data.rows_waiting)
            result = await self._run.async_export()
        except StoppedError:
            raise
        except ExportError as err:
            self._async_react(err)
            raise
        except Exception as err:
            self._last_error = repr(err)
            raise
        else:
            self._last_error = None
            self._failures = 0
            async_clear_issues(self.hass, self.config_entry)
        finally:
            self._run = None
            if not self._stopped:
                await self.async_refresh()
        return result

    @callback
    def _async_react(self, err: ExportError) -> None:
        """Do what helps against an error: ask for a key, show what to do, or try again later."""
        self._last_error = str(translated(HomeAssistantError, err))
        async_show_issue(self.hass, self.config_entry, err)
        match err:
            case KeyRefusedError():
                self.config_entry.async_start_reauth(self.hass)
            case TransientError() if not self._stopped:
                self._failures += 1
                self._cancel_retry = async_call_later(
                    self.hass, delay(self._failures, err.retry_after), self._async_export_unasked
                )

    @callback
    def _async_forget_retry(self) -> None:
        if self._cancel_retry:
            self._cancel_retry()
            self._cancel_retry = None

    async def _async_new_run(self, trigger: str) -> Run:
        config = self.hass.config
        if self._stopped:
            raise StoppedError
        source = await instance_id.async_get(self.hass)
        integration = await async_get_integration(self.hass, DOMAIN)
        return Run(
            self.hass,
            file=self._file,
            checkpoint=self._checkpoint,
            delivery=self._delivery,
            log_delivery=self._log_delivery,
            rejected_rows=RejectedRows(self.hass, self.config_entry.entry_id),
            lookup=TableLookup(self._connection, source),
            source=source,
            trigger=trigger,
            version=str(integration.version),
            place=Place(
                await dt_util.async_get_time_zone(config.time_zone) or dt_util.UTC,
                Observer(config.latitude, config.longitude, config.elevation),
            ),
            batch_rows=int(self.config_entry.options.get(CONF_BATCH_ROWS, DEFAULT_BATCH_ROWS)),
            on_progress=self._on_progress,
        )

    @callback
    def _on_progress(self, checkpoint: Checkpoint) -> None:
        done = _handled(checkpoint) - _handled(self._checkpoint)
        self._checkpoint = checkpoint
        self._show(max(0, self.data.rows_waiting - done))

    def _show(self, rows_waiting: int) -> None:
        self.async_set_updated_data(self._status(rows_waiting))

    def _status(self, rows_waiting: int) -> ExportStatus:
        position = self._checkpoint.position(SENSOR_DATA.name)
        if self._run:
            status = Status.EXPORTING
        elif self._cancel_retry:
            status = Status.RETRYING
        else:
            status = Status.FAILED if self._last_error else Status.IDLE
        last_export = self._checkpoint.last_export
        return ExportStatus(
            status=status,
            last_export=dt_util.utc_from_timestamp(last_export) if last_export else None,
            rows_exported=position.rows,
            rows_rejected=position.rejected,
            rows_waiting=rows_waiting,
            last_error=self._last_error,
        )


def _handled(checkpoint: Checkpoint) -> int:
    position = checkpoint.position(SENSOR_DATA.name)
    return position.rows + position.rejected
