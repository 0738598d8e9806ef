"""Dimension tables: their current rows, as far as they may leave the home."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from homeassistant.core import CoreState, HomeAssistant

from ..export.dimensions.snapshot import DimensionReader, DimensionRow
from ..rows.columns import Values
from ..rows.context import RowContext
from ..rows.devices import DEVICES, SERIAL_NUMBER
from ..rows.entities import ENTITIES
from ..rows.integrations import INTEGRATIONS, STATE_NUMBER
from ..rows.migration_changes import MIGRATION_CHANGES
from ..rows.registry import RegistryValues
from ..rows.relationships import RELATIONSHIPS, Kind, NodeType
from ..source.migration_changes import migration_changes
from ..source.readiness import async_read_recorder
from .config_entries import ConfigEntries, async_config_entries
from .entry_states import EntryStates
from .registered_devices import RegisteredDevice, async_registered_devices
from .registries import Registries
from .relationship_sources import relationship_sources
from .relationships import async_relationships

_ENDS = ("from", "to")
_TELLING = (Kind.PART_OF, Kind.HAS_LABEL)
"""Edges that would tell which one a hidden entity is."""


def dimension_readers(
    hass: HomeAssistant, registries: Registries, states: EntryStates, run: RowContext
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

    async def async_read_integrations() -> Mapping[str, DimensionRow]:
        entries = await async_config_entries(hass, states)
        return await hass.async_add_executor_job(exported_integrations, entries, run)

    def integrations_version() -> object:
        version = entities_version()
        return None if version is None else (version, states.version)

    def forget(rows: Mapping[str, Values]) -> None:
        states.async_forget({entry_id: row[STATE_NUMBER] for entry_id, row in rows.items()})

    async def async_read_devices() -> Mapping[str, DimensionRow]:
        devices = await async_registered_devices(hass)
        return await hass.async_add_executor_job(exported_devices, devices, run)

    async def async_read_migrations() -> Mapping[str, DimensionRow]:
        versions = await async_read_recorder(hass, migration_changes, hass)
        return {
            name: DimensionRow({"migration_id": name, "version": version})
            for name, version in versions.items()
        }

    readers = {
        ENTITIES.name: DimensionReader(async_read_entities, entities_version),
        DEVICES.name: DimensionReader(async_read_devices, entities_version),
        MIGRATION_CHANGES.name: DimensionReader(async_read_migrations),
    }
    if hass.state is CoreState.running:
        # While Home Assistant starts, automations and groups are missing, and would seem deleted.
        readers[RELATIONSHIPS.name] = DimensionReader(
            async_read_relationships, relationships_version
        )
        if states.is_current:
            readers[INTEGRATIONS.name] = DimensionReader(
                async_read_integrations, integrations_version, forget
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


def exported_devices(
    devices: Mapping[str, RegisteredDevice], run: RowContext
) -> dict[str, DimensionRow]:
    """Return the rows of devices that have an exported entity that is not hidden, or none at all.

    A device is named by what is hidden of it, so others do not say that they are connected to it.
    """
    sent = {id_ for id_, device in devices.items() if _is_sent(device, run)}
    return {id_: _exported_device(devices[id_].row, sent, run) for id_ in devices if id_ in sent}


def _is_sent(device: RegisteredDevice, run: RowContext) -> bool:
    if not device.entities:
        possible = f"{device.domain}.{device.domain}"
        return run.choice.entities.includes(possible, device.registry_values)
    return any(run.includes(id_) and not run.privacy.is_hidden(id_) for id_ in device.entities)


def _exported_device(row: DimensionRow, sent: Container[str], run: RowContext) -> DimensionRow:
    values = dict(row.values)
    for other in ("via_device_id", "parent_device_id"):
        if values[other] not in sent:
            values[other] = None
    values[SERIAL_NUMBER] = run.privacy.serial_number(values[SERIAL_NUMBER])
    return replace(row, values=values)


def exported_integrations(entries: ConfigEntries, run: RowContext) -> dict[str, DimensionRow]:
    """Return the rows of integrations that have an exported entity, or none at all.

    The reason of a failure may name entities and devices, so it is not sent where one is hidden or
    excluded.
    """
    exported: dict[str, DimensionRow] = {}
    for entry_id, row in entries.rows.items():
        if row.removed:
            # Its entities are not known any more. It is sent if it was exported before.
            exported[entry_id] = _without_reason(row) if run.privacy.hides_entities else row
            continue
        entities = entries.entities[entry_id]
        domain = row.values["domain"]
        included = list(map(run.includes, entities)) or [_includes(run, domain)]
        if any(included):
            is_told = all(included) and not any(map(run.privacy.is_hidden, entities))
            exported[entry_id] = row if is_told else _without_reason(row)
    return exported


def _includes(run: RowContext, domain: str) -> bool:
    """Return whether an integration without entities is exported, as one of them would be."""
    return run.choice.entities.includes(f"{domain}.{domain}", RegistryValues(integration=domain))


def _without_reason(row: DimensionRow) -> DimensionRow:
    nothing = {"reason": None}
    return replace(
        row,
        values=row.values if row.removed else {**row.values, **nothing},
        earlier=tuple(replace(one, values={**one.values, **nothing}) for one in row.earlier),
    )


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
