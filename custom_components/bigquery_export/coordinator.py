"""The coordinator: reads the recorder for the status of an export, and shows it."""

from datetime import datetime, timedelta
import logging
from time import monotonic
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .errors import ExportError
from .export.response_time import ResponseTime
from .runner.listener import RunnerListener
from .runner.runner import Runner
from .settings.options import options_from
from .source.readiness import check_recorder
from .status.backlog import Backlog, async_read_backlog
from .status.error_kinds import ErrorKind
from .status.export_status import ExportStatus, Status
from .status.issues import (
    async_show_newer_recorder,
    async_show_old_key,
    async_show_rows_at_risk,
)
from .status.progress import Progress
from .translation import translated

_LOGGER = logging.getLogger(__name__)
_SCAN_INTERVAL = timedelta(minutes=5)
_SHOWN_AFTER = 3.0
"""Seconds after which a running export is shown, and between updates of its progress.

A shorter export changes fewer states: each change would be a row of the next export.
"""


class BigQueryExportCoordinator(DataUpdateCoordinator[ExportStatus]):
    """Shows the exports of one config entry.

    Every five minutes, and after each export, it reads the backlog, on the recorder's executor.
    """

    config_entry: ConfigEntry

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, runner: Runner) -> None:
        """Show the jobs of a runner; nothing is read yet."""
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=DOMAIN, update_interval=_SCAN_INTERVAL
        )
        self._runner = runner
        self._options = options_from(entry.options)
        self._progress = Progress()
        self._cancel_show: CALLBACK_TYPE | None = None
        self._shown_at = 0.0
        self._next_export: datetime | None = None
        self.backlog = Backlog()
        """The rows that waited in the recorder when it was last read."""
        self.recorder_response: ResponseTime | None = None
        """How long that took."""
        runner.queries.on_billed = self.async_show
        runner.async_listen(
            RunnerListener(self._async_begun, self._async_progressed, self._async_ended)
        )

    @override
    async def _async_setup(self) -> None:
        """Load the checkpoint."""
        await self._runner.async_load()

    @override
    async def _async_update_data(self) -> ExportStatus:
        """Read the backlog from the recorder; Google is not asked."""
        checkpoint = self._runner.checkpoint
        try:
            check_recorder(self.hass)
            began = monotonic()
            self.backlog = await async_read_backlog(self.hass, self._options, checkpoint)
        except ExportError as err:
            raise translated(UpdateFailed, err) from err
        self.recorder_response = ResponseTime.since(began)
        async_show_newer_recorder(self.hass, self.config_entry)
        async_show_old_key(self.hass, self.config_entry, self._options.key_days)
        # As long as exports succeed, the next one is soon enough.
        at_risk = self.backlog.at_risk if self._runner.health.last_error else None
        async_show_rows_at_risk(self.hass, self.config_entry, at_risk)
        oldest = self.backlog.oldest
        age = None if oldest is None else max(0.0, dt_util.utcnow().timestamp() - oldest)
        self._progress.count(self._runner.checkpoint, self.backlog.total, age)
        return self._status()

    @property
    def failing(self) -> bool:
        """Return whether the last export failed, or the recorder cannot be read."""
        return bool(self._runner.health.last_error) or not self.last_update_success

    @property
    def recorder_fails(self) -> bool:
        """Return whether the recorder cannot be read."""
        return not self.last_update_success or self._runner.health.kind is ErrorKind.RECORDER

    @property
    def paused(self) -> bool:
        """Return whether the export is paused: none begins by itself, and backfills wait."""
        return self._runner.paused

    @callback
    def async_set_next_export(self, time: datetime | None) -> None:
        """Show when the schedule has the next export; None when nothing begins by itself."""
        self._next_export = time

    @callback
    def async_show(self, _: datetime | None = None) -> None:
        """Show the current status now."""
        self._async_show(self._status())

    @callback
    def _async_show(self, status: ExportStatus) -> None:
        """Show a status.

        `async_set_updated_data` would put off the next look at the recorder by five minutes, and
        say that the last one has worked.
        """
        self._shown_at = monotonic()
        self.data = status
        self.async_update_listeners()

    @callback
    def _async_begun(self) -> None:
        """Show that an export is running, if it takes longer than a moment."""
        self._progress.start(self._runner.checkpoint)
        self._shown_at = monotonic()
        self._cancel_show = async_call_later(self.hass, _SHOWN_AFTER, self.async_show)

    @callback
    def _async_progressed(self) -> None:
        """Show the progress of an export, now and then."""
        status = self._status()
        if monotonic() - self._shown_at >= _SHOWN_AFTER:
            self._async_show(status)

    async def _async_ended(self) -> None:
        """Show how an export ended, and the backlog now."""
        self._progress.stop()
        if self._cancel_show:
            self._cancel_show()
            self._cancel_show = None
        if not self._runner.stopped:
            await self.async_refresh()

    def _status(self) -> ExportStatus:
        """Return the export as entities and diagnostics show it."""
        checkpoint, health = self._runner.checkpoint, self._runner.health
        last_export = checkpoint.last_export
        return ExportStatus(
            status=self._activity,
            last_export=dt_util.utc_from_timestamp(last_export) if last_export else None,
            next_export=self._next_export,
            last_rows=checkpoint.last_rows,
            last_seconds=checkpoint.last_seconds,
            rows_per_second=self._progress.rows_per_second(checkpoint),
            rows_exported=sum(position.rows for position in checkpoint.positions.values()),
            bytes_sent=checkpoint.bytes_sent,
            rejected=dict(self._runner.missing.rejected),
            left_out=self._runner.checkpoint.left_out,
            rows_waiting=self._progress.rows_waiting(checkpoint),
            oldest_age=self._progress.oldest_age,
            delay=self._runner.live.delay,
            backfill=self._progress.backfill(checkpoint, exporting=self._exporting),
            restored=self._runner.restorer.percent,
            queries_billed=self._runner.queries.billed,
            errors=dict(health.errors),
            phase_seconds=dict(self._runner.phase_seconds),
            last_error=health.last_error,
            last_error_kind=health.last_error_kind,
        )

    @property
    def _exporting(self) -> bool:
        return self._cancel_show is not None

    @property
    def _activity(self) -> Status:
        health = self._runner.health
        if self._exporting:
            restoring = self._runner.restorer.is_running
            return Status.RESTORING if restoring else Status.EXPORTING
        if self.paused:
            return Status.PAUSED
        if health.retrying:
            return Status.RETRYING
        return Status.FAILED if health.last_error else Status.IDLE
