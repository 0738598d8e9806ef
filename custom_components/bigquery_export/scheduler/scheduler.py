"""Exports that nobody asks for: what is due, was missed, is in danger, or is left of a backfill."""

from collections.abc import Callable
from datetime import datetime
import logging
from typing import TYPE_CHECKING

from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..settings.schedule import Schedule
from ..status.export_status import Trigger
from .purge_guard import PurgeGuard
from .timer import ScheduleTimer

if TYPE_CHECKING:
    from ..coordinator import BigQueryExportCoordinator

_LOGGER = logging.getLogger(__name__)


class Scheduler:
    """Begins exports of one config entry, and logs how they end."""

    def __init__(
        self,
        coordinator: BigQueryExportCoordinator,
        schedule: Schedule,
        changed: Callable[[], None],
    ) -> None:
        """Prepare; nothing begins before `async_start`. `changed` hears of other times."""
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._coordinator = coordinator
        self.guard = PurgeGuard(self._hass)
        self._timer = ScheduleTimer(self._hass, self._entry, schedule, self.async_export, changed)

    @property
    def next(self) -> datetime | None:
        """Return when the schedule has the next export; None when nothing begins by itself."""
        return None if self._coordinator.paused else self._timer.next

    @callback
    def async_start(self) -> None:
        """Export at the times of the schedule, and when rows are in danger."""
        self._timer.async_start()
        # It also keeps the updates coming when all entities are disabled.
        self._entry.async_on_unload(self._coordinator.async_add_listener(self.async_look_ahead))
        self._entry.async_on_unload(async_at_started(self._hass, self._async_make_up))

    @callback
    def async_begin(self, trigger: Trigger) -> None:
        """Begin an export that nobody waits for."""
        self._entry.async_create_background_task(
            self._hass, self.async_export(trigger=trigger), f"{DOMAIN} {trigger}"
        )

    @callback
    def _async_make_up(self, _: HomeAssistant) -> None:
        """Begin what waits for nothing but Home Assistant, such as an export that it missed."""
        self.async_look_ahead()
        last_export = self._coordinator.checkpoint.last_export
        since = self._entry.created_at
        if last_export is not None:
            since = dt_util.utc_from_timestamp(last_export)
        if not self._coordinator.is_running and self._timer.missed(since):
            self.async_begin(Trigger.SCHEDULE)

    @callback
    def async_look_ahead(self) -> None:
        """Export before the recorder deletes what waits, and go on with a backfill."""
        coordinator, health = self._coordinator, self._coordinator.health
        busy = coordinator.stopped or coordinator.is_running or health.retrying
        ready = self._hass.state is CoreState.running and coordinator.last_update_success
        if busy or not ready:
            return
        if self.guard.async_take_chance():
            self.async_begin(Trigger.RETENTION)
        elif coordinator.data.backfill and not coordinator.paused and not health.last_error:
            self.async_begin(Trigger.BACKFILL)

    async def async_export(
        self, _: datetime | None = None, *, trigger: Trigger = Trigger.SCHEDULE
    ) -> None:
        """Export because it is time to, or time to try again."""
        if self._coordinator.paused and trigger not in (Trigger.ACTION, Trigger.RETENTION):
            return
        failed_before = self._coordinator.health.failures > 0
        try:
            await self._coordinator.async_export(trigger)
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
