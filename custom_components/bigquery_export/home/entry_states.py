"""The states of config entries, followed between exports: an outage is often shorter than those.

Home Assistant says by a signal when a state has changed, and keeps none that was before. What was
not exported yet is in a file, which is written a moment later, as the recorder writes its rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    SOURCE_IGNORE,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..rows.table import timestamp
from .failure_reasons import failure_reason

_VERSION = 1
_SAVE_DELAY = 5.0
"""Seconds, as the recorder commits."""
_RELOAD = 10_000_000
"""Microseconds within which an entry that is not loaded any more is set up again by a reload."""
_MAX_STATES = 1_000
"""Of one entry, which it may change while nothing is exported; older ones are forgotten."""
_MAX_UNSENT = 20
"""Of one entry that was not exported: it is new, or excluded."""


@dataclass(frozen=True, slots=True)
class EntryState:
    """What an entry was from a moment on."""

    state: str
    reason: str | None = None
    reason_key: str | None = None
    disabled_by: str | None = None
    removed: bool = False
    number: int = 0
    """Later ones have higher numbers, whatever the clock says."""
    since: int = 0
    """Microseconds since 1970."""


class EntryStates:
    """Follows the states of all config entries, and has those that were not exported yet.

    What is under way is no state: so neither a reload nor one more try of a retry is a change.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare for the export of a config entry; nothing is read yet."""
        self._hass = hass
        self._store = _store(hass, entry_id)
        self._entries: dict[str, list[EntryState]] = {}
        self._unsubscribe: list[Callable[[], None]] = []
        self._changed = False
        self.version = 0
        """Another number after each change."""
        self.is_current = False
        """Whether the states of all entries are known: once Home Assistant has started."""

    def of(self, entry_id: str) -> list[EntryState]:
        """Return what an entry was, the newest last, from what was exported last on."""
        return list(self._entries.get(entry_id, ()))

    @property
    def removed(self) -> list[str]:
        """Return the ids of entries that are gone, which may not be exported yet."""
        return [id_ for id_, states in self._entries.items() if states[-1].removed]

    async def async_open(self) -> None:
        """Read the file, and follow all changes from now on."""
        self._entries = _read((await self._store.async_load() or {}).get("entries"))
        self._unsubscribe = [
            async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._on_change),
            async_at_started(self._hass, self._on_started),
        ]

    async def async_close(self) -> None:
        """Stop following, and write what is not written yet."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        if self._changed:
            await self._store.async_save(self._data())

    @callback
    def async_forget(self, exported: Mapping[str, int]) -> None:
        """Forget what was exported: all before the states with these numbers, by entry.

        Entries that are not exported, such as excluded ones, keep their newest states alone, and
        none once they are gone.
        """
        for entry_id, states in list(self._entries.items()):
            *earlier, newest = states
            number = exported.get(entry_id)
            if number is None:
                kept = [] if newest.removed else [*earlier[1 - _MAX_UNSENT :], newest]
            elif newest.removed and newest.number <= number:
                kept = []
            else:
                kept = [*(state for state in earlier if state.number > number), newest]
            if kept:
                self._entries[entry_id] = kept
            else:
                del self._entries[entry_id]
            if len(kept) < len(states):
                self._save()

    @callback
    def _on_started(self, _: HomeAssistant) -> None:
        """Look at all entries: changes from before this was opened are not known."""
        self.is_current = True
        entries = self._hass.config_entries.async_entries(include_ignore=False)
        for entry in entries:
            self._look_at(entry)
        for entry_id in self._entries.keys() - {entry.entry_id for entry in entries}:
            self._remove(entry_id)

    @callback
    def _on_change(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.source == SOURCE_IGNORE:
            return
        if change is ConfigEntryChange.REMOVED:
            self._remove(entry.entry_id)
        elif change is ConfigEntryChange.UPDATED:
            self._look_at(entry)

    def _look_at(self, entry: ConfigEntry) -> None:
        if self._hass.is_stopping or entry.state is ConfigEntryState.UNLOAD_IN_PROGRESS:
            return
        if entry.state is ConfigEntryState.SETUP_IN_PROGRESS:
            self._forget_reload(entry.entry_id)
            return
        if entry.state is ConfigEntryState.NOT_LOADED and not self.is_current:
            return  # It is not loaded yet.
        states = self._entries.get(entry.entry_id)
        before = states[-1] if states else None
        now = EntryState(
            entry.state.value,
            disabled_by=entry.disabled_by and str(entry.disabled_by),
            reason=failure_reason(entry),
            reason_key=entry.error_reason_translation_key,
        )
        if before and (before.state, before.disabled_by) == (now.state, now.disabled_by):
            # A retry may fail for other reasons: it is one failure until it ends.
            is_error = entry.state is ConfigEntryState.SETUP_ERROR
            if not is_error or before.reason == now.reason:
                return
        self._add(entry.entry_id, now)

    def _remove(self, entry_id: str) -> None:
        self._forget_reload(entry_id)
        if (states := self._entries.get(entry_id)) and not states[-1].removed:
            self._add(entry_id, EntryState(states[-1].state, removed=True))

    def _forget_reload(self, entry_id: str) -> None:
        """Forget that an entry was not loaded for the moment of its reload, or of its removal."""
        states = self._entries.get(entry_id, [])
        if len(states) < 2 or states[-1].state != ConfigEntryState.NOT_LOADED.value:
            return
        if not states[-1].disabled_by and 0 <= _now() - states[-1].since < _RELOAD:
            states.pop()
            self._save()

    def _add(self, entry_id: str, state: EntryState) -> None:
        now = _now()
        states = self._entries.setdefault(entry_id, [])
        # Numbers are times, so that those of a file that was lost are not given again.
        number = max(now, states[-1].number + 1 if states else 0)
        states.append(replace(state, number=number, since=now))
        del states[:-_MAX_STATES]
        self._save()

    def _save(self) -> None:
        self.version += 1
        self._changed = True
        self._store.async_delay_save(self._data, _SAVE_DELAY)

    def _data(self) -> dict[str, object]:
        self._changed = False
        return {
            "entries": {
                entry_id: [astuple(state) for state in states]
                for entry_id, states in self._entries.items()
            }
        }


async def async_remove_entry_states(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the file of an export."""
    await _store(hass, entry_id).async_remove()


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, object]]:
    return Store(hass, _VERSION, f"{DOMAIN}.{entry_id}.entry_states", private=True)


def _read(entries: object) -> dict[str, list[EntryState]]:
    """Return what is in a file; nothing if it is damaged, as states are known again soon."""
    try:
        found = {
            str(entry_id): [EntryState(*values) for values in states]
            for entry_id, states in dict(entries or {}).items()  # type: ignore[call-overload]
        }
    except TypeError, ValueError:
        return {}
    return {entry_id: states for entry_id, states in found.items() if states}


def _now() -> int:
    return timestamp(dt_util.utcnow())
