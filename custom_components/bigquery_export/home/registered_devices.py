"""The devices in the home, also those without an entity, read in short steps on the event loop."""

from collections.abc import Iterable
from dataclasses import dataclass

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    label_registry as lr,
)

from ..export.dimensions.snapshot import DimensionRow
from ..rows.devices import SERIAL_NUMBER
from ..rows.registry import RegistryValues
from ..rows.table import timestamp
from .steps import in_steps
from .valid_text import valid_text

type AnyDevice = dr.DeviceEntry | dr.ChildDeviceEntry


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device as the registry has it, and what says whether it is exported."""

    row: DimensionRow
    """With the serial number itself."""
    entities: tuple[str, ...]
    """The ids of its entities."""
    domain: str
    """The integration that has registered it."""
    registry_values: RegistryValues
    """Those of an entity that it might have."""


async def async_registered_devices(hass: HomeAssistant) -> dict[str, RegisteredDevice]:
    """Return all registered devices by their ids, as they are now."""
    registry = dr.async_get(hass)
    devices: list[AnyDevice] = [*registry.devices, *registry.child_devices]
    return {device.id: _device(hass, device) async for device in in_steps(devices)}


@callback
def _device(hass: HomeAssistant, device: AnyDevice) -> RegisteredDevice:
    """Put together what is known of a device; a part has make and area of the whole device."""
    parent = device.parent_device_id if isinstance(device, dr.ChildDeviceEntry) else None
    whole = dr.async_get(hass).async_get(parent) if parent else device
    make = whole if isinstance(whole, dr.DeviceEntry) else None
    own = device if isinstance(device, dr.DeviceEntry) else None
    area_id = device.area_id or (make.area_id if make else None)
    area = ar.async_get(hass).async_get_area(area_id) if area_id else None
    entry = hass.config_entries.async_get_entry(device.config_entry_id)
    registered = er.async_entries_for_device(
        er.async_get(hass), device.id, include_disabled_entities=True
    )
    domains = {entity.platform for entity in registered} | ({entry.domain} if entry else set())
    values = {
        "device_id": device.id,
        "name": valid_text(device.name_by_user or device.name),
        "manufacturer": valid_text(make.manufacturer) if make else None,
        "model": valid_text(make.model) if make else None,
        "model_id": valid_text(make.model_id) if make else None,
        "sw_version": valid_text(own.sw_version) if own else None,
        "hw_version": valid_text(own.hw_version) if own else None,
        SERIAL_NUMBER: valid_text(own.serial_number) if own else None,
        "connections": sorted({str(kind) for kind, _ in own.connections}) if own else [],
        "via_device_id": own.via_device_id if own else None,
        "parent_device_id": parent,
        "area_id": area_id,
        "area_name": valid_text(area.name) if area else None,
        "integrations": sorted(domains),
        "entry_id": device.config_entry_id,
        "disabled_by": valid_text(device.disabled_by),
        "created": timestamp(device.created_at) or None,
    }
    return RegisteredDevice(
        DimensionRow(values, timestamp(device.modified_at)),
        tuple(entity.entity_id for entity in registered),
        entry.domain if entry else "",
        RegistryValues(
            integration=entry.domain if entry else None,
            device_id=device.id,
            area_id=area_id,
            labels=_labels(hass, device.labels.union(area.labels if area else ())),
        ),
    )


def _labels(hass: HomeAssistant, ids: Iterable[str]) -> tuple[str, ...]:
    registry = lr.async_get(hass)
    return tuple(label.name for id_ in ids if (label := registry.async_get_label(id_)))
