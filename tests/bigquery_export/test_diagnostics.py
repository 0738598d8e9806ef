"""Diagnostics."""

import json
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import DATA_INSTANCE, get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY
from custom_components.bigquery_export.errors import RecorderUnreadableError, UnreachableError
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.runner.storage import checkpoint_file
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.saved_queries import put_query, settled
from tests.bigquery_export.support.view_subentries import put_view
from tests.bigquery_export.support.warehouse import Warehouse

OPTIONS: dict[str, Any] = {
    "batch_rows": 2_000,
    "delivery": "storage_write",
    "export_time": "03:30:00",
    "tables": ["sensor_data", "statistics"],
    "events": ["my_secret_event"],
    "include": {"entities": ["light.secret_lamp", "sensor.s0"], "areas": []},
    "privacy": {"hash_users": True, "coordinates": "round", "hidden_entities": ["*.secret_*"]},
    "surroundings": [{"entity_id": "sensor.secret", "name": "secret_name"}],
    "some_text": "projects/secret/locations/eu",
}
REASONS = {
    "Cannot convert value to integer: secret": "Cannot convert value to integer",
    "sensor.secret_lamp is odd": "sensor",
    "1234 is no date": "**REDACTED**",
    "the recorder no longer knows its entity": "the recorder no longer knows its entity",
}


async def test_diagnostics(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    warehouse: Warehouse,
) -> None:
    """Diagnostics tell how the export is, and nothing of the key, the place and the home."""
    assert await async_setup_component(hass, "diagnostics", {})
    data = {**entry.data, "paused": False}
    hass.config_entries.async_update_entry(entry, data=data, options=OPTIONS)
    rejected = [RejectedRow({"state_id": n}, reason, False) for n, reason in enumerate(REASONS)]
    RejectedRows(hass, entry.entry_id).append("export", SENSOR_DATA, rejected)
    await record(hass, 3)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export_now(hass)
    for name in ("Secret", "Secret too"):
        put_query(hass, entry, "sensor", name, query="SELECT 'secret' AS secret")
    put_view(hass, entry, "secret", "SELECT 'secret' AS secret")
    await settled(hass)
    key = entry.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    await record(hass, 1)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)

    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["data"] == {
        "service_account_key": "**REDACTED**",
        "project_id": "**REDACTED**",
        "dataset_id": "**REDACTED**",
        "location": "EU",
        "table_id": "**REDACTED**",
        "api_endpoint": "**REDACTED**",
        "storage_endpoint": "**REDACTED**",
        "paused": False,
    }
    assert found["own_endpoints"] == {"api": True, "storage": True}
    assert found["options"] == {
        "batch_rows": 2_000,
        "delivery": "storage_write",
        "export_time": "03:30:00",
        "tables": ["sensor_data", "statistics"],
        "events": {"count": 1},
        "include": {"entities": {"count": 2}, "areas": {"count": 0}},
        "privacy": {"hash_users": True, "coordinates": "round", "hidden_entities": {"count": 1}},
        "surroundings": {"count": 1},
        "some_text": "**REDACTED**",
    }
    assert found["subentries"] == {"sensor": 2, "view": 1}
    assert found["recorder"] == {
        "database": "sqlite",
        "schema": get_instance(hass).schema_version,
        "known_schema": 53,
        "migrating": False,
        "keep_days": 10,
        "auto_purge": True,
        "commit_interval": 3_600,
    }
    assert found["health"] == {
        "retrying": False,
        "failures": 1,
        "tables_in_doubt": False,
        "recorder_readable": True,
        "load_jobs_used": 0,
    }
    assert found["entry"] == {"state": "loaded", "error": None}
    assert found["issues"] == ["permission_missing", "rows_rejected"]
    status = found["status"]
    assert status["last_error_kind"] == "permission_missing"
    assert status["status"] == "failed"
    assert status["last_export"]
    assert status["rejected"] == dict.fromkeys(REASONS.values(), 1)
    position = found["checkpoint"]["positions"]["sensor_data"]
    assert position["rows"] >= 3
    assert position["anchors"] == 1
    assert found["checkpoint"]["last_export"] > 0
    assert found["libraries"]["google-cloud-bigquery"]
    text = json.dumps(found)
    destination = warehouse.destination
    for private in (
        *(str(value) for value in key.values() if value != "service_account"),
        *(destination.project, destination.api_endpoint, destination.storage_endpoint),
        *("secret", "127.0.0.1", "home.sensor_data", "permission '", "@"),
    ):
        assert private not in text, private
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_diagnostics_of_what_is_in_doubt(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transaction in doubt is named by its table only."""
    assert await async_setup_component(hass, "diagnostics", {})
    hass.config_entries.async_update_entry(entry, options={"tables": ["sensor_data"]})
    await record(hass, 3)
    assert await hass.config_entries.async_setup(entry.entry_id)

    def commit(_: object) -> None:
        raise UnreachableError(endpoint="https://secret.example", message="secret")

    stream = "custom_components.bigquery_export.bigquery.storage_write.PendingStream.commit"
    monkeypatch.setattr(stream, commit)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["checkpoint"]["in_doubt"] == {"table": "sensor_data", "delivery": "storage_write"}
    assert (found["health"]["retrying"], found["health"]["failures"]) == (True, 1)
    assert "secret" not in json.dumps(found)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_diagnostics_of_an_entry_that_is_not_loaded(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    warehouse: Warehouse,
) -> None:
    """Diagnostics tell why an export is not set up, and how far it was, whatever has failed."""
    assert await async_setup_component(hass, "diagnostics", {})
    await record(hass, 3)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export_now(hass)

    async def reloaded() -> Any:
        await hass.config_entries.async_reload(entry.entry_id)
        found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
        assert "127.0.0.1" not in json.dumps(found)
        assert "status" not in found
        return found

    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    found = await reloaded()
    assert found["entry"] == {"state": "setup_retry", "error": "permission_missing"}
    assert found["issues"] == ["permission_missing"]
    assert found["checkpoint"]["positions"]["sensor_data"]["rows"] >= 3

    checkpoint = checkpoint_file(hass, entry)
    checkpoint.path.write_text("{")
    assert (await reloaded())["checkpoint"] is None
    assert checkpoint.path.exists()

    without_project = {name: entry.data[name] for name in entry.data if name != "project_id"}
    hass.config_entries.async_update_entry(entry, data=without_project)
    found = await reloaded()
    assert found["entry"] == {"state": "setup_error", "error": "entry_damaged"}

    with patch.dict(hass.data):
        del hass.data[DATA_INSTANCE]
        found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["recorder"] is None


async def test_diagnostics_while_the_recorder_cannot_be_read(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, loaded: MockConfigEntry
) -> None:
    """Diagnostics of a loaded export say that the recorder cannot be read."""
    assert await async_setup_component(hass, "diagnostics", {})
    with patch(
        "custom_components.bigquery_export.coordinator.check_recorder",
        side_effect=RecorderUnreadableError(message="secret"),
    ):
        await loaded.runtime_data.coordinator.async_refresh()
        found: Any = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert found["health"]["recorder_readable"] is False
    assert "secret" not in json.dumps(found)
