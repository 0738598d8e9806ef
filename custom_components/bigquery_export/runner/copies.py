"""All copies of an export. They begin when it does, each on its own."""

import asyncio
from collections.abc import Callable
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started

from ..const import CONF_PAUSED
from ..copies.copy_subentry import copies, copy_subentries, remove_copy_files
from ..rows.export_log import Trigger
from ..status.copy_status import async_remove_copy_issues
from .copy_runner import CopyRunner

_LOGGER = logging.getLogger(__name__)


class Copies:
    """The copies of one config entry: nothing of one holds up another, or the export."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Prepare them; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._listeners: list[Callable[[], None]] = []
        self._runners = {
            copy.subentry_id: CopyRunner(hass, entry, copy, self._async_changed)
            for copy in copies(entry)
        }

    @property
    def all(self) -> list[CopyRunner]:
        """Return the copies."""
        return list(self._runners.values())

    def of(self, subentry_id: str) -> CopyRunner | None:
        """Return a copy by the id of its subentry."""
        return self._runners.get(subentry_id)

    async def async_load(self) -> None:
        """Read the checkpoints, and forget copies that were removed.

        One that this version cannot read keeps its files: a later version goes on with it.
        """
        subentries = copy_subentries(self._entry)
        for subentry in subentries:
            if subentry.subentry_id not in self._runners:
                _LOGGER.warning(
                    "This version cannot read the settings of the copy %s of %s, which gets no"
                    " rows. Reconfigure it, or install the version that has saved it",
                    subentry.title,
                    self._entry.title,
                )
        kept = {subentry.subentry_id for subentry in subentries}
        await self._hass.async_add_executor_job(
            remove_copy_files, self._hass, self._entry.entry_id, kept
        )
        async_remove_copy_issues(self._hass, self._entry, kept)
        for runner in self.all:
            await runner.async_load()

    @callback
    def async_start(self) -> None:
        """Continue, when Home Assistant has started, what has to catch up."""
        if self._runners:
            self._entry.async_on_unload(async_at_started(self._hass, self._async_catch_up))

    @callback
    def async_begin(self, trigger: Trigger) -> None:
        """Begin all copies that are not running."""
        for runner in self.all:
            runner.async_begin(trigger)

    @callback
    def async_pause(self, paused: bool) -> None:
        """Make backfills wait, or continue."""
        for runner in self.all:
            runner.async_pause(paused)
        self._async_changed()

    async def async_stop(self) -> None:
        """Stop all copies."""
        await asyncio.gather(*(runner.async_stop() for runner in self.all))

    @callback
    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call a listener when a copy has changed; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def _async_changed(self) -> None:
        for listener in list(self._listeners):
            listener()

    @callback
    def _async_catch_up(self, _: HomeAssistant) -> None:
        if not self._entry.data.get(CONF_PAUSED):
            for runner in self.all:
                if runner.is_behind:
                    runner.async_begin(Trigger.SCHEDULE)
