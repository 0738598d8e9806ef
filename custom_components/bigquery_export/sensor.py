"""Sensors that show how the export goes."""

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
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import BigQueryExportConfigEntry
from .entity import BigQueryExportEntity
from .export_status import ExportStatus, Status
from .progress import Backfill

# Coordinator is used to centralize the data updates
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class BigQueryExportSensorDescription(SensorEntityDescription):
    """Describes a sensor, and the part of the status that it shows."""

    value_fn: Callable[[ExportStatus], StateType | datetime]


def _backfill(value_fn: Callable[[Backfill], StateType]) -> Callable[[ExportStatus], StateType]:
    """Return what shows a part of the backfill, and nothing while there is none."""
    return lambda data: value_fn(data.backfill) if data.backfill else None


SENSORS: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[status.value for status in Status],
        value_fn=lambda data: data.status,
    ),
    BigQueryExportSensorDescription(
        key="last_export",
        translation_key="last_export",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda data: data.last_export,
    ),
    BigQueryExportSensorDescription(
        key="rows_exported",
        translation_key="rows_exported",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda data: data.rows_exported,
    ),
    BigQueryExportSensorDescription(
        key="rows_waiting",
        translation_key="rows_waiting",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda data: data.rows_waiting,
    ),
    BigQueryExportSensorDescription(
        key="backfill_progress",
        translation_key="backfill_progress",
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=_backfill(lambda backfill: round(backfill.percent, 1)),
    ),
    BigQueryExportSensorDescription(
        key="backfill_rows_done",
        translation_key="backfill_rows_done",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=_backfill(lambda backfill: backfill.rows_done),
    ),
    BigQueryExportSensorDescription(
        key="backfill_rows_left",
        translation_key="backfill_rows_left",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=_backfill(lambda backfill: backfill.rows_left),
    ),
    BigQueryExportSensorDescription(
        key="backfill_time_left",
        translation_key="backfill_time_left",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
        value_fn=_backfill(
            lambda backfill: None if backfill.seconds_left is None else round(backfill.seconds_left)
        ),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BigQueryExportConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of a config entry."""
    async_add_entities(
        BigQueryExportSensor(entry.runtime_data, description) for description in SENSORS
    )


class BigQueryExportSensor(BigQueryExportEntity, SensorEntity):
    """A sensor that shows one part of the status."""

    entity_description: BigQueryExportSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the part of the status that this sensor shows."""
        return self.entity_description.value_fn(self.coordinator.data)
