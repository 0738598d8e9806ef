"""Saved queries: the flows of their subentries, and what comes of them."""

from collections.abc import Mapping
from time import time
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigSubentry,
    SubentryFlowContext,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_QUERIES,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.query import after_exports
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER


async def set_up_queries(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, **options: Any
) -> None:
    """Set up an export with queries switched on, whose key may run them."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    hass.config_entries.async_update_entry(
        entry, options={CONF_TABLES: ["sensor_data"], CONF_QUERIES: True, **options}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)


async def begin_query(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str, subentry_id: str | None = None
) -> dict[str, Any]:
    """Begin the flow of a new subentry, or of one that there is."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if subentry_id:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=subentry_id)
    handler = (entry.entry_id, kind)
    return dict(await hass.config_entries.subentries.async_init(handler, context=context))


async def submit_query(
    hass: HomeAssistant, flow_id: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Submit a form of such a flow."""
    result = await hass.config_entries.subentries.async_configure(flow_id, dict(values))
    return dict(result)


async def settled(hass: HomeAssistant) -> None:
    """Wait until an entry that has changed is loaded again, and has asked what is due."""
    await hass.async_block_till_done(wait_background_tasks=True)


def move_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what is added from now on to the time for saved queries, in seconds."""
    moved = [0.0]
    monkeypatch.setattr(after_exports, "time", lambda: time() + moved[0])
    return moved


async def add_query(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str, name: str, **values: Any
) -> ConfigSubentry:
    """Add a subentry by its flow, and let its query be asked; return it."""
    begun = await begin_query(hass, entry, kind)
    result = await submit_query(hass, begun["flow_id"], {CONF_NAME: name, **values})
    assert result["step_id"] == "price", result["description_placeholders"]
    result = await submit_query(hass, begun["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settled(hass)
    (added,) = (one for one in entry.subentries.values() if one.title == name)
    return added


async def change_query(
    hass: HomeAssistant, entry: MockConfigEntry, subentry: ConfigSubentry, **values: Any
) -> None:
    """Reconfigure a subentry by its flow, and let its query be asked."""
    begun = await begin_query(hass, entry, subentry.subentry_type, subentry.subentry_id)
    values = {CONF_NAME: subentry.title, **subentry.data, **values}
    result = await submit_query(hass, begun["flow_id"], values)
    assert result["step_id"] == "price", result["description_placeholders"]
    result = await submit_query(hass, begun["flow_id"], {})
    assert result["reason"] == "reconfigure_successful"
    await settled(hass)


def put_query(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    kind: str,
    name: str,
    *,
    unique_id: str | None = None,
    **values: Any,
) -> ConfigSubentry:
    """Add a subentry that no form has checked; return it."""
    subentry = ConfigSubentry(
        data=MappingProxyType({"hours": 24, **values}),
        subentry_type=kind,
        title=name,
        unique_id=unique_id and f"{DOMAIN}:{unique_id}",
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    return subentry
