"""The scheduler: all reasons for which an export begins by itself.

It is due, or was missed while Home Assistant did not run; the recorder is about to delete rows; a
backfill is not done; or the last export failed for a reason that may pass.
"""

from datetime import datetime, timedelta
from functools import partial
import logging
from time import monotonic

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from ..const import CONF_EXPORT_AT_ONCE, CONF_PAUSED, DOMAIN
from ..coordinator import BigQueryExportCoordinator
from ..errors import RowsNotListedError
from ..export.purge import RowsAtRisk
from ..rows.export_log import Trigger
from ..runner.listener import RunnerListener
from ..runner.runner import Runner
from ..settings.options import options_from
from .purge_guard import PurgeGuard
from .timer import ScheduleTimer

_LOGGER = logging.getLogger(__name__)
_TO_EXPORT = timedelta(minutes=15)
"""What an export may take that has to end before a purge."""


class Scheduler:
    """Begins the exports of one config entry, and logs how they end."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        coordinator: BigQueryExportCoordinator,
        runner: Runner,
    ) -> None:
        """Prepare; nothing begins before `async_start`."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._runner = runner
        self._guard = PurgeGuard()
        self._timer = ScheduleTimer(
            hass,
            entry,
            options_from(entry.options).schedule,
            self._async_export_due,
            self._async_show_next,
        )
        self._cancel_retry: CALLBACK_TYPE | None = None
        self._logged: str | None = None
        """The kind of failure that was logged last, while exports fail."""
        self._async_push_next()

    @callback
    def async_start(self) -> None:
        """Begin exports for all reasons, until the entry is unloaded."""
        self._timer.async_start()
        self._async_push_next()
        self._runner.async_listen(RunnerListener(ended=self._async_ended))
        self._runner.live.on_failed = partial(self._async_begin, Trigger.SCHEDULE)
        self._entry.async_on_unload(self._async_forget_retry)
        # It also keeps the updates coming when all entities are disabled.
        self._entry.async_on_unload(self._coordinator.async_add_listener(self._async_look_around))
        self._entry.async_on_unload(async_at_started(self._hass, self._async_catch_up))

    @callback
    def async_pause(self, paused: bool) -> None:
        """Let no export begin by itself, and backfills wait; or let everything continue."""
        data = {**self._entry.data, CONF_PAUSED: paused}
        self._hass.config_entries.async_update_entry(self._entry, data=data)
        self._runner.async_pause(paused)
        if paused:
            self._async_forget_retry()
        else:
            if self._hass.state is CoreState.running:
                self._async_export_missed()
            self._runner.async_follow()
        self._async_show_next()

    @callback
    def async_export_now(self) -> None:
        """Begin to export all waiting rows, without waiting for the end.

        Raises ServiceValidationError when an export is running already.
        """
        self._runner.check_idle()
        self._async_begin(Trigger.ACTION)

    @callback
    def _async_begin(self, trigger: Trigger) -> None:
        self._entry.async_create_background_task(
            self._hass, self._async_export(trigger), f"{DOMAIN} {trigger}"
        )

    @callback
    def _async_push_next(self) -> None:
        """Tell the coordinator when the next export is due: while paused, never."""
        paused = self._runner.paused
        self._coordinator.async_set_next_export(None if paused else self._timer.next)

    @callback
    def _async_show_next(self) -> None:
        self._async_push_next()
        self._coordinator.async_show()

    @callback
    def _async_catch_up(self, _: HomeAssistant) -> None:
        """Begin what was missed, or had to wait for Home Assistant's start."""
        self._async_look_ahead()
        self._async_export_missed()
        self._runner.async_follow()

    @callback
    def _async_export_missed(self) -> None:
        """Begin the first export, or one that was due while nothing could begin."""
        last_export = self._runner.checkpoint.last_export
        since = self._entry.created_at
        if last_export is not None:
            since = dt_util.utc_from_timestamp(last_export)
        wanted = CONF_EXPORT_AT_ONCE in self._entry.data or self._timer.missed(since)
        if wanted and not (self._runner.is_running or self._runner.paused):
            self._async_begin(Trigger.SCHEDULE)

    @callback
    def _async_look_around(self) -> None:
        """Follow the clock, and look ahead."""
        if self._timer.async_check_clock() and self._hass.state is CoreState.running:
            self._async_export_missed()
        self._async_look_ahead()

    @callback
    def _async_look_ahead(self) -> None:
        """Export before the recorder deletes waiting rows, continue a backfill, or a restore."""
        runner, coordinator = self._runner, self._coordinator
        at_risk = coordinator.backlog.at_risk
        busy = runner.stopped or runner.is_running or self._is_tried_again(at_risk)
        ready = self._hass.state is CoreState.running and coordinator.last_update_success
        if busy or not ready:
            return
        if self._guard.async_take_chance(at_risk):
            self._async_begin(Trigger.RETENTION)
        elif runner.health.last_error:
            return
        elif runner.restorer.is_canceled:
            self._entry.async_create_background_task(
                self._hass, self._async_end_restore(), f"{DOMAIN} {Trigger.RESTORE}"
            )
        elif runner.paused:
            return
        elif coordinator.data.backfill:
            self._async_begin(Trigger.BACKFILL)
        elif runner.restorer.is_wanted:
            self._async_begin(Trigger.RESTORE)

    def _is_tried_again(self, at_risk: RowsAtRisk | None) -> bool:
        """Return whether an export will be tried again, before rows at risk are deleted."""
        if (retry_at := self._runner.health.retry_at) is None:
            return False
        return at_risk is None or _after(retry_at) + _TO_EXPORT < at_risk.purge

    async def _async_ended(self) -> None:
        """Log that exports work again, or retry at the time that `ExportHealth.retry_at` says."""
        if self._runner.checkpoint.last_export is not None:
            self._async_forget_first_export()
        if self._logged and not self._runner.health.last_error:
            self._logged = None
            _LOGGER.info("The export to BigQuery works again")
        self._async_forget_retry()
        if retry_at := self._runner.health.retry_at:
            self._cancel_retry = async_call_later(
                self._hass, max(0.0, retry_at - monotonic()), self._async_retry
            )

    @callback
    def _async_forget_first_export(self) -> None:
        """Note that the export that the set-up has asked for is done."""
        data = {
            name: value for name, value in self._entry.data.items() if name != CONF_EXPORT_AT_ONCE
        }
        self._hass.config_entries.async_update_entry(self._entry, data=data)

    @callback
    def _async_forget_retry(self) -> None:
        if self._cancel_retry:
            self._cancel_retry()
            self._cancel_retry = None

    async def _async_retry(self, _: datetime) -> None:
        self._cancel_retry = None
        if self._runner.health.retrying:
            # While paused, only an export before a purge is retried.
            paused = self._runner.paused
            await self._async_export(Trigger.RETENTION if paused else Trigger.SCHEDULE)

    async def _async_export_due(self, _: datetime) -> None:
        """Export because it is due."""
        self._async_push_next()
        await self._async_export(Trigger.SCHEDULE)

    async def _async_export(self, trigger: Trigger) -> None:
        """Export, and log how it ends; while paused, only on request or if rows are at risk."""
        if self._runner.paused and trigger not in (Trigger.ACTION, Trigger.RETENTION):
            return
        try:
            await self._runner.async_export(trigger)
        except ServiceValidationError:
            _LOGGER.debug("An export is running already")
        except Exception as err:
            if not self._runner.stopped:  # Else it was to end.
                self._log_failure(err)

    async def _async_end_restore(self) -> None:
        """End a restore that was canceled while another job was running."""
        try:
            await self._runner.async_end_restore()
        except ServiceValidationError:
            _LOGGER.debug("A job is running already")
        except HomeAssistantError as err:
            self._log_failure(err)

    def _log_failure(self, err: Exception) -> None:
        """Log why an export failed, once for as long as exports fail for the same reason."""
        unexpected = None if isinstance(err, HomeAssistantError) else err
        kind = getattr(err, "translation_key", None) or type(err).__name__
        level = logging.WARNING if kind == RowsNotListedError.key else logging.ERROR
        if kind == self._logged:
            level = logging.DEBUG
        self._logged = kind
        _LOGGER.log(level, "The export to BigQuery failed: %s", err, exc_info=unexpected)


def _after(time: float) -> datetime:
    """Return when it will be a time of the clock `monotonic`."""
    return dt_util.utcnow() + timedelta(seconds=time - monotonic())
