"""The base of all entities of BigQuery Export."""

from typing import override

from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import BigQueryExportCoordinator
from .settings.destination import console_url, destination_from, name_of


class BigQueryExportEntity(CoordinatorEntity[BigQueryExportCoordinator]):
    """An entity of an export, whose device is the table in BigQuery."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: BigQueryExportCoordinator, description: EntityDescription
    ) -> None:
        """Name the entity after its config entry and description."""
        super().__init__(coordinator)
        entry = coordinator.config_entry
        destination = destination_from(entry.data)
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, entry.entry_id)},
            name=entry.title,
            manufacturer="Google",
            model="BigQuery",
            model_id=name_of(destination),
            configuration_url=console_url(destination),
            entry_type=DeviceEntryType.SERVICE,
        )


class AlwaysAvailableEntity(BigQueryExportEntity):
    """An entity that is available even while the recorder cannot be read."""

    @property
    @override
    def available(self) -> bool:
        """Return True, even if the backlog is not known."""
        return True
