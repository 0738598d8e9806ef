"""The sensors, and the device that they belong to."""

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.sensor import SENSORS

from .warehouse import Warehouse


async def test_sensors(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """Each sensor is a diagnostic one, with a name, an id and an icon of its own."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    entities = [
        entity
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if entity.domain == "sensor"
    ]
    assert [entity.original_name for entity in entities] == [
        "Status",
        "Last export",
        "Rows exported",
        "Rows waiting",
        "Backfill progress",
        "Backfill rows done",
        "Backfill rows left",
        "Backfill time left",
    ]
    assert {entity.entity_category for entity in entities} == {EntityCategory.DIAGNOSTIC}
    assert [entity.unique_id for entity in entities] == [
        f"{entry.entry_id}_{sensor.key}" for sensor in SENSORS
    ]
    states = {state.entity_id: state for state in hass.states.async_all("sensor")}
    assert states["sensor.home_sensor_data_status"].state == "idle"
    assert states["sensor.home_sensor_data_status"].attributes["options"] == [
        "idle",
        "exporting",
        "paused",
        "retrying",
        "failed",
    ]
    assert states["sensor.home_sensor_data_last_export"].state == "unknown"
    assert states["sensor.home_sensor_data_rows_exported"].state == "0"
    assert states["sensor.home_sensor_data_rows_waiting"].state == "0"
    assert (
        states["sensor.home_sensor_data_rows_waiting"].attributes["unit_of_measurement"] == "rows"
    )
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    device_registry: dr.DeviceRegistry,
) -> None:
    """The device is the table, and leads to it in Google's console."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    (device,) = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert device.identifiers == {(DOMAIN, entry.entry_id)}
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert device.name == "home.sensor_data"
    assert device.configuration_url == (
        f"https://console.cloud.google.com/bigquery?project={warehouse.project}"
        f"&p={warehouse.project}&d=home&t=sensor_data&page=table"
    )
    assert await hass.config_entries.async_unload(entry.entry_id)
