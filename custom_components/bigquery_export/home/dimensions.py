"""Dimension tables: their current rows, as far as they may leave the home."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from homeassistant.core import CoreState, HomeAssistant

from ..export.dimensions.snapshot import DimensionReader, DimensionRow
from ..rows.columns import Values
from ..rows.context import RowContext
from ..rows.entities import ENTITIES
from ..rows.relationships import RELATIONSHIPS, Kind, NodeType
from .registries import Registries
from .relationship_sources import relationship_sources
from .relationships import async_relationships

_ENDS = ("from", "to")
_TELLING = (Kind.PART_OF, Kind.HAS_LABEL)
"""Edges that would tell which one a hidden entity is."""


def dimension_readers(
    hass: HomeAssistant, registries: Registries, run: RowContext
) -> dict[str, DimensionReader]:
    """Return the readers of dimension tables, by name: of those that can be read by now."""

    async def async_read_entities() -> Mapping[str, DimensionRow]:
        rows = await registries.async_entities()
        return await hass.async_add_executor_job(exported_entities, rows, run)

    def entities_version() -> object:
        return registries.version if registries.is_current else None

    async def async_read_relationships() -> Mapping[str, DimensionRow]:
        rows = await async_relationships(hass)
        return await hass.async_add_executor_job(exported_relationships, rows, run)

    def relationships_version() -> object:
        version, sources = entities_version(), relationship_sources(hass)
        return None if version is None or sources is None else (version, sources)

    readers = {ENTITIES.name: DimensionReader(async_read_entities, entities_version)}
    if hass.state is CoreState.running:
        # While Home Assistant starts, automations and groups are missing, and would seem deleted.
        readers[RELATIONSHIPS.name] = DimensionReader(
            async_read_relationships, relationships_version
        )
    return readers


def exported_entities(rows: Mapping[str, DimensionRow], run: RowContext) -> dict[str, DimensionRow]:
    """Return the rows of exported entities, with the values that may be sent."""
    return {
        registry_id: replace(row, values=run.privacy.registry_values(entity_id, row.values))
        for registry_id, row in rows.items()
        for entity_id in (row.values["entity_id"],)
        if run.includes(entity_id)
    }


def exported_relationships(
    rows: Mapping[str, DimensionRow], run: RowContext
) -> dict[str, DimensionRow]:
    """Return the edges between exported nodes, with the values that may be sent."""
    devices = _hidden_devices((row.values for row in rows.values()), run)
    exported: dict[str, DimensionRow] = {}
    for row in rows.values():
        if (values := _exported_edge(row.values, devices, run)) is not None:
            exported[values["edge"]] = replace(row, values=values)
    return exported


def _hidden_devices(edges: Iterable[Values], run: RowContext) -> set[str]:
    """Return devices all of whose entities are hidden: their names would tell which they are."""
    hidden: dict[str, bool] = {}
    for edge in edges:
        if edge["kind"] == Kind.PART_OF and edge["from_type"] == NodeType.ENTITY:
            device = edge["to_id"]
            is_hidden = run.privacy.is_hidden(edge["from_id"])
            hidden[device] = hidden.get(device, True) and is_hidden
    return {device for device, is_hidden in hidden.items() if is_hidden}


def _exported_edge(edge: Values, hidden_devices: set[str], run: RowContext) -> Values | None:
    """Return an edge as it may leave the home, or None if it may not."""
    changes: dict[str, str | None] = {}
    for end in _ENDS:
        type_, id_ = edge[f"{end}_type"], edge[f"{end}_id"]
        if type_ == NodeType.DEVICE and id_ in hidden_devices:
            return None
        if type_ != NodeType.ENTITY:
            continue
        if not run.includes(id_):
            return None
        if run.privacy.is_hidden(id_):
            if edge["kind"] in _TELLING:
                return None
            changes |= {f"{end}_id": run.privacy.entity(id_), f"{end}_name": None}
    if not changes:
        return edge
    sent = {**edge, **changes}
    ends = [f"{sent[f'{end}_type']} {sent[f'{end}_id']}" for end in _ENDS]
    return {**sent, "edge": f"{ends[0]} {sent['kind']} {ends[1]}"}
