"""Whatever BigQuery answers: what the user sees, what happens to the rows, and how it heals."""

from contextlib import nullcontext

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_DELIVERY,
    CONF_SERVICE_ACCOUNT_KEY,
    DOMAIN,
)
from tests.bigquery_export.support.faults import FAULTS, Fault
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER


def shown(hass: HomeAssistant) -> set[str]:
    """Return the repair issues and flows that a user sees."""
    issues = {
        issue.translation_key or ""
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    }
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return issues | {flow["context"]["source"] for flow in flows}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, fault: Fault
) -> None:
    """The status says how it is, the right thing is shown, and each row arrives once in the end."""
    await record(hass, 40)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    hass.config_entries.async_update_entry(entry, options={CONF_DELIVERY: fault.delivery})
    assert await hass.config_entries.async_setup(entry.entry_id)
    if fault.method == "tabledata.list":
        warehouse.export_elsewhere()
    if fault.method == "token":
        entry.runtime_data.runner._connection._credentials.token = None
    warehouse.server.add_fault(fault.method, fault.kind, **fault.rule)
    try:
        with nullcontext() if fault.status == "idle" else pytest.raises(HomeAssistantError):
            await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
        await hass.async_block_till_done()
        assert hass.states.is_state("sensor.home_sensor_data_status", fault.status)
        assert shown(hass) == ({fault.shows} if fault.shows else set())
        assert all(rule["fired"] for rule in warehouse.server.faults())
    finally:
        warehouse.server.clear_faults()

    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    assert hass.states.is_state("sensor.home_sensor_data_status", "idle")
    assert not shown(hass)
    states = [row["state"] for row in warehouse.rows("state, state_id", "entity_id = 'sensor.s0'")]
    assert states == [str(number) for number in range(40)]
    assert entry.state is ConfigEntryState.LOADED
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_row_errors_in_the_middle(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A row that BigQuery refuses, for whatever reason, stops no other."""
    await record(hass, 40)
    assert await hass.config_entries.async_setup(entry.entry_id)
    warehouse.server.add_fault("AppendRows", "row_errors", containing='{"number":17}', times=None)
    try:
        response = await hass.services.async_call(
            DOMAIN, "export_now", {}, blocking=True, return_response=True
        )
    finally:
        warehouse.server.clear_faults()
    assert response is not None
    assert response["rejected"] == 1
    states = [row["state"] for row in warehouse.rows("state, state_id", "entity_id = 'sensor.s0'")]
    assert states == [str(number) for number in range(40) if number != 17]
    assert await hass.config_entries.async_unload(entry.entry_id)
