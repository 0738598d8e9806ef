"""The switch that pauses an export."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import AlwaysAvailableEntity
from .scheduler.runtime_data import BigQueryExportConfigEntry, RuntimeData

# Coordinator is used to centralize the data updates
PARALLEL_UPDATES = 0

_PAUSE = SwitchEntityDescription(
    key="pause", translation_key="pause", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BigQueryExportConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switch of a config entry."""
    async_add_entities([PauseSwitch(entry.runtime_data, _PAUSE)])


class PauseSwitch(AlwaysAvailableEntity, SwitchEntity):
    """While it is on, no export begins by itself, and backfills wait."""

    def __init__(self, data: RuntimeData, description: SwitchEntityDescription) -> None:
        """Make the switch, which pauses the entry's scheduler."""
        super().__init__(data.coordinator, description)
        self._scheduler = data.scheduler

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the export is paused."""
        return self.coordinator.paused

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Pause."""
        self._scheduler.async_pause(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Resume."""
        self._scheduler.async_pause(False)
