"""The states of config entries between exports."""

from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.home import entry_states
from custom_components.bigquery_export.home.entry_states import (
    EntryStates,
    async_remove_entry_states,
)
from tests.bigquery_export.support.flaky_home import FlakyHome

RETRY = ConfigEntryNotReady("no answer")


@pytest.fixture
def home(hass: HomeAssistant) -> FlakyHome:
    """Return a home without entries."""
    return FlakyHome(hass)


@pytest.fixture
async def states(hass: HomeAssistant) -> Any:
    """Return what follows the states."""
    states = EntryStates(hass, "export")
    await states.async_open()
    yield states
    await states.async_close()


def told(states: EntryStates, entry_id: str = "one") -> list[str]:
    """Return what an entry was."""
    return [
        " ".join(
            filter(
                None,
                (one.state, one.reason, one.disabled_by, "removed" if one.removed else None),
            )
        )
        for one in states.of(entry_id)
    ]


async def test_a_retry_is_one_state(home: FlakyHome, states: EntryStates) -> None:
    """However often Home Assistant tries, and whatever it is told, it is one failure."""
    home.failure = RETRY
    entry = await home.async_add("one")
    version = states.version
    await home.async_retry(entry, ConfigEntryNotReady("something else"))
    await home.async_retry(entry, RETRY)
    assert home.seen == [ConfigEntryState.SETUP_IN_PROGRESS] * 3
    assert told(states) == ["setup_retry no answer"]
    assert states.version == version
    await home.async_retry(entry)
    assert told(states) == ["setup_retry no answer", "loaded"]
    first, second = states.of("one")
    assert first.number < second.number
    assert first.since < second.since
    assert states.version > version


async def test_errors(home: FlakyHome, states: EntryStates) -> None:
    """An error that is another one than before is a state of its own; the same one is not."""
    home.failure = ConfigEntryError("wrong code")
    entry = await home.async_add("one")
    await home.async_reload(entry, ConfigEntryError("wrong code"))
    await home.async_reload(entry, ConfigEntryError("no such device"))
    assert told(states) == ["setup_error wrong code", "setup_error no such device"]


@pytest.mark.parametrize("failure", [None, RETRY])
async def test_reload(home: FlakyHome, states: EntryStates, failure: Exception | None) -> None:
    """A reload that ends as before is no change."""
    home.failure = failure
    entry = await home.async_add("one")
    before = states.of("one")
    await home.async_reload(entry, failure)
    assert states.of("one") == before
    assert len(before) == 1


async def test_unloaded(
    home: FlakyHome, states: EntryStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that stays unloaded for longer than a reload is not loaded."""
    entry = await home.async_add("one")
    await home.hass.config_entries.async_unload(entry.entry_id)
    monkeypatch.setattr(entry_states, "_RELOAD", 0)
    await home.async_set_up(entry)
    assert told(states) == ["loaded", "not_loaded", "loaded"]


async def test_disabled_and_removed(home: FlakyHome, states: EntryStates) -> None:
    """Who disables or removes an entry makes one change of it."""
    entry = await home.async_add("one")
    manager = home.hass.config_entries
    await manager.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    await manager.async_set_disabled_by(entry.entry_id, None)
    await manager.async_remove(entry.entry_id)
    expected = ["loaded", "not_loaded user", "loaded", "loaded removed"]
    assert told(states) == expected
    assert states.removed == ["one"]
    assert len({one.number for one in states.of("one")}) == len(expected)


async def test_others(home: FlakyHome, states: EntryStates) -> None:
    """Ignored discoveries are no integrations, and other updates of an entry no states."""
    MockConfigEntry(domain="flaky", source=SOURCE_IGNORE, entry_id="no").add_to_hass(home.hass)
    await home.async_set_up(home.hass.config_entries.async_get_entry("no"))  # type: ignore[arg-type]
    entry = await home.async_add("one")
    home.hass.config_entries.async_update_entry(entry, title="Another", data={"a": 1})
    assert told(states) == ["loaded"]
    assert not states.of("no")


async def test_start(hass: HomeAssistant, home: FlakyHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not loaded yet is no change; what is not loaded in the end is one."""
    monkeypatch.setattr(entry_states, "_RELOAD", 0)  # A start takes longer.
    names = ("works", "fails", "slow", "off", "broken", "gone")
    entries = {entry_id: await home.async_add(entry_id) for entry_id in names}
    before = EntryStates(hass, "export")
    await before.async_open()
    await before.async_close()

    hass.set_state(CoreState.starting)
    for entry in entries.values():
        entry.mock_state(hass, ConfigEntryState.NOT_LOADED)
    await hass.config_entries.async_remove("gone")
    states = EntryStates(hass, "export")
    await states.async_open()
    assert not states.is_current
    hass.config_entries.async_update_entry(entries["slow"], title="New")
    await home.async_set_up(entries["works"])
    home.failure = RETRY
    await home.async_set_up(entries["fails"])
    entries["slow"].mock_state(hass, ConfigEntryState.SETUP_IN_PROGRESS)
    entries["off"].disabled_by = ConfigEntryDisabler.USER
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await hass.async_block_till_done()
    assert states.is_current
    assert {entry_id: told(states, entry_id) for entry_id in names} == {
        "works": ["loaded"],
        "fails": ["loaded", "setup_retry no answer"],
        "slow": ["loaded"],
        "off": ["loaded", "not_loaded user"],
        "broken": ["loaded", "not_loaded"],
        "gone": ["loaded", "loaded removed"],
    }
    await states.async_close()


async def test_stop(hass: HomeAssistant, home: FlakyHome, states: EntryStates) -> None:
    """What Home Assistant stops has not failed."""
    entry = await home.async_add("one")
    hass.set_state(CoreState.stopping)
    entry.mock_state(hass, ConfigEntryState.SETUP_RETRY, "no answer")
    hass.set_state(CoreState.running)
    assert told(states) == ["loaded"]


async def test_file(
    hass: HomeAssistant, home: FlakyHome, states: EntryStates, hass_storage: dict[str, Any]
) -> None:
    """What was not exported is known after a restart; what was is forgotten; a damaged file is."""
    entry = await home.async_add("one")
    await home.async_reload(entry, RETRY)
    await home.async_retry(entry)
    loaded, retried, again = states.of("one")
    await states.async_close()

    async def restarted() -> EntryStates:
        after = EntryStates(hass, "export")
        await after.async_open()
        await after.async_close()
        return after

    after = await restarted()
    assert after.of("one") == [loaded, retried, again]
    after.async_forget({"one": loaded.number, "unknown": 1})
    assert after.of("one") == [retried, again]
    await after.async_close()
    assert (await restarted()).of("one") == [retried, again]
    after.async_forget({"one": again.number})
    assert after.of("one") == [again]
    after._remove("one")
    (_, removed) = after.of("one")
    after.async_forget({"one": again.number})
    assert after.removed == ["one"]
    after.async_forget({"one": removed.number})
    assert not after.removed

    for damaged in ({"entries": {"one": [[1, 2, 3, 4, 5, 6, 7, 8]]}}, {"entries": 5}, {}):
        hass_storage["bigquery_export.export.entry_states"]["data"] = damaged
        (known,) = (await restarted()).of("one")
        assert known.state == "loaded"
        assert known.number > again.number
    await async_remove_entry_states(hass, "export")
    assert "bigquery_export.export.entry_states" not in hass_storage


async def test_not_exported(
    home: FlakyHome, states: EntryStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is new waits for its export; of what is excluded not much is kept; nothing once gone."""
    monkeypatch.setattr(entry_states, "_MAX_UNSENT", 2)
    entry = await home.async_add("one")
    await home.async_reload(entry, RETRY)
    await home.async_retry(entry)
    other = await home.async_add("other")
    states.async_forget({"other": states.of("other")[-1].number})
    assert told(states) == ["setup_retry no answer", "loaded"]
    assert told(states, "other") == ["loaded"]
    version = states.version
    states.async_forget({"other": states.of("other")[-1].number})
    assert states.version == version
    for one in (entry, other):
        await home.hass.config_entries.async_remove(one.entry_id)
    states.async_forget({"other": states.of("other")[0].number})
    assert states.removed == ["other"]


async def test_many(home: FlakyHome, states: EntryStates, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes all the time while nothing is exported takes no more than some memory."""
    monkeypatch.setattr(entry_states, "_MAX_STATES", 3)
    entry = await home.async_add("one")
    for _ in range(3):
        await home.async_reload(entry, RETRY)
        await home.async_retry(entry)
    assert told(states) == ["loaded", "setup_retry no answer", "loaded"]
