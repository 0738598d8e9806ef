"""The Energy dashboard: which meters it counts, and what they cost.

Its settings are in `energy/data.py` of Home Assistant, by the keys that are used here.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

from homeassistant.core import HomeAssistant, callback, valid_entity_id

from ..rows.relationships import Edge, EnergyFlow, Kind, Node, NodeType
from .edges import edges_of

_ENERGY = "energy"
_MANAGER = "energy_manager"
"""Where `async_get_manager` keeps the settings in `hass.data`, once the dashboard is set up."""
_FLOWS: Mapping[tuple[str, str], EnergyFlow] = {
    ("grid", "stat_energy_from"): EnergyFlow.GRID_IMPORT,
    ("grid", "stat_energy_to"): EnergyFlow.GRID_EXPORT,
    ("solar", "stat_energy_from"): EnergyFlow.SOLAR,
    ("battery", "stat_energy_from"): EnergyFlow.BATTERY_DISCHARGE,
    ("battery", "stat_energy_to"): EnergyFlow.BATTERY_CHARGE,
    ("gas", "stat_energy_from"): EnergyFlow.GAS,
    ("water", "stat_energy_from"): EnergyFlow.WATER,
}
"""Flows by the type of a source, and the key of the meter's statistic."""
_COSTS = {
    "stat_energy_from": ("stat_cost", "entity_energy_price"),
    "stat_energy_to": ("stat_compensation", "entity_energy_price_export"),
}
"""Keys of the statistic of a meter's costs, and of the entity that has its price."""
_DEVICES = {
    "device_consumption": EnergyFlow.DEVICE,
    "device_consumption_water": EnergyFlow.WATER_DEVICE,
}


@callback
def energy_settings(hass: HomeAssistant) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return the settings, and the entities that Home Assistant has made for costs, by meter."""
    settings = getattr(hass.data.get(_MANAGER), "data", None) or {}
    made = hass.data.get(_ENERGY, {})
    return settings, copy(made.get("cost_sensors", {}))


def energy_edges(hass: HomeAssistant) -> list[Edge]:
    """Return edges from flows of energy to their meters, and from these to prices and costs."""
    settings, cost_sensors = energy_settings(hass)
    edges: list[Edge] = []
    for source in settings.get("energy_sources", ()):
        edges += _source_edges(source, cost_sensors)
    for key, flow in _DEVICES.items():
        for device in settings.get(key, ()):
            edges += _device_edges(device, flow)
    return edges


def _source_edges(source: Mapping[str, Any], cost_sensors: Mapping[str, str]) -> Iterator[Edge]:
    for key, (cost, price) in _COSTS.items():
        flow, meter = _FLOWS.get((source["type"], key)), source.get(key)
        if flow is None or not meter:
            continue
        yield from _edge(Node(NodeType.ENERGY_FLOW, flow.value), Kind.MEASURED_BY, meter)
        yield from _edge(_statistic(meter), Kind.HAS_PRICE, source.get(price))
        yield from _edge(
            _statistic(meter), Kind.HAS_COST, source.get(cost) or cost_sensors.get(meter)
        )


def _device_edges(device: Mapping[str, Any], flow: EnergyFlow) -> Iterator[Edge]:
    meter = device["stat_consumption"]
    yield from _edge(Node(NodeType.ENERGY_FLOW, flow.value), Kind.MEASURED_BY, meter)
    yield from _edge(_statistic(meter), Kind.INCLUDED_IN, device.get("included_in_stat"))


def _edge(start: Node, kind: Kind, statistic_id: str | None) -> list[Edge]:
    if not statistic_id:
        return []
    end = _statistic(statistic_id)
    return edges_of(start, (kind, end.type, [end.id]))


def _statistic(statistic_id: str) -> Node:
    """Return the entity that a statistic is of, or else the statistic."""
    is_entity = valid_entity_id(statistic_id)
    return Node(NodeType.ENTITY if is_entity else NodeType.STATISTIC, statistic_id)
