"""The binary sensor that says whether exports succeed."""

from typing import override

from homeassistant.components.binary_sensor import (  # type: ignore[attr-defined]
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import AlwaysAvailableEntity
from .scheduler.runtime_data import BigQueryExportConfigEntry

# Coordinator is used to centralize the data updates
PARALLEL_UPDATES = 0

_PROBLEM = BinarySensorEntityDescription(
    key="problem",
    translation_key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BigQueryExportConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensor of a config entry."""
    async_add_entities([ProblemBinarySensor(entry.runtime_data.coordinator, _PROBLEM)])


class ProblemBinarySensor(AlwaysAvailableEntity, BinarySensorEntity):
    """Is on while exports fail, or the recorder cannot be read."""

    @property
    @override
    def is_on(self) -> bool:
        """Return whether something keeps rows from being exported."""
        return self.coordinator.failing
