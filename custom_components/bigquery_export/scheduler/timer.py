"""The timer: begins exports at the times of a schedule while a config entry is loaded."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_time
from homeassistant.util import dt as dt_util

from ..settings.schedule import Schedule, shift_of


class ScheduleTimer:
    """Knows when the next export of a config entry is due, and begins it then."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        schedule: Schedule,
        export: Callable[[datetime], Coroutine[Any, Any, None]],
        changed: Callable[[], None],
    ) -> None:
        """Prepare; `export` is called at the times, `changed` when the time zone changes them."""
        self._hass = hass
        self._entry = entry
        self._schedule = schedule
        self._shift = shift_of(entry.entry_id)
        self._export = export
        self._changed = changed
        self._job = HassJob(self._async_due)
        self._unsubscribe: CALLBACK_TYPE | None = None
        self.next = self._next_after(dt_util.utcnow())
        """When the next export is due, in the home's time zone."""

    @callback
    def async_start(self) -> None:
        """Begin, and stop when the entry is unloaded; the home's time zone may change meanwhile."""
        self._async_wait(dt_util.utcnow())
        self._entry.async_on_unload(self._async_stop_waiting)
        self._entry.async_on_unload(
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._async_look_at_clock)
        )

    def missed(self, since: datetime) -> bool:
        """Return whether an export has been due since some time."""
        due = self._next_after(since)
        return due is not None and due <= dt_util.utcnow()

    def _next_after(self, time: datetime) -> datetime | None:
        return self._schedule.next_after(dt_util.as_local(time), self._shift)

    @callback
    def _async_wait(self, time: datetime) -> None:
        """Wait for the next scheduled time after `time`."""
        self._async_stop_waiting()
        self.next = self._next_after(time)
        if self.next:
            self._unsubscribe = async_track_point_in_time(self._hass, self._job, self.next)

    @callback
    def _async_stop_waiting(self) -> None:
        if self._unsubscribe:
            self._unsubscribe()
            self._unsubscribe = None

    @callback
    def _async_due(self, now: datetime) -> None:
        self._unsubscribe = None
        # It may be late, after the machine has slept.
        self._async_wait(max(now, dt_util.utcnow()))
        self._entry.async_create_background_task(
            self._hass, self._export(now), f"{self._entry.domain} schedule"
        )

    @callback
    def _async_look_at_clock(self, _: Event) -> None:
        self._async_wait(dt_util.utcnow())
        self._changed()
