"""The relationships in the home: what belongs to what, and what uses what.

They are read in short steps on the event loop.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.entity import entity_sources
from homeassistant.helpers.group import get_entity_ids, get_group_entities
from homeassistant.loader import Integration, async_get_integrations

from ..export.dimensions.snapshot import DimensionRow
from ..rows.relationships import Edge, Kind, Node, NodeType, edge_row_values
from .automations import async_automation_edges, scene_edges, script_edges
from .edges import edges_of, entity_edges, readable_edges
from .energy import energy_edges
from .helper_entities import helper_edges
from .steps import in_steps
from .valid_text import valid_text

TRACKERS = "device_trackers"
"""An attribute of persons. The integration is not imported: its requirements may be missing."""


async def async_relationships(hass: HomeAssistant) -> dict[str, DimensionRow]:
    """Return all edges by their keys, as they are now.

    Integrations that are not set up have no edges, so this is not for while Home Assistant starts.
    """
    integrations = await _async_integrations(hass)
    helpers = {domain for domain, one in integrations.items() if one.integration_type == "helper"}
    edges: dict[Edge, None] = {}
    async for some in in_steps(_some_edges(hass, helpers)):
        edges.update(dict.fromkeys(some))
    async for some in async_automation_edges(hass):
        edges.update(dict.fromkeys(some))
        await asyncio.sleep(0)
    names = _Names(hass, integrations)
    rows: dict[str, DimensionRow] = {}
    async for edge in in_steps(edges):
        rows[edge.key] = DimensionRow(edge_row_values(edge, names[edge.start], names[edge.end]))
    return rows


async def _async_integrations(hass: HomeAssistant) -> dict[str, Integration]:
    """Return the integrations of all entities and config entries, as far as they are found."""
    domains = {entry.domain for entry in hass.config_entries.async_entries()}
    domains |= {entry.platform for entry in er.async_get(hass).entities.values()}
    domains |= {source["domain"] for source in entity_sources(hass).values()}
    found = await async_get_integrations(hass, domains)
    return {domain: one for domain, one in found.items() if isinstance(one, Integration)}


def _some_edges(hass: HomeAssistant, helpers: set[str]) -> Iterator[Iterable[Edge]]:
    """Yield edges, some at a time; their source may change in between."""
    yield from _entity_edges(hass)
    yield from _device_edges(hass)
    yield from _area_edges(hass)
    yield from _group_edges(hass)
    yield from _person_edges(hass)
    yield from helper_edges(hass, helpers)
    yield from script_edges(hass)
    yield from scene_edges(hass)
    yield readable_edges("the Energy dashboard", partial(energy_edges, hass))


def _entity_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    registered = er.async_get(hass).entities
    for entry in list(registered.values()):
        yield entity_edges(
            entry.entity_id,
            (Kind.PROVIDED_BY, NodeType.INTEGRATION, [entry.platform]),
            (Kind.PART_OF, NodeType.DEVICE, [entry.device_id]),
            (Kind.IN_AREA, NodeType.AREA, [entry.area_id]),
            (Kind.HAS_LABEL, NodeType.LABEL, entry.labels),
        )
    for entity_id, source in list(entity_sources(hass).items()):
        if entity_id not in registered:
            yield entity_edges(
                entity_id, (Kind.PROVIDED_BY, NodeType.INTEGRATION, [source["domain"]])
            )


def _device_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    registry = dr.async_get(hass)
    for device in [*registry.devices, *registry.child_devices]:
        parent = device.parent_device_id if isinstance(device, dr.ChildDeviceEntry) else None
        via = device.via_device_id if isinstance(device, dr.DeviceEntry) else None
        yield edges_of(
            Node(NodeType.DEVICE, device.id),
            (Kind.PART_OF, NodeType.DEVICE, [parent]),
            (Kind.VIA_DEVICE, NodeType.DEVICE, [via]),
            (Kind.IN_AREA, NodeType.AREA, [device.area_id]),
            (Kind.HAS_LABEL, NodeType.LABEL, device.labels),
        )


def _area_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    for area in list(ar.async_get(hass).async_list_areas()):
        yield edges_of(
            Node(NodeType.AREA, area.id),
            (Kind.ON_FLOOR, NodeType.FLOOR, [area.floor_id]),
            (Kind.HAS_LABEL, NodeType.LABEL, area.labels),
        )


def _group_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    """Yield the edges of groups to their members, for all integrations that have groups."""
    for entity_id in hass.states.async_entity_ids("group"):
        yield _member_edges(entity_id, partial(get_entity_ids, hass, entity_id))
    for entity_id, entity in list(get_group_entities(hass).items()):
        if (group := entity.group) is not None:
            yield _member_edges(entity_id, partial(getattr, group, "member_entity_ids"))


def _member_edges(entity_id: str, members: Callable[[], Iterable[str]]) -> list[Edge]:
    return readable_edges(
        entity_id,
        lambda: entity_edges(entity_id, (Kind.HAS_MEMBER, NodeType.ENTITY, members())),
    )


def _person_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    for state in hass.states.async_all("person"):
        trackers = state.attributes.get(TRACKERS)
        known = trackers if isinstance(trackers, list | tuple) else ()
        yield entity_edges(state.entity_id, (Kind.TRACKED_BY, NodeType.ENTITY, known))


class _Names(dict[Node, str | None]):
    """The names of nodes as people see them, read when needed, and cached."""

    def __init__(self, hass: HomeAssistant, integrations: dict[str, Integration]) -> None:
        """Begin with an empty cache."""
        super().__init__()
        self._hass = hass
        self._integrations = integrations

    def __missing__(self, node: Node) -> str | None:
        """Read a name that is not in the cache."""
        self[node] = valid_text(self._find(node))
        return self[node]

    def _find(self, node: Node) -> str | None:
        hass = self._hass
        match node.type:
            case NodeType.ENTITY:
                return _entity_name(hass, node.id)
            case NodeType.DEVICE:
                device = dr.async_get(hass).async_get(node.id)
                return (device.name_by_user or device.name) if device else None
            case NodeType.AREA:
                area = ar.async_get(hass).async_get_area(node.id)
                return area.name if area else None
            case NodeType.FLOOR:
                floor = fr.async_get(hass).async_get_floor(node.id)
                return floor.name if floor else None
            case NodeType.LABEL:
                label = lr.async_get(hass).async_get_label(node.id)
                return label.name if label else None
            case NodeType.INTEGRATION:
                integration = self._integrations.get(node.id)
                return integration.name if integration else None
            case _:
                return None


def _entity_name(hass: HomeAssistant, entity_id: str) -> str | None:
    if entry := er.async_get(hass).async_get(entity_id):
        return er.async_get_legacy_friendly_name(hass, entry) or None
    state = hass.states.get(entity_id)
    return state.name if state else None
