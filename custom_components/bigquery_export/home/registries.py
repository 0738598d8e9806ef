"""The values of Home Assistant's registries, read in short steps on the event loop."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.entity import entity_sources

from ..const import DOMAIN
from ..export.dimensions.snapshot import DimensionRow
from ..rows.columns import Values
from ..rows.entities import Entity, entity_row_values
from ..rows.registry import RegistryValues
from ..rows.table import timestamp
from .steps import in_steps
from .valid_text import valid_text

_QUIET = 1.0
"""Seconds to wait after a change: one often brings others."""
_PATIENCE = 30.0
"""Seconds to wait for changes to end; after that the values read last are used."""
_OFFERED = frozenset({"capabilities", "supported_features"})
"""What some entities change with their states, such as media players: it is read once a day."""
_OTHERS = (
    dr.EVENT_DEVICE_REGISTRY_UPDATED,
    ar.EVENT_AREA_REGISTRY_UPDATED,
    fr.EVENT_FLOOR_REGISTRY_UPDATED,
    lr.EVENT_LABEL_REGISTRY_UPDATED,
)


class Registries:
    """The registry values of all entities: read once, and followed from then on.

    `of` and `version` may be used in any thread; they use the values that were read, and never a
    registry.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Read nothing yet."""
        self._hass = hass
        self._sources = entity_sources(hass)
        self._entities: dict[str, Entity] = {}
        """The entities that are registered."""
        self._values: dict[str, RegistryValues] = {}
        """Their registry values, also by the entity ids that they had since this was opened."""
        self._unreadable: dict[str, Exception] = {}
        """Entities that could not be read, and why."""
        self._last_known: Mapping[str, Values] = {}
        self._version = 0
        self._stale = False
        self._is_followed = False
        """Whether changes are read a moment later, and not only when `async_settle` is called."""
        self._reading: asyncio.Task[None] | None = None
        self._unsubscribe: list[Callable[[], None]] = []

    @property
    def version(self) -> int:
        """Return a number that differs after each change."""
        return self._version

    @property
    def is_current(self) -> bool:
        """Return whether all values are those of now."""
        return not (self._reading or self._stale or self._unreadable)

    def of(self, entity_id: str) -> RegistryValues:
        """Return the registry values of an entity, or the last known ones if it is gone."""
        if values := self._values.get(entity_id):
            return values
        if source := self._sources.get(entity_id):
            return RegistryValues(integration=source["domain"])
        if row := self._last_known.get(entity_id):
            return RegistryValues.of_row(row)
        return RegistryValues()

    async def async_open(self, last_known: Mapping[str, Values]) -> None:
        """Read everything, and follow the changes from now on.

        `last_known` are rows of `entities` by entity_id: those that are gone are kept.
        """
        listen = self._hass.bus.async_listen
        self._unsubscribe = [listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._on_entity)]
        for event_type in _OTHERS:
            self._unsubscribe.append(listen(str(event_type), self._on_other))
        self._is_followed = True
        await self._async_read()
        self._last_known = {
            entity_id: values
            for entity_id, values in last_known.items()
            if entity_id not in self._values
        }

    async def async_settle(self) -> None:
        """Read the latest changes, or wait until they are read, though not for ever."""
        self._is_followed = True
        if self._reading:
            await asyncio.wait([self._reading], timeout=_PATIENCE)
        elif self._stale:
            self._stale = False
            await self._async_read()

    @callback
    def async_rest(self) -> None:
        """Leave what changes but an entity's own entry to the next call of `async_settle`."""
        self._is_followed = False

    @callback
    def async_close(self) -> None:
        """Stop following changes, and delete what was read."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        if self._reading:
            self._reading.cancel()
            self._reading = None
        self._stale = self._is_followed = False
        self._entities = {}
        self._values = {}
        self._unreadable = {}
        self._last_known = {}
        self._version += 1

    async def async_entities(self) -> dict[str, DimensionRow]:
        """Return the current values of each registered entity, by the registry's id.

        Raises what reading one of them has raised: without it, the entity would seem to be gone.
        """
        await self.async_settle()
        for err in self._unreadable.values():
            raise err
        entities = list(self._entities.values())
        return await self._hass.async_add_executor_job(_dimension_rows, entities)

    @callback
    def _on_entity(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        """Read an entity at once: the next piece may have rows of a new one."""
        if event.data["action"] == "update":
            if event.data["changes"].keys() <= _OFFERED:
                return
            if old := event.data.get("old_entity_id"):
                self._entities.pop(old, None)
        self._look_at(event.data["entity_id"])
        self._version += 1

    @callback
    def _on_other(self, _: Event) -> None:
        """Read everything again: many entities may be in an area, or have a label."""
        self._stale = True
        if self._is_followed and self._reading is None:
            self._reading = self._hass.async_create_background_task(
                self._async_follow(), f"{DOMAIN} registries"
            )

    async def _async_follow(self) -> None:
        try:
            while self._stale:
                await asyncio.sleep(_QUIET)
                self._stale = False
                await self._async_read()
        finally:
            self._reading = None

    async def _async_read(self) -> None:
        """Read everything, in steps."""
        async for entity_id in in_steps(list(er.async_get(self._hass).entities)):
            self._look_at(entity_id)
        self._version += 1

    @callback
    def _look_at(self, entity_id: str) -> None:
        entry = er.async_get(self._hass).entities.get(entity_id)
        if entry is None:
            self._entities.pop(entity_id, None)
            self._unreadable.pop(entity_id, None)
            return
        try:
            entity = _entity(self._hass, entry)
        except Exception as err:  # An integration's own text may have raised it.
            # Rows of other tables have the values that were read last of this entity, or none.
            self._unreadable[entity_id] = err
            return
        self._unreadable.pop(entity_id, None)
        self._entities[entity_id] = entity
        self._values[entity_id] = entity.registry_values


@callback
def async_registry_values(hass: HomeAssistant, entity_id: str) -> RegistryValues:
    """Return the registry values of one entity as they are now."""
    if entry := er.async_get(hass).async_get(entity_id):
        return _entity(hass, entry).registry_values
    if source := entity_sources(hass).get(entity_id):
        return RegistryValues(integration=source["domain"])
    return RegistryValues()


def _dimension_rows(entities: list[Entity]) -> dict[str, DimensionRow]:
    return {
        str(entity.registry_values.registry_id): DimensionRow(
            entity_row_values(entity), entity.modified
        )
        for entity in entities
    }


def _entity(hass: HomeAssistant, entry: er.RegistryEntry) -> Entity:
    """Put together what the registries say of an entity.

    A child device takes manufacturer and model from its parent, and its area if it has none.
    """
    devices = dr.async_get(hass)
    device = devices.async_get(entry.device_id) if entry.device_id else None
    whole = device
    if isinstance(device, dr.ChildDeviceEntry):
        whole = devices.async_get(device.parent_device_id)
    make = whole if isinstance(whole, dr.DeviceEntry) else None
    area_id = (
        entry.area_id or (device.area_id if device else None) or (make.area_id if make else None)
    )
    area = ar.async_get(hass).async_get_area(area_id) if area_id else None
    floor_id = area.floor_id if area else None
    floor = fr.async_get(hass).async_get_floor(floor_id) if floor_id else None
    label_ids = entry.labels.union(*(part.labels for part in (device, area) if part))
    registry = lr.async_get(hass)
    labels = [label for id_ in label_ids if (label := registry.async_get_label(id_))]
    parts = (entry, device, whole, area, floor, *labels)
    created = timestamp(entry.created_at)
    options: Mapping[str, Any] = entry.options.get(entry.domain) or {}
    return Entity(
        entity_id=entry.entity_id,
        registry_values=RegistryValues(
            integration=entry.platform,
            entity_category=valid_text(entry.entity_category),
            unique_id=valid_text(entry.unique_id),
            registry_id=entry.id,
            device_id=entry.device_id,
            device_name=valid_text(device.name_by_user or device.name) if device else None,
            manufacturer=valid_text(make.manufacturer) if make else None,
            model=valid_text(make.model) if make else None,
            via_device_id=make.via_device_id if make else None,
            area_id=area_id,
            area_name=valid_text(area.name) if area else None,
            floor_id=floor_id,
            floor_name=valid_text(floor.name) if floor else None,
            labels=tuple(sorted({str(valid_text(label.name)) for label in labels})),
        ),
        name=valid_text(er.async_get_legacy_friendly_name(hass, entry) or None),
        original_name=valid_text(entry.original_name),
        device_class=valid_text(entry.device_class or entry.original_device_class),
        unit_of_measurement=valid_text(
            options.get("unit_of_measurement") or entry.unit_of_measurement
        ),
        disabled_by=valid_text(entry.disabled_by),
        hidden_by=valid_text(entry.hidden_by),
        # For entries from before 2024, Home Assistant does not know when they were made.
        created=created or None,
        capabilities=entry.capabilities,
        supported_features=entry.supported_features,
        translation_key=valid_text(entry.translation_key),
        modified=max(timestamp(part.modified_at) for part in parts if part),
    )
