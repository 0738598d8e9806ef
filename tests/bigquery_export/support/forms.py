"""Forms of flows, as a browser gets and submits them."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import CONF_ENTITY_ID, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import CONF_CONTEXT_ENTITIES, CONF_TABLES, CONF_WHAT


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
