"""Fixtures of the tests of queries."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.bigquery_export.support.saved_queries import set_up_queries
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture
def options() -> dict[str, Any]:
    """Return options of the export beside that queries are on."""
    return {}


@pytest.fixture
async def set_up(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, options: dict[str, Any]
) -> Any:
    """Set up an export with queries switched on, whose key may run them."""
    await set_up_queries(hass, entry, warehouse, **options)
    yield
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)
