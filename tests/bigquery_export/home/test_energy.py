"""What is read of the Energy dashboard, as Home Assistant keeps its settings."""

from typing import Any

from homeassistant.components.energy.data import async_get_manager
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.bigquery_export.home.energy import energy_edges
from custom_components.bigquery_export.home.relationship_sources import relationship_sources
from custom_components.bigquery_export.home.relationships import async_relationships

NO_COSTS = {
    "stat_cost": None,
    "entity_energy_price": None,
    "number_energy_price": None,
    "stat_compensation": None,
    "entity_energy_price_export": None,
    "number_energy_price_export": None,
    "cost_adjustment_day": 0.0,
}
SETTINGS: Any = {
    "energy_sources": [
        {
            **NO_COSTS,
            "type": "grid",
            "stat_energy_from": "sensor.bought",
            "entity_energy_price": "sensor.price",
            "stat_energy_to": "sensor.sold",
            "stat_compensation": "utility:earned",
        },
        {**NO_COSTS, "type": "grid", "stat_energy_from": "utility:bought", "stat_energy_to": None},
        {"type": "solar", "stat_energy_from": "sensor.sun", "config_entry_solar_forecast": None},
        {"type": "battery", "stat_energy_from": "sensor.out", "stat_energy_to": "sensor.in"},
        {**NO_COSTS, "type": "gas", "stat_energy_from": "sensor.gas", "stat_cost": "sensor.bill"},
        {"type": "water", "stat_energy_from": "sensor.water"},
        {"type": "of a later version", "stat_energy_from": "sensor.new"},
    ],
    "device_consumption": [
        {"stat_consumption": "sensor.kitchen"},
        {"stat_consumption": "sensor.oven", "included_in_stat": "sensor.kitchen"},
    ],
    "device_consumption_water": [{"stat_consumption": "sensor.garden"}],
}
EDGES = {
    "energy_flow grid_import measured_by entity sensor.bought",
    "entity sensor.bought has_price entity sensor.price",
    "entity sensor.bought has_cost entity sensor.bought_cost",
    "energy_flow grid_export measured_by entity sensor.sold",
    "entity sensor.sold has_cost statistic utility:earned",
    "energy_flow grid_import measured_by statistic utility:bought",
    "energy_flow solar measured_by entity sensor.sun",
    "energy_flow battery_discharge measured_by entity sensor.out",
    "energy_flow battery_charge measured_by entity sensor.in",
    "energy_flow gas measured_by entity sensor.gas",
    "entity sensor.gas has_cost entity sensor.bill",
    "energy_flow water measured_by entity sensor.water",
    "energy_flow device measured_by entity sensor.kitchen",
    "energy_flow device measured_by entity sensor.oven",
    "entity sensor.oven included_in entity sensor.kitchen",
    "energy_flow water_device measured_by entity sensor.garden",
}


@pytest.fixture
async def dashboard(hass: HomeAssistant) -> None:
    """Set up the Energy dashboard, in which nothing is set."""
    hass.states.async_set("sensor.price", "0.3", {"unit_of_measurement": "EUR/kWh"})
    energy = {"device_class": "energy", "unit_of_measurement": "kWh"}
    hass.states.async_set("sensor.bought", "5", {**energy, "state_class": "total_increasing"})
    assert await async_setup_component(hass, "energy", {})
    await hass.async_block_till_done()


@pytest.mark.usefixtures("dashboard")
async def test_all_flows(hass: HomeAssistant) -> None:
    """Each meter has its flow, its price and its costs, also where Home Assistant computes them."""
    await (await async_get_manager(hass)).async_update(SETTINGS)
    await hass.async_block_till_done()
    assert {edge.key for edge in energy_edges(hass)} == EDGES
    assert set(await async_relationships(hass)) >= EDGES


@pytest.mark.usefixtures("dashboard")
async def test_change_is_noticed(hass: HomeAssistant) -> None:
    """What is set in the dashboard is found without reading all relationships each time."""
    before = relationship_sources(hass)
    assert before is not None
    assert relationship_sources(hass) == before
    settings: Any = {"device_consumption": SETTINGS["device_consumption"]}
    await (await async_get_manager(hass)).async_update(settings)
    await hass.async_block_till_done()
    assert relationship_sources(hass) != before


async def test_without_dashboard(hass: HomeAssistant) -> None:
    """A home without the Energy dashboard has no such edges."""
    assert energy_edges(hass) == []


@pytest.mark.usefixtures("dashboard")
async def test_settings_of_another_form(hass: HomeAssistant) -> None:
    """Settings that are not as expected hide no other relationship."""
    hass.states.async_set("person.anna", "home", {"device_trackers": ["tracker.phone"]})
    odd: Any = {"energy_sources": [{"no": "type"}]}
    (await async_get_manager(hass)).data = odd
    edges = await async_relationships(hass)
    assert "entity person.anna tracked_by entity tracker.phone" in edges
