"""The button that begins an export."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import AlwaysAvailableEntity
from .scheduler.runtime_data import BigQueryExportConfigEntry, RuntimeData

# Coordinator is used to centralize the data updates
PARALLEL_UPDATES = 0

_EXPORT_NOW = ButtonEntityDescription(
    key="export_now", translation_key="export_now", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BigQueryExportConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the button of a config entry."""
    async_add_entities([ExportNowButton(entry.runtime_data, _EXPORT_NOW)])


class ExportNowButton(AlwaysAvailableEntity, ButtonEntity):
    """Begins to export all waiting rows; the status shows how it goes."""

    def __init__(self, data: RuntimeData, description: ButtonEntityDescription) -> None:
        """Make the button; the entry's scheduler begins the exports."""
        super().__init__(data.coordinator, description)
        self._scheduler = data.scheduler

    @override
    async def async_press(self) -> None:
        """Begin an export, without waiting for its end."""
        self._scheduler.async_export_now()
