"""The subentry flow of views: BigQuery's reason at the field, and the view of each subentry."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

import custom_components.bigquery_export as integration
from custom_components.bigquery_export.bigquery.own_views import OwnView
from custom_components.bigquery_export.const import CONF_RECORDER_PREFIX, CONF_TABLES
from tests.bigquery_export.support.saved_queries import begin_query, settled, submit_query
from tests.bigquery_export.support.view_subentries import own_views_there
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, DATA_VIEWER

TEXTS = json.loads(
    (Path(str(integration.__file__)).parent / "translations" / "en.json").read_text()
)["config_subentries"]["view"]
LIGHTS = "SELECT entity_id FROM `{dataset}.sensor_data` WHERE domain = 'light'"
NAMES = [
    *(
        (name, "view_name_invalid")
        for name in ("", " ", "1st", "my-view", "my view", "ü", "a" * 301)
    ),
    *((name, "view_name_reserved") for name in ("sensor_data", "States_Between", "statistics")),
    *((name, "view_name_reserved") for name in ("export_log", "export_fence_x", "ha_events")),
    *((name, "view_name_reserved") for name in ("states_by_hour", "statistics_latest")),
    ("mine", "view_name_taken"),
]
QUERIES = [
    ("SELEKT 1", "BigQuery cannot run the query: Syntax error"),
    ("SELECT nothing FROM `{dataset}.sensor_data`", "nothing"),
    ("SELECT 1 AS n FROM `{dataset}.missing`", r"missing was not found in location EU. Correct it"),
    ("SELECT 1 AS n FROM sensor_data", "must be qualified with a dataset"),
    ("TRUNCATE TABLE `{dataset}.sensor_data`", "Only SELECT statements"),
    ("SELECT 1 AS n FROM `other-home.home.t`", "User does not have permission to query table"),
]


@pytest.fixture
async def loaded(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> MockConfigEntry:
    """Return an export that is set up, in a dataset with a view of the user's."""
    options = {CONF_TABLES: ["sensor_data"], CONF_RECORDER_PREFIX: "ha_"}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    warehouse.server.query("CREATE VIEW home.mine AS SELECT 1 AS n", warehouse.project)
    return entry


async def add(hass: HomeAssistant, entry: MockConfigEntry, name: str, query: str) -> ConfigSubentry:
    """Add a view by its form, and return its subentry."""
    begun = await begin_query(hass, entry, "view")
    values = {CONF_NAME: name, "query": query}
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result["description_placeholders"]
    await settled(hass)
    (added,) = (one for one in entry.subentries.values() if one.title == name)
    return added


async def test_wrong_and_then_right(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What is wrong is said at its field, and the same form then makes the view."""
    begun = await begin_query(hass, loaded, "view")
    assert (begun["step_id"], begun["errors"]) == ("user", {})
    for name, error in NAMES:
        values = {CONF_NAME: name, "query": LIGHTS}
        result = await submit_query(hass, begun["flow_id"], values)
        assert result["errors"] == {CONF_NAME: error}, name
        assert error in TEXTS["error"]
    values = {CONF_NAME: "lights", "query": " "}
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["errors"] == {"query": "view_query_missing"}
    for query, sentence in QUERIES:
        values = {CONF_NAME: "lights", "query": query}
        result = await submit_query(hass, begun["flow_id"], values)
        assert result["errors"] == {"query": "refused"}, query
        message = result["description_placeholders"]["message"]
        assert pytest.RaisesExc(match=sentence).matches(Exception(message)), message
    assert own_views_there(warehouse) == {}
    values = {CONF_NAME: " lights ", "query": f"{LIGHTS};\n"}
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settled(hass)
    (subentry,) = loaded.subentries.values()
    assert (subentry.title, subentry.unique_id) == ("lights", "lights")
    assert subentry.data == {CONF_NAME: "lights", "query": LIGHTS}
    dataset = f"{warehouse.project}.home"
    assert own_views_there(warehouse) == {"lights": LIGHTS.replace("{dataset}", dataset)}


async def test_no_fault_of_the_query(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A missing role, or no answer, is said at the top, and the same form goes on after it."""
    values = {CONF_NAME: "lights", "query": LIGHTS}
    begun = await begin_query(hass, loaded, "view")
    key = loaded.data["service_account_key"]
    warehouse.grant(key, DATA_VIEWER)
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["errors"] == {"base": "refused"}
    assert "bigquery.tables.create" in result["description_placeholders"]["message"]
    warehouse.grant(key, DATA_EDITOR)
    warehouse.server.add_fault("tables.insert", "backendError", times=None)
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["errors"] == {"base": "refused"}
    warehouse.server.clear_faults()
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settled(hass)


async def test_reconfigure_rename_and_delete(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """The view follows its subentry, without a reload: to another query and name, and away."""
    runner = loaded.runtime_data.runner
    subentry = await add(hass, loaded, "lights", LIGHTS)
    await add(hass, loaded, "other", "SELECT 1 AS n")
    begun = await begin_query(hass, loaded, "view", subentry.subentry_id)
    assert begun["step_id"] == "reconfigure"
    taken = {CONF_NAME: "OTHER", "query": LIGHTS}
    result = await submit_query(hass, begun["flow_id"], taken)
    assert result["errors"] == {CONF_NAME: "view_name_in_use"}
    broken = {CONF_NAME: "lights", "query": "SELECT nothing FROM `{dataset}.sensor_data`"}
    result = await submit_query(hass, begun["flow_id"], broken)
    assert result["errors"] == {"query": "refused"}
    assert "light" in own_views_there(warehouse)["lights"]
    renamed = {CONF_NAME: "lamps", "query": "SELECT 2 AS n"}
    result = await submit_query(hass, begun["flow_id"], renamed)
    assert result["reason"] == "reconfigure_successful"
    await settled(hass)
    assert (subentry.title, subentry.unique_id, dict(subentry.data)) == ("lamps", "lamps", renamed)
    assert own_views_there(warehouse) == {"lamps": "SELECT 2 AS n", "other": "SELECT 1 AS n"}
    assert hass.config_entries.async_remove_subentry(loaded, subentry.subentry_id)
    await settled(hass)
    assert own_views_there(warehouse) == {"other": "SELECT 1 AS n"}
    assert loaded.runtime_data.runner is runner


async def test_ends_before_it_is_saved(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A view that was made, whose subentry was never saved, is made again by a form, or deleted."""
    tables = loaded.runtime_data.runner.tables
    for name in ("again", "left"):
        await tables.async_put_view(OwnView(name, "SELECT 1 AS n"))
    assert set(own_views_there(warehouse)) == {"again", "left"}
    await add(hass, loaded, "again", "SELECT 2 AS n")
    assert own_views_there(warehouse) == {"again": "SELECT 2 AS n"}


async def test_not_loaded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Where the export does not run, the flow ends with a sentence."""
    result = await begin_query(hass, entry, "view")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_loaded")
    assert "not_loaded" in TEXTS["abort"]


async def test_as_a_browser_does(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    hass_client: ClientSessionGenerator,
) -> None:
    """A browser can show the form, whose texts name a table as the query is to name it."""
    assert await async_setup_component(hass, "config", {})
    client = await hass_client()
    url = "/api/config/config_entries/subentries/flow"
    begun = await (await client.post(url, json={"handler": [loaded.entry_id, "view"]})).json()
    step = TEXTS["step"]["user"]
    assert [field["name"] for field in begun["data_schema"]] == list(step["data"])
    helper = step["data_description"]["query"].format(**begun["description_placeholders"])
    assert "`{dataset}.sensor_data`" in helper
    data: dict[str, Any] = {"name": "lights", "query": LIGHTS}
    ended = await (await client.post(f"{url}/{begun['flow_id']}", json=data)).json()
    assert ended["type"] == "create_entry"
    await settled(hass)
