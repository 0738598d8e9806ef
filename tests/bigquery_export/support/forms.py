"""The forms of the config flow and of the options, and what a user fills in."""

from collections.abc import Mapping
import json
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.const import CONF_ENTITY_ID, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_ADVANCED,
    CONF_API_ENDPOINT,
    CONF_CONTEXT_ENTITIES,
    CONF_DATASET_ID,
    CONF_EVENT_PRESETS,
    CONF_EXPORT_AT_ONCE,
    CONF_KEY_JSON,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
    CONF_TABLES,
    CONF_WHAT,
    DOMAIN,
)
from tests.bigquery_export.support.warehouse import Warehouse

CLOSED = "http://127.0.0.1:9"
"""An address of this machine where nothing listens."""
WHAT = {
    CONF_TABLES: ["sensor_data"],
    CONF_CONTEXT_ENTITIES: [],
    CONF_EVENT_PRESETS: [],
    CONF_EXPORT_AT_ONCE: False,
}
"""What is chosen in the last form: the local BigQuery takes seconds to make views."""
type Key = dict[str, Any]


def destination(warehouse: Warehouse, **changes: str) -> dict[str, Any]:
    """Return what a user fills in, with changes."""
    advanced = {
        CONF_API_ENDPOINT: warehouse.server.rest_url,
        CONF_STORAGE_ENDPOINT: warehouse.server.storage_url,
    }
    values = {
        CONF_PROJECT_ID: warehouse.project,
        CONF_DATASET_ID: "home",
        CONF_LOCATION: "EU",
        CONF_TABLE_ID: "sensor_data",
    }
    for name, value in changes.items():
        (advanced if name in advanced else values)[name] = value
    return {**values, CONF_ADVANCED: advanced}


async def begin(hass: HomeAssistant) -> str:
    """Begin a flow and return its id."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    assert not result["errors"]
    return result["flow_id"]


async def submit(hass: HomeAssistant, flow_id: str, values: dict[str, Any]) -> dict[str, Any]:
    """Submit a form, and let the entry that it may make be set up."""
    result = await hass.config_entries.flow.async_configure(flow_id, values)
    await hass.async_block_till_done()
    return dict(result)


def errors_of(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the errors of a form by field.

    The error of a section also stands at the top, and the section is open: both are asserted.
    """
    errors = dict(result["errors"])
    for field, value in result["data_schema"].schema.items():
        if isinstance(value, section) and field in errors:
            assert not value.options["collapsed"]
            assert errors.pop("base") == errors[field]
    return errors


async def begin_destination(hass: HomeAssistant, key: Key) -> str:
    """Begin a flow, give it the key, and return its id."""
    flow_id = await begin(hass)
    result = await submit(hass, flow_id, {CONF_KEY_JSON: json.dumps(key)})
    assert result["step_id"] == "destination"
    return flow_id


def context_entity(entity_id: str, name: str | None = None) -> dict[str, str]:
    """Return a context entity as the form has it."""
    return {CONF_ENTITY_ID: entity_id} | ({} if name is None else {CONF_NAME: name})


def only_context_entities(*named: dict[str, str]) -> dict[str, Any]:
    """Return options with context entities, and with one table, which is made quickly."""
    return {CONF_WHAT: {CONF_CONTEXT_ENTITIES: list(named), CONF_TABLES: ["sensor_data"]}}


async def begin_options(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Open the form of the options, and return the flow's id."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.FORM
    return result["flow_id"]


async def submit_options(
    hass: HomeAssistant, flow_id: str, values: dict[str, Any]
) -> ConfigFlowResult:
    """Submit the form of the options, and let the entry be loaded again."""
    result = await hass.config_entries.options.async_configure(flow_id, values)
    await hass.async_block_till_done()
    return result


def suggested(result: ConfigFlowResult) -> dict[str, dict[str, Any]]:
    """Return what a form suggests, by section and field."""
    schema = result["data_schema"]
    assert schema is not None
    return {
        str(name): {
            str(field): field.description["suggested_value"]
            for field in part.schema.schema
            if field.description
        }
        for name, part in schema.schema.items()
        if isinstance(part, section)
    }
