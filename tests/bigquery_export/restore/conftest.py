"""Fixtures of the tests of restores."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery import listed_statistics
from custom_components.bigquery_export.const import CONF_TABLES


@pytest.fixture
async def runner(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Return the runner of an export of statistics, in a home of a half-hour time zone."""
    monkeypatch.setattr(listed_statistics, "_EMPTY_MONTHS", 4)
    await hass.config.async_set_time_zone("Asia/Kolkata")
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: ["statistics"]})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await async_wait_recording_done(hass)
    yield entry.runtime_data.runner
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)
