"""The exports of one config entry, and the status that entities show."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .bigquery.connection import Connection
from .bigquery.schema import DatasetSchema
from .const import CONF_PAUSED, DOMAIN
from .display import ExportDisplay
from .errors import ExportError, StoppedError
from .export.checkpoint import Checkpoint
from .export.corrections.corrections import Corrections
from .export.reconcile.resend import Resend
from .export.run import Run
from .export.session import Result
from .export.table_export import async_read_recorder
from .export.tables import TABLES
from .runner.factory import Exporter
from .runner.requests import ExportRequest, VerifyRequest
from .runner.verifier import Verdict, Verifier
from .scheduler.scheduler import Scheduler
from .settings.options import options_from
from .source.readiness import check_recorder
from .status.backlog import count_waiting
from .status.export_events import ExportEvent, completed, failed, gap_found
from .status.export_status import ExportStatus, Trigger
from .status.health import ExportHealth
from .status.issues import (
    async_show_gaps,
    async_show_newer_recorder,
    async_show_old_key,
    async_show_rows_at_risk,
)
from .translation import translated

type BigQueryExportConfigEntry = ConfigEntry[BigQueryExportCoordinator]

_LOGGER = logging.getLogger(__name__)
_SCAN_INTERVAL = timedelta(minutes=5)
_EVERYTHING = ExportRequest()
_STOP_TIMEOUT = 5.0
"""Seconds that a run has to end when it is told to."""


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
        self._options = options_from(entry.options)
        self._schema = DatasetSchema(connection, self._options.table_settings)
        self._exporter = Exporter(hass, entry, connection, self._on_progress)
        self._checkpoint = Checkpoint()
        self._verifier = Verifier(hass, entry, connection)
        self._run: Run | Corrections | Resend | None = None
        self._task: asyncio.Task[Result] | None = None
        self.stopped = False
        """Whether no export begins any more."""
        self._display = ExportDisplay(self)
        self._scheduler = Scheduler(self, self._options.schedule, self._display.async_show)
        self.health = ExportHealth(hass, entry, HassJob(self._scheduler.async_export))
        """How exports went."""

    @override
    async def _async_setup(self) -> None:
        """Load the checkpoint."""
        load = self._exporter.checkpoint_file.load
        self._checkpoint = await self.hass.async_add_executor_job(load)
        await self._display.async_count_rejected(first=True)

    @override
    async def _async_update_data(self) -> ExportStatus:
        """Count what waits in the recorder; Google is not asked."""
        try:
            check_recorder(self.hass)
            waiting = await async_read_recorder(
                self.hass, count_waiting, self.hass, self._options, self._checkpoint
            )
            await self._scheduler.guard.async_look(self._checkpoint, waiting)
        except ExportError as err:
            raise translated(UpdateFailed, err) from err
        async_show_newer_recorder(self.hass, self.config_entry)
        async_show_old_key(self.hass, self.config_entry, self._options.key_days)
        # As long as exports succeed, the next one is soon enough.
        at_risk = self._scheduler.guard.at_risk if self.health.last_error else None
        async_show_rows_at_risk(self.hass, self.config_entry, at_risk)
        self._display.count(sum(waiting.values()), self._scheduler.guard.oldest)
        return self._display.status()

    @property
    def checkpoint(self) -> Checkpoint:
        """Return how far all tables are exported."""
        return self._checkpoint

    @property
    def exporter(self) -> Exporter:
        """Return what puts exports together."""
        return self._exporter

    @property
    def failing(self) -> bool:
        """Return whether the last export failed, or the recorder cannot be read."""
        return bool(self.health.last_error) or not self.last_update_success

    @property
    def paused(self) -> bool:
        """Return whether exports begin by somebody's wish only, and backfills wait."""
        return bool(self.config_entry.data.get(CONF_PAUSED))

    @callback
    def async_pause(self, paused: bool) -> None:
        """Let nothing begin by itself any more, and backfills wait; or let all go on."""
        data = {**self.config_entry.data, CONF_PAUSED: paused}
        self.hass.config_entries.async_update_entry(self.config_entry, data=data)
        if paused:
            self.health.async_forget_retry()
        if isinstance(self._run, Run):
            self._run.pause(paused)
        self._display.async_show()

    @property
    def next_export(self) -> datetime | None:
        """Return when the schedule has the next export; None when nothing begins by itself."""
        return self._scheduler.next

    @callback
    def async_schedule(self) -> None:
        """Export at the times that the options say, and when rows are in danger."""
        self._scheduler.async_start()

    async def async_export(self, trigger: Trigger, wanted: ExportRequest = _EVERYTHING) -> Result:
        """Export everything that waits, or what is wanted of it; while paused, no backfill.

        Raises ServiceValidationError when an export is running already, and HomeAssistantError
        when this one cannot go on.
        """
        return await self._async_alone(lambda: self._async_run(trigger, wanted))

    async def async_verify(self, wanted: VerifyRequest) -> Verdict:
        """Compare what was exported with BigQuery; raises what `Verifier.async_verify` raises."""
        return await self._verifier.async_verify(self._checkpoint, wanted)

    @callback
    def async_begin_export(self) -> None:
        """Begin to export everything that waits; nobody has to wait until it ends.

        Raises ServiceValidationError when an export is running already.
        """
        self._check_alone()
        self._scheduler.async_begin(Trigger.ACTION)

    async def async_retry_rejected(self) -> Result:
        """Send the rejected rows again; raises what `async_export` raises."""
        return await self._async_alone(self._async_retry)

    async def async_discard_rejected(self) -> int:
        """Delete the rejected rows for ever, and return how many there were.

        Raises ServiceValidationError when an export is running.
        """
        self._check_alone()
        number = self._display.rejected.total()
        await self.hass.async_add_executor_job(self._exporter.rejected_rows.remove)
        await self._display.async_count_rejected()
        await self.async_refresh()
        return number

    @property
    def is_running(self) -> bool:
        """Return whether an export is running."""
        return self._task is not None and not self._task.done()

    def _check_alone(self) -> None:
        if self.is_running:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="already_running"
            )

    async def _async_alone(self, export: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Make an export, if no other is running."""
        self._check_alone()
        # Not eagerly: whoever is shown that it began, and looks ahead, must find it running.
        self._task = self.config_entry.async_create_background_task(
            self.hass, export(), f"{DOMAIN} export", eager_start=False
        )
        try:
            # Whoever asked for the export may go away; the export goes on.
            return await asyncio.shield(self._task)
        except ExportError as err:
            raise translated(HomeAssistantError, err) from err

    async def async_stop(self) -> None:
        """Stop a running export: it ends at its next piece, and no other one begins."""
        self.stopped = True
        self._connection.stop()
        self._verifier.async_stop()
        self.health.async_forget_retry()
        if task := self._task:
            if self._run:
                self._run.stop()
            await asyncio.wait([task], timeout=_STOP_TIMEOUT)
            task.cancel()

    async def async_close(self) -> None:
        """Close the connection to Google."""
        await self.hass.async_add_executor_job(self._connection.close)

    async def _async_run(self, trigger: Trigger, wanted: ExportRequest) -> Result:
        """Make one run, and show how it goes."""
        tables = wanted.tables
        async with self._showing(trigger, everything=tables is None):
            run = await self._exporter.async_new_run(self._checkpoint, trigger, tables)
            self._check_not_stopped(run)
            # Rows that the recorder is about to delete cannot wait.
            backfill = not self.paused or trigger is Trigger.RETENTION
            try:
                result = await run.async_export(
                    flush=wanted.flush, backfill=backfill, everything=tables is None
                )
            finally:
                if run.gaps:
                    async_show_gaps(self.hass, self.config_entry, run.gaps)
                    self._display.async_send_export_event(gap_found(run.gaps))
            corrections = await self._exporter.async_new_corrections(
                self._checkpoint, tables, again=wanted.force
            )
            if corrections:
                self._check_not_stopped(corrections)
                now = dt_util.utcnow()
                result.include(await corrections.async_check(now, again=wanted.force))
            if wanted.force:
                resend = await self._exporter.async_new_resend(self._checkpoint, wanted)
                self._check_not_stopped(resend)
                again = await resend.async_send()
                result.include(again)
                result.sent_again = again.rows
            await self._async_remember(result)
        self._display.async_send_export_event(completed(result, trigger))
        return result

    def _check_not_stopped(self, run: Run | Corrections | Resend) -> None:
        """Let a run be stopped from now on. Raises StoppedError if that came while it was made."""
        self._run = run
        if self.stopped:
            raise StoppedError

    async def _async_remember(self, result: Result) -> None:
        """Keep how much was exported, and how long it took, unless the run has."""
        last = replace(self._checkpoint, last_rows=result.total, last_seconds=result.seconds)
        if last == self._checkpoint:
            return
        self._checkpoint = last
        save = self._exporter.checkpoint_file.save
        await self.hass.async_add_executor_job(save, self._checkpoint)

    async def _async_retry(self) -> Result:
        """Send the rejected rows again, and show how it goes."""
        async with self._showing(Trigger.RETRY_REJECTED):
            retry = await self._exporter.async_new_retry(self._checkpoint)
            return await retry.async_send(TABLES.values())

    @asynccontextmanager
    async def _showing(self, trigger: Trigger, *, everything: bool = True) -> AsyncIterator[None]:
        """Show that an export is running, if it takes its time, and how it ends.

        One that is not of everything heals nothing.
        """
        if everything:
            self.health.async_forget_retry()
        if self.stopped:
            raise StoppedError
        self._display.async_begin()
        export_event: ExportEvent | None = None
        try:
            if self.health.tables_in_doubt:
                # A column may have been dropped; if it was not, this changes nothing.
                await self.hass.async_add_executor_job(self._schema.ensure, self._options.tables)
            yield
        except StoppedError:
            raise
        except ExportError as err:
            self.health.async_forget_retry()
            self.health.async_failed(err, retry=not self.stopped)
            export_event = failed(self.health, trigger)
            raise
        except Exception as err:
            self.health.async_broke_down(err)
            export_event = failed(self.health, trigger)
            raise
        else:
            if everything:
                self.health.async_succeeded()
        finally:
            self._display.async_end()
            self._run = None
            self._exporter.async_end()
            if not self.stopped:
                await self._display.async_count_rejected()
                await self.async_refresh()
            # Whoever hears of it finds all entities as they are then.
            if export_event:
                self._display.async_send_export_event(export_event)

    @callback
    def _on_progress(self, checkpoint: Checkpoint) -> None:
        """Take note of how far an export is."""
        self._checkpoint = checkpoint
        self._display.async_progress()
