"""Copies of an export that cannot be set up, because BigQuery cannot be reached or refuses it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.util.hass_dict import HassKey

from ..const import CONF_PAUSED, DOMAIN
from ..copies.copy_subentry import Copy, copies
from ..rows.export_log import Trigger
from .copies import Copies

_EVERY = timedelta(hours=1)
_RUNNING: HassKey[dict[str, CopiesOnly]] = HassKey(f"{DOMAIN}.copies_only")


class CopiesOnly:
    """Copies every hour, until the export is set up, changed, disabled or removed."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Prepare; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self.made_by = _settings(entry)
        self._copies = Copies(hass, entry)
        self._cancel: list[CALLBACK_TYPE] = []

    async def async_start(self) -> None:
        """Begin when Home Assistant has started."""
        await self._copies.async_load()
        self._cancel = [
            async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._async_changed),
            async_at_started(self._hass, self._async_copy),
            async_track_time_interval(self._hass, self._async_copy, _EVERY),
            self._hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._async_end),
        ]
        # It may have been while the files were read.
        self._async_changed(ConfigEntryChange.UPDATED, self._entry)

    async def async_stop(self) -> None:
        """Stop all copies, and begin none any more."""
        for cancel in self._cancel:
            cancel()
        self._cancel = []
        await self._copies.async_stop()

    @callback
    def _async_copy(self, _: HomeAssistant | datetime) -> None:
        if not self._entry.data.get(CONF_PAUSED):
            self._copies.async_begin(Trigger.SCHEDULE)

    @callback
    def _async_changed(self, _: ConfigEntryChange, other: ConfigEntry) -> None:
        """Stop where the export is disabled, and begin anew where it has other settings.

        A removed export ends this itself.
        """
        entry = self._entry
        if other is entry and (entry.disabled_by or _settings(entry) != self.made_by):
            self._hass.async_create_task(_async_begin_anew(self._hass, entry, self))

    async def _async_end(self, _: Event) -> None:
        self._cancel.pop()  # It has heard of it, and hears no more.
        await self.async_stop()


async def async_copy_only(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Let the copies of an export go on, whose set-up has failed, unless they do."""
    running = hass.data.setdefault(_RUNNING, {})
    if (before := running.get(entry.entry_id)) and before.made_by == _settings(entry):
        return
    await async_end_copying_only(hass, entry)
    # Also without a copy: one that was removed has files and issues.
    running[entry.entry_id] = only = CopiesOnly(hass, entry)
    await only.async_start()


async def async_end_copying_only(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """End that: the export is set up, or gone."""
    if only := hass.data.get(_RUNNING, {}).pop(entry.entry_id, None):
        await only.async_stop()


async def _async_begin_anew(hass: HomeAssistant, entry: ConfigEntry, only: CopiesOnly) -> None:
    """Stop at once, and go on with what the export has now unless that is disabled."""
    await only.async_stop()
    # The set-up and the removal, which hold it, may have taken its place or ended it.
    async with entry.setup_lock:
        running = hass.data[_RUNNING]
        if running.get(entry.entry_id) is only:
            del running[entry.entry_id]
            if not entry.disabled_by:
                await async_copy_only(hass, entry)


def _settings(entry: ConfigEntry) -> tuple[Mapping[str, Any], list[Copy]]:
    """Return what the copies of an export are made by."""
    return entry.options, copies(entry)
