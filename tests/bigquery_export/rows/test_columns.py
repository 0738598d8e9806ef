"""A table that lacks columns: they are added, and rows wait until BigQuery knows them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.const import (
    CONF_DELIVERY,
    CONF_SERVICE_ACCOUNT_KEY,
    DOMAIN,
)
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.recording import numbers, record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

STATUS = "sensor.home_sensor_data_status"


@pytest.fixture
def lag(warehouse: Warehouse) -> Iterator[None]:
    """Let the Storage Write API notice a new column only when it is told to."""
    warehouse.server.change_settings(schema_lag_seconds=3_600)
    yield
    warehouse.server.change_settings(schema_lag_seconds=0)


@pytest.fixture(params=["storage_write", "load_job"])
def delivery(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
) -> str:
    """Export by each delivery."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    hass.config_entries.async_update_entry(entry, options={CONF_DELIVERY: request.param})
    return str(request.param)


def replace_table(warehouse: Warehouse) -> None:
    """Make the table as it was before some columns were thought of."""
    with warehouse.connecting() as connection:
        reference = warehouse.destination.table_reference(SENSOR_DATA)
        connection.tables.delete_table(reference, not_found_ok=True)
        new = ("month", "season")
        columns = [column for column in SENSOR_DATA.columns if column.name not in new]
        DatasetSchema(connection).ensure_table(replace(SENSOR_DATA, columns=tuple(columns)))


async def export_now(hass: HomeAssistant) -> Any:
    """Call the action."""
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    await hass.async_block_till_done()


def recorded(warehouse: Warehouse) -> list[str]:
    """Return the states of the test's entity, of rows that have the new columns."""
    rows = warehouse.rows("state, state_id", "entity_id = 'sensor.s0' AND month IS NOT NULL")
    return [row["state"] for row in rows]


@pytest.mark.usefixtures("lag")
async def test_new_columns(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, delivery: str
) -> None:
    """Set-up adds the columns; rows that come too early for the Storage Write API wait."""
    replace_table(warehouse)
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    if delivery == "storage_write":
        with pytest.raises(HomeAssistantError, match="does not know new columns"):
            await export_now(hass)
        assert hass.states.is_state(STATUS, "retrying")
        assert not ir.async_get(hass).issues
        warehouse.server.change_settings(schema_lag_seconds=0)
    await export_now(hass)
    assert hass.states.is_state(STATUS, "idle")
    assert recorded(warehouse) == numbers(5)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_columns_that_go_while_we_export(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, delivery: str
) -> None:
    """A table that was replaced by an older one gets its columns with the next export."""
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    replace_table(warehouse)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    status = "retrying" if delivery == "storage_write" else "failed"
    assert hass.states.is_state(STATUS, status)
    await export_now(hass)
    assert hass.states.is_state(STATUS, "idle")
    assert not ir.async_get(hass).issues
    assert recorded(warehouse) == numbers(5)
    assert await hass.config_entries.async_unload(entry.entry_id)
