"""The event entity of an export."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import AlwaysAvailableEntity
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .status.export_events import ExportEvent, ExportEventType, async_listen_export_events

# Coordinator is used to centralize the data updates
PARALLEL_UPDATES = 0

_EXPORT = EventEntityDescription(
    key="export",
    translation_key="export",
    entity_category=EntityCategory.DIAGNOSTIC,
    event_types=[type_.value for type_ in ExportEventType],
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BigQueryExportConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the event entity of a config entry."""
    async_add_entities([ExportEventEntity(entry.runtime_data.coordinator, _EXPORT)])


class ExportEventEntity(AlwaysAvailableEntity, EventEntity):
    """Shows export events to automations and in the activity of the home."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to export events."""
        await super().async_added_to_hass()
        entry = self.coordinator.config_entry
        self.async_on_remove(async_listen_export_events(self.hass, entry, self._async_happened))

    @callback
    def _async_happened(self, export_event: ExportEvent) -> None:
        self._trigger_event(export_event.type, {**export_event.attributes})
        self.async_write_ha_state()
