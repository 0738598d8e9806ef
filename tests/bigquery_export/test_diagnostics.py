"""Diagnostics."""

import json

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY

from .warehouse import Warehouse


async def test_no_secret_in_diagnostics(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    warehouse: Warehouse,
) -> None:
    """Diagnostics tell where the export goes and how it is, and nothing of the key."""
    assert await async_setup_component(hass, "diagnostics", {})
    assert await hass.config_entries.async_setup(entry.entry_id)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics == {
        "data": {
            "service_account_key": "**REDACTED**",
            "project_id": warehouse.project,
            "dataset_id": "home",
            "location": "EU",
            "table_id": "sensor_data",
            "api_endpoint": "**REDACTED**",
            "storage_endpoint": "**REDACTED**",
        },
        "options": {},
        "status": {
            "status": "idle",
            "last_export": None,
            "rows_exported": 0,
            "rejected": {},
            "rows_waiting": 0,
            "backfill": None,
            "last_error": None,
        },
    }
    key = entry.data[CONF_SERVICE_ACCOUNT_KEY]
    for secret in (key["private_key"], key["private_key_id"], key["client_email"]):
        assert secret not in json.dumps(diagnostics)
    assert await hass.config_entries.async_unload(entry.entry_id)
