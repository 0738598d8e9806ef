"""The timer: begins exports at the times of a schedule while a config entry is loaded."""

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_time
from homeassistant.util import dt as dt_util

from ..settings.schedule import Schedule, shift_of

_CHANGED = timedelta(minutes=1)
"""A clock that is off by less is not one that was set."""


class ScheduleTimer:
    """Knows when the next export of a config entry is due, and begins it then.

    Home Assistant's timers wait as long as it seemed when they were set. Where the clock is set
    later, as on a machine without a battery that has just begun, `async_check_clock` follows it.
    """

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
        self._booted = _booted()
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
        """Return whether an export has been due since some time.

        One is due as well when that is a time to come: the clock was wrong, then or now.
        """
        due, now = self._next_after(since), dt_util.utcnow()
        return due is not None and (due <= now or since > now + _CHANGED)

    @callback
    def async_check_clock(self) -> bool:
        """Wait for the next time by the clock as it is now; return whether it was set."""
        booted = _booted()
        if abs(booted - self._booted) < _CHANGED:
            return False
        self._async_look_at_clock()
        return True

    def _next_after(self, time: datetime) -> datetime | None:
        return self._schedule.next_after(dt_util.as_local(time), self._shift)

    @callback
    def _async_wait(self, time: datetime) -> None:
        """Wait for the next scheduled time after `time`."""
        self._async_stop_waiting()
        self._booted = _booted()
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
    def _async_look_at_clock(self, _: Event | None = None) -> None:
        self._async_wait(dt_util.utcnow())
        self._changed()


def _booted() -> datetime:
    """Return when the machine began to count, which changes when its clock is set, or it sleeps."""
    return dt_util.utcnow() - timedelta(seconds=monotonic())
