"""Other keys and other destinations for an export that there is, and several exports."""

import asyncio
from datetime import timedelta
import json
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_API_ENDPOINT,
    CONF_DATASET_ID,
    CONF_KEY_DAYS,
    CONF_KEY_JSON,
    CONF_KEY_SINCE,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.runner.storage import checkpoint_file
from tests.bigquery_export.support.forms import CLOSED, Key, destination, errors_of, submit
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

STATES = {CONF_TABLES: ["sensor_data"]}


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Open the form."""
    result = await entry.start_reconfigure_flow(hass)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "reconfigure"
    return dict(result)


def changed(warehouse: Warehouse, **changes: str) -> dict[str, Any]:
    """Return what a user fills in; a delivery is not in this form."""
    key = {name: changes.pop(name) for name in (CONF_KEY_JSON,) if name in changes}
    return destination(warehouse, **changes) | key


async def export(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Export as a user does, and return how many states were sent."""
    response: Any = await hass.services.async_call(
        DOMAIN,
        "export_now",
        {"config_entry_id": entry.entry_id},
        blocking=True,
        return_response=True,
    )
    return int(response["rows"]["sensor_data"])


def states(warehouse: Warehouse, dataset: str, entity: str = "sensor.s%") -> list[str]:
    """Return the states of the test's own entities that are in a dataset."""
    rows = warehouse.server.query(
        f"SELECT state FROM {dataset}.sensor_data WHERE entity_id LIKE '{entity}'"  # noqa: S608
        " ORDER BY state_id",
        warehouse.project,
    )
    return [row["state"] for row in rows]


async def test_new_key(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, entry: MockConfigEntry
) -> None:
    """The old key holds until the new one is checked; then the export resumes where it was."""
    hass.config_entries.async_update_entry(entry, options=STATES)
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await export(hass, entry) >= 5
    result = await begin(hass, entry)
    placeholders = result["description_placeholders"]
    assert placeholders["service_account"] == key["client_email"]
    assert placeholders["key_age"] == ""
    suggested = {
        str(name): name.description["suggested_value"]
        for name in result["data_schema"].schema
        if name.description
    }
    assert suggested[CONF_PROJECT_ID] == warehouse.project
    assert suggested[CONF_TABLE_ID] == "sensor_data"

    flow_id = result["flow_id"]
    another = warehouse.create_key()
    text = json.dumps(another)
    for filled_in, errors in (
        ({CONF_KEY_JSON: "{"}, {CONF_KEY_JSON: "not_json"}),
        ({CONF_DATASET_ID: "my-home"}, {CONF_DATASET_ID: "invalid_dataset_id"}),
        ({CONF_API_ENDPOINT: CLOSED}, {"advanced": "unreachable"}),
        ({CONF_KEY_JSON: text}, {CONF_DATASET_ID: "permission_missing"}),
    ):
        result = await submit(hass, flow_id, changed(warehouse, **filled_in))
        assert errors_of(result) == errors
        assert entry.data[CONF_SERVICE_ACCOUNT_KEY] == key
        assert entry.state is ConfigEntryState.LOADED
    warehouse.grant(another, DATA_EDITOR, dataset="home")
    result = await submit(hass, flow_id, changed(warehouse, **{CONF_KEY_JSON: text}))
    assert result["reason"] == "reconfigure_successful"
    assert entry.data[CONF_SERVICE_ACCOUNT_KEY] == another
    warehouse.server.delete_account(key["client_email"])
    assert entry.title == "home.sensor_data"
    assert entry.state is ConfigEntryState.LOADED

    before = len(warehouse.rows())
    await record(hass, 2, name="t")
    sent = await export(hass, entry)
    assert len(warehouse.rows()) == before + sent
    assert states(warehouse, "home") == ["0", "1", "2", "3", "4"]

    # A month later the form says how long the key has been in use, and an issue what to do.
    issue = f"key_old_{entry.entry_id}"
    assert not ir.async_get(hass).async_get_issue(DOMAIN, issue)
    since = dt_util.parse_datetime(entry.data[CONF_KEY_SINCE])
    assert since
    old = (dt_util.as_local(since) - timedelta(days=30)).isoformat()
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_KEY_SINCE: old})
    result = await begin(hass, entry)
    assert "30 days ago" in result["description_placeholders"]["key_age"]
    options = {**STATES, CONF_KEY_DAYS: 7}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_other_dataset_and_back(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, entry: MockConfigEntry
) -> None:
    """Each table gets all that the recorder has, once, also when an export comes back to it."""
    hass.config_entries.async_update_entry(entry, options=STATES)
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export(hass, entry)
    kept = dict(entry.data)
    for dataset, more in (("attic", 2), ("home", 3)):
        result = await begin(hass, entry)
        form = changed(warehouse, **{CONF_DATASET_ID: dataset})
        result = await submit(hass, result["flow_id"], form)
        assert result["reason"] == "reconfigure_successful"
        assert entry.data == {**kept, CONF_DATASET_ID: dataset}
        assert entry.title == "home.sensor_data"  # Entities are named after it.
        assert entry.unique_id == f"{warehouse.project}.{dataset}.sensor_data"
        assert entry.state is ConfigEntryState.LOADED
        await record(hass, more, name=f"s{dataset}")
        await export(hass, entry)
        assert not CheckpointFile(hass, entry.entry_id).load().intent
    first = ["0", "1", "2", "3", "4"]
    assert states(warehouse, "attic") == [*first, "0", "1"]
    assert states(warehouse, "home") == [*first, "0", "1", "0", "1", "2"]
    everything = warehouse.rows("state_id")
    assert len({row["state_id"] for row in everything}) == len(everything)
    assert await export(hass, entry) < 10
    assert len(states(warehouse, "home")) == 10
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_destination_of_a_checkpoint(hass: HomeAssistant) -> None:
    """A checkpoint is known to be of another table by the file itself, if it can be read."""
    home = CheckpointFile(hass, "entry", destination="p.home.t EU")
    attic = CheckpointFile(hass, "entry", destination="p.attic.t EU")
    assert not attic.is_of_another_destination()
    home.save(home.load())
    assert attic.is_of_another_destination()
    assert not home.is_of_another_destination()
    for text in ("{", "[]", '{"destination": null}'):
        home.path.write_text(text)
        assert not attic.is_of_another_destination()


async def test_two_destinations(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, entry: MockConfigEntry
) -> None:
    """Two exports go on side by side, each with its own filter, rows, pause and checkpoint."""
    options = {**STATES, "include": {"entity_globs": ["sensor.s*"]}}
    hass.config_entries.async_update_entry(entry, options=options)
    other = MockConfigEntry(
        domain=DOMAIN,
        title="attic.sensor_data",
        unique_id=f"{warehouse.project}.attic.sensor_data",
        data={**entry.data, CONF_DATASET_ID: "attic"},
        options={**STATES, "include": {"entity_globs": ["sensor.s0"]}},
    )
    other.add_to_hass(hass)
    await record(hass, 6, entities=2)
    result = await begin(hass, other)
    form = changed(warehouse, **{CONF_DATASET_ID: "home"})
    result = await submit(hass, result["flow_id"], form)
    assert result["errors"] == {CONF_DATASET_ID: "dataset_in_use"}
    # To the same place again is no conflict; and it makes the dataset.
    form = changed(warehouse, **{CONF_DATASET_ID: "attic"})
    result = await submit(hass, result["flow_id"], form)
    assert result["reason"] == "reconfigure_successful"
    if entry.state is not ConfigEntryState.LOADED:
        assert await hass.config_entries.async_setup(entry.entry_id)
    assert other.state is ConfigEntryState.LOADED

    assert list(await asyncio.gather(export(hass, entry), export(hass, other))) == [6, 3]
    await record(hass, 4, entities=2)
    await hass.services.async_call(
        DOMAIN, "pause", {"config_entry_id": other.entry_id}, blocking=True
    )
    assert hass.states.is_state("switch.attic_sensor_data_pause", "on")
    assert hass.states.is_state("switch.home_sensor_data_pause", "off")
    assert await export(hass, entry) == 4
    assert await export(hass, other) == 2
    assert len(states(warehouse, "home")) == 10
    assert len(states(warehouse, "attic")) == 5

    assert await hass.config_entries.async_remove(other.entry_id)
    await record(hass, 2)
    assert await export(hass, entry) == 2
    assert len(states(warehouse, "attic")) == 5
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_title_of_the_users_own(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, entry: MockConfigEntry
) -> None:
    """A title that the user has given stays, whatever the destination."""
    hass.config_entries.async_update_entry(entry, title="My house", options=STATES)
    result = await begin(hass, entry)
    form = changed(warehouse, **{CONF_TABLE_ID: "states"})
    result = await submit(hass, result["flow_id"], form)
    assert result["reason"] == "reconfigure_successful"
    assert entry.title == "My house"
    assert entry.unique_id == f"{warehouse.project}.home.states"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_endpoints_are_no_other_destination(hass: HomeAssistant) -> None:
    """Another way to the same table is no other table."""
    data = {
        CONF_PROJECT_ID: "my-project",
        CONF_DATASET_ID: "home",
        CONF_LOCATION: "EU",
        CONF_TABLE_ID: "sensor_data",
    }
    entry = MockConfigEntry(domain=DOMAIN, data=data)
    file = checkpoint_file(hass, entry)
    file.save(file.load())
    entry.add_to_hass(hass)
    for change, is_another in (
        ({CONF_API_ENDPOINT: CLOSED, CONF_STORAGE_ENDPOINT: CLOSED}, False),
        ({CONF_LOCATION: "eu"}, False),
        ({CONF_LOCATION: "US"}, True),
        ({CONF_TABLE_ID: "other"}, True),
        ({CONF_PROJECT_ID: "other-project"}, True),
    ):
        hass.config_entries.async_update_entry(entry, data={**data, **change})
        assert checkpoint_file(hass, entry).is_of_another_destination() is is_another
