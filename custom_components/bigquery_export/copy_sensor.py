"""Sensors that show the status of a copy, which is a device of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import MAX_LENGTH_STATE_STATE, EntityCategory
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.typing import StateType

from .const import DOMAIN
from .runner.copies import Copies
from .runner.copy_runner import CopyRunner
from .status.copy_status import CopyStatus
from .status.export_status import Status

_NO_ERROR = "none"


@dataclass(frozen=True, kw_only=True)
class CopySensorDescription(SensorEntityDescription):
    """Describes a sensor, and the part of the status that it shows."""

    value_fn: Callable[[CopyStatus], StateType | datetime]


COPY_SENSORS = (
    CopySensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in Status if status is not Status.RESTORING],
        value_fn=lambda data: data.status,
    ),
    CopySensorDescription(
        key="last_error",
        translation_key="last_error",
        value_fn=lambda data: (data.last_error or _NO_ERROR)[:MAX_LENGTH_STATE_STATE],
    ),
    CopySensorDescription(
        key="last_export",
        translation_key="last_export",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda data: data.last_export,
    ),
    CopySensorDescription(
        key="rows_waiting",
        translation_key="rows_waiting",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda data: data.rows_waiting,
    ),
)


class CopySensor(SensorEntity):
    """A sensor that shows one part of the status of a copy."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_has_entity_name = True
    _attr_should_poll = False
    entity_description: CopySensorDescription

    def __init__(
        self, copies: Copies, runner: CopyRunner, description: CopySensorDescription
    ) -> None:
        """Name the sensor after the copy and what it shows."""
        copy = runner.copy
        self._copies = copies
        self._runner = runner
        self.entity_description = description
        self._attr_unique_id = f"{copy.subentry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, copy.subentry_id)},
            name=copy.title,
            model=copy.settings.product,
            entry_type=DeviceEntryType.SERVICE,
        )

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the copy."""
        self.async_on_remove(self._copies.async_listen(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the part of the status that this sensor shows."""
        return self.entity_description.value_fn(self._runner.status)
