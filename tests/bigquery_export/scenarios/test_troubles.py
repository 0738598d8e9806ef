"""Whatever goes wrong in a home: what a user sees at once, after an hour, and when it is over."""

from contextlib import suppress
from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.bigquery_export.status import health
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.recording import numbers, record
from tests.bigquery_export.support.status import issues_of, state
from tests.bigquery_export.support.troubles import REAUTH, TROUBLES, Home, Trouble
from tests.bigquery_export.support.warehouse import Warehouse

HOURS_UNTIL_IDLE = (1, 7, 25, 49)
"""Retries are six hours apart at most, and scheduled exports a day."""


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
async def test_trouble(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    trouble: Trouble,
) -> None:
    """It is seen as long as it lasts, and heals without a trace; each row arrives once."""
    home = Home(hass, entry, warehouse, pytest.MonkeyPatch())
    await record(hass, 20, name="before")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await act(hass, "export_now")

    await trouble.begin(home)
    try:
        await record(hass, 20, name="meanwhile")
        with suppress(HomeAssistantError):
            await act(hass, "export_now")
        await hass.async_block_till_done(wait_background_tasks=True)
        assert state(hass, "status") == trouble.at_once
        assert shown(home) == trouble.shows
        await pass_time(hass, 1)
        assert state(hass, "status") == trouble.at_once
        assert shown(home) == trouble.shows
        home.patch.setattr(health, "_LASTING", 2)
        await pass_time(hass, 7)
        assert state(hass, "status") == trouble.at_once
        assert shown(home) == trouble.shows_later
    finally:
        await trouble.end(home)
        home.patch.undo()

    await record(hass, 20, name="after")
    for hours in HOURS_UNTIL_IDLE:
        await pass_time(hass, hours)
    assert state(hass, "status") == "idle"
    assert not shown(home)
    for name in ("before0", "meanwhile0", "after0"):
        rows = warehouse.rows("state, state_id", f"entity_id = 'sensor.{name}'")
        assert [row["state"] for row in rows] == numbers(20)
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_what_needs_a_person_is_seen(trouble: Trouble) -> None:
    """A repair or a flow says what to do, and only where somebody has to do something."""
    assert bool(trouble.shows) == trouble.person
    assert trouble.person or trouble.at_once in ("retrying", "idle")


def shown(home: Home) -> set[str]:
    """Return the repair issues and flows that a user sees."""
    sources = {flow["context"]["source"] for flow in home.flows}
    assert sources <= {REAUTH}
    return sources | issues_of(home.hass).keys()


async def pass_time(hass: HomeAssistant, hours: float) -> None:
    """Let all begin that begins by itself until so many hours from now."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=hours))
    await hass.async_block_till_done(wait_background_tasks=True)
