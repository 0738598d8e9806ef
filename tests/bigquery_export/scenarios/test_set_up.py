"""What a new export contains: the last form of the set-up, and what it says before it is sent."""

from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

from google.api_core.exceptions import Forbidden, NotFound
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.recorder import get_instance
import pytest

from custom_components.bigquery_export.bigquery.permissions import (
    NEEDED,
    NEEDLESS,
    check_permissions,
)
from custom_components.bigquery_export.const import (
    CONF_BEGIN,
    CONF_CONTEXT_ENTITIES,
    CONF_DELIVERY,
    CONF_EVENT_PRESETS,
    CONF_EXPORT_AT_ONCE,
    CONF_HISTORY,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.errors import PermissionMissingError
from custom_components.bigquery_export.export.tables import DEFAULT_TABLES
from custom_components.bigquery_export.flow.content_form import CONTENT_SCHEMA, content_options
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.settings.options import options_from
from tests.bigquery_export.support.forms import (
    WHAT,
    Key,
    begin_destination,
    destination,
    errors_of,
    submit,
)
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_OWNER


@pytest.mark.usefixtures("no_translations")
async def test_what(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """The form says what it comes to, and names errors; corrected, it exports what is new."""
    warehouse.create_dataset()
    warehouse.grant(key, DATA_OWNER)
    hass.states.async_set("weather.home", "sunny")
    await record(hass, 20, name="old")
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse))
    assert result["step_id"] == "what"
    said = result["description_placeholders"]
    assert "bigquery.tables.setIamPolicy" in said["privileges"]
    assert key["client_email"] in said["privileges"]
    # The states, and that Home Assistant is running.
    assert "about 22 rows" in said["estimate"]
    assert "Free at Google" in said["estimate"]
    assert int(said["recorded"]) == int(said["entities"]) == len(hass.states.async_all())
    (context_entities,) = [
        name for name in result["data_schema"].schema if name == CONF_CONTEXT_ENTITIES
    ]
    defaults = context_entities.description["suggested_value"]
    assert {"entity_id": "weather.home", "name": "weather"} in defaults

    warehouse.server.query("CREATE TABLE home.recorder_runs (start INT64)", warehouse.project)
    result = await submit(hass, flow_id, {**WHAT, CONF_TABLES: ["recorder_runs"]})
    assert result["errors"] == {CONF_TABLES: "table_mismatch"}
    assert "about 1 rows" in result["description_placeholders"]["estimate"]

    get_instance(hass).schema_version, version = 0, get_instance(hass).schema_version
    for values, errors in (
        ({"include": {"entity_globs": ["Bedroom"]}}, {"include": "glob_invalid"}),
        (
            {CONF_CONTEXT_ENTITIES: [{"entity_id": "weather.home", "name": "my weather"}]},
            {CONF_CONTEXT_ENTITIES: "surrounding_name_invalid"},
        ),
        ({CONF_HISTORY: "none"}, {CONF_HISTORY: "recorder_busy"}),
    ):
        result = await submit(hass, flow_id, WHAT | values)
        assert errors_of(result) == errors
        assert "Failed to estimate" in result["description_placeholders"]["estimate"]
    get_instance(hass).schema_version = version

    chosen = {
        CONF_TABLES: ["sensor_data"],
        CONF_CONTEXT_ENTITIES: [{"entity_id": "weather.home"}],
        "exclude": {"entity_globs": ["*.bigquery_export_*"]},
    }
    result = await submit(
        hass, flow_id, {**chosen, CONF_HISTORY: "none", CONF_EXPORT_AT_ONCE: False}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.options == {
        **chosen,
        CONF_DELIVERY: "storage_write",
        CONF_EVENT_PRESETS: [],
        CONF_CONTEXT_ENTITIES: [{"entity_id": "weather.home", "name": "home"}],
    }
    assert entry.data[CONF_BEGIN]["sensor_data"]
    assert hass.states.get("sensor.bigquery_export_rows_waiting")
    await record(hass, 3, name="new")
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    assert [row["entity_id"] for row in warehouse.rows("entity_id, state_id")] == 3 * [
        "sensor.new0"
    ]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_what_by_default(hass: HomeAssistant) -> None:
    """What is exported by default is what the declarations of the tables say."""
    values = CONTENT_SCHEMA({})
    assert values[CONF_HISTORY] == "all"
    assert values[CONF_EXPORT_AT_ONCE] is True
    options = content_options(hass, values)
    assert options == {
        CONF_TABLES: list(DEFAULT_TABLES),
        CONF_CONTEXT_ENTITIES: [],
        CONF_EVENT_PRESETS: [],
    }
    chosen = options_from(options)
    assert len(chosen.recorder_tables) + len(chosen.dimension_tables) == len(DEFAULT_TABLES)


async def test_export_at_once(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """The first export begins with the set-up, if that is wanted, and once."""
    await record(hass, 3)
    flow_id = await begin_destination(hass, key)
    await submit(hass, flow_id, destination(warehouse))
    result = await submit(hass, flow_id, {**WHAT, CONF_EXPORT_AT_ONCE: True})
    entry = result["result"]
    await hass.async_block_till_done(wait_background_tasks=True)
    assert CONF_EXPORT_AT_ONCE not in entry.data
    assert len(warehouse.rows()) >= 3
    last_export = entry.runtime_data.coordinator.data.last_export
    assert last_export is not None
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.runtime_data.coordinator.data.last_export == last_export
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_presets_of_the_past(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """Presets that the set-up chooses hold for events that were recorded before."""
    user = Context(user_id="0123456789abcdef0123456789abcdef")
    data = {"domain": "light", "service": "turn_on", "service_data": {"entity_id": "light.lamp"}}
    hass.bus.async_fire(EVENT_CALL_SERVICE, data, context=user)
    await record(hass, 1)
    flow_id = await begin_destination(hass, key)
    await submit(hass, flow_id, destination(warehouse))
    chosen = {CONF_TABLES: ["events"], CONF_EVENT_PRESETS: ["user_actions"]}
    result = await submit(hass, flow_id, WHAT | chosen)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    rows = warehouse.server.query("SELECT event_type FROM home.events", warehouse.project)
    assert [row["event_type"] for row in rows] == [EVENT_CALL_SERVICE]
    assert await hass.config_entries.async_unload(result["result"].entry_id)


async def test_question_refused(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """Where Google does not say what a key may do, the set-up continues without a note."""
    warehouse.create_dataset()
    warehouse.grant(key, DATA_OWNER)
    warehouse.server.add_fault("tables.testIamPermissions", "accessDenied")
    try:
        flow_id = await begin_destination(hass, key)
        result = await submit(hass, flow_id, destination(warehouse))
    finally:
        warehouse.server.clear_faults()
    assert result["step_id"] == "what"
    assert result["description_placeholders"]["privileges"] == ""
    # A key that is refused only now is named, too.
    warehouse.server.delete_account(key["client_email"])
    result = await submit(hass, flow_id, WHAT)
    assert result["errors"] == {"base": "key_refused"}


async def test_dataset_of_the_set_up(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """An editor of the project is the owner of the dataset that the set-up makes: as it should be.

    Another set-up names the way out.
    """
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse))
    assert result["step_id"] == "what"
    assert result["description_placeholders"]["privileges"] == ""
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse))
    privileges = result["description_placeholders"]["privileges"]
    assert "bigquery.tables.setIamPolicy" in privileges
    assert "BigQuery Data Owner" in privileges


def test_permissions() -> None:
    """A permission that is lacking is named, and so is one too many; a vague answer says nothing.

    The roles of the local BigQuery have either all that is needed or hardly any.
    """
    connection: Any = Mock(errors=nullcontext)
    ask = connection.tables.test_iam_permissions
    for answer, needless in (
        ({"permissions": [*NEEDED]}, ()),
        ({"permissions": [*NEEDED, *NEEDLESS]}, NEEDLESS),
        ({"permissions": [*NEEDLESS]}, ()),
        ({}, ()),
    ):
        ask.return_value = answer
        assert check_permissions(connection, SENSOR_DATA) == needless
    ask.return_value = {"permissions": ["bigquery.tables.get", "bigquery.tables.updateData"]}
    with pytest.raises(PermissionMissingError) as err:
        check_permissions(connection, SENSOR_DATA)
    assert err.value.permission == "bigquery.tables.getData"
    for error in (Forbidden("no"), NotFound("no")):
        ask.side_effect = error
        assert check_permissions(connection, SENSOR_DATA) == ()
