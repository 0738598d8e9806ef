"""Sensors that show the status of an export."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    MAX_LENGTH_STATE_STATE,
    PERCENTAGE,
    EntityCategory,
    UnitOfInformation,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from .copy_sensor import COPY_SENSORS, CopySensor
from .entity import BigQueryExportEntity
from .export.phase_times import Phase
from .query.query_request import price
from .query.saved_query import SavedQueryType
from .query_sensor import QuerySensor
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .status.error_kinds import ErrorKind
from .status.export_status import ExportStatus, Status
from .status.progress import Backfill

# Coordinator is used to centralize the data updates
PARALLEL_UPDATES = 0
_NO_ERROR = "none"
"""The state of *Last error* while there is none; the translations show it as a word."""


@dataclass(frozen=True, kw_only=True)
class BigQueryExportSensorDescription(SensorEntityDescription):
    """Describes a sensor, and the part of the status that it shows."""

    value_fn: Callable[[ExportStatus], StateType | datetime]
    is_monthly: bool = False
    """Whether it begins at 0 in each month."""


def _backfill(
    value_fn: Callable[[Backfill], StateType], done: StateType = None
) -> Callable[[ExportStatus], StateType]:
    """Return a function that returns a value of the backfill, or `done` where it has ended."""

    def value(data: ExportStatus) -> StateType:
        if data.backfill:
            return value_fn(data.backfill)
        return done if data.last_export else None

    return value


def _rounded(value: float | None, digits: int | None = None) -> float | None:
    return None if value is None else round(value, digits)


def _errors(kind: ErrorKind, data: ExportStatus) -> int:
    return data.errors.get(kind, 0)


def _seconds(phase: Phase, data: ExportStatus) -> float:
    return round(data.phase_seconds[phase], 2)


_EXPORTS: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in Status],
        value_fn=lambda data: data.status,
    ),
    BigQueryExportSensorDescription(
        key="last_error",
        translation_key="last_error",
        value_fn=lambda data: (data.last_error or _NO_ERROR)[:MAX_LENGTH_STATE_STATE],
    ),
    BigQueryExportSensorDescription(
        key="last_export",
        translation_key="last_export",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda data: data.last_export,
    ),
    BigQueryExportSensorDescription(
        key="next_export",
        translation_key="next_export",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda data: data.next_export,
    ),
    BigQueryExportSensorDescription(
        key="last_duration",
        translation_key="last_duration",
        device_class=SensorDeviceClass.DURATION,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda data: _rounded(data.last_seconds, 1),
    ),
)
_ROWS: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="rows_exported",
        translation_key="rows_exported",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda data: data.rows_exported,
    ),
    BigQueryExportSensorDescription(
        key="last_rows",
        translation_key="last_rows",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda data: data.last_rows,
    ),
    BigQueryExportSensorDescription(
        key="rows_waiting",
        translation_key="rows_waiting",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda data: data.rows_waiting,
    ),
    BigQueryExportSensorDescription(
        key="oldest_waiting",
        translation_key="oldest_waiting",
        device_class=SensorDeviceClass.DURATION,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfTime.HOURS,
        value_fn=lambda data: _rounded(data.oldest_age),
    ),
    BigQueryExportSensorDescription(
        key="rejected_rows",
        translation_key="rejected_rows",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda data: sum(data.rejected.values()) + data.left_out,
    ),
    BigQueryExportSensorDescription(
        key="bytes_sent",
        translation_key="bytes_sent",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.MEGABYTES,
        value_fn=lambda data: data.bytes_sent,
    ),
    BigQueryExportSensorDescription(
        key="rows_per_second",
        translation_key="rows_per_second",
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda data: _rounded(data.rows_per_second, 1),
    ),
)
_BACKFILL: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="backfill_progress",
        translation_key="backfill_progress",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=_backfill(lambda backfill: round(backfill.percent, 1), done=100.0),
    ),
    BigQueryExportSensorDescription(
        key="backfill_rows_done",
        translation_key="backfill_rows_done",
        entity_registry_enabled_default=False,
        value_fn=_backfill(lambda backfill: backfill.rows_done),
    ),
    BigQueryExportSensorDescription(
        key="backfill_rows_left",
        translation_key="backfill_rows_left",
        entity_registry_enabled_default=False,
        value_fn=_backfill(lambda backfill: backfill.rows_left, done=0),
    ),
    BigQueryExportSensorDescription(
        key="backfill_time_left",
        translation_key="backfill_time_left",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
        value_fn=_backfill(lambda backfill: _rounded(backfill.seconds_left), done=0),
    ),
)
_RESTORE: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="restore_progress",
        translation_key="restore_progress",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda data: round(data.restored, 1),
    ),
)
_ERRORS = tuple(
    BigQueryExportSensorDescription(
        key=f"errors_{kind}",
        translation_key=f"errors_{kind}",
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=partial(_errors, kind),
    )
    for kind in ErrorKind
)
"""Exports that failed since Home Assistant started; a monitor counts the increase."""
_PHASES = tuple(
    BigQueryExportSensorDescription(
        key=f"seconds_{phase}",
        translation_key=f"seconds_{phase}",
        device_class=SensorDeviceClass.DURATION,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=1,
        value_fn=partial(_seconds, phase),
    )
    for phase in Phase
)
"""Seconds that exports spent with what since then."""
SENSORS = (*_EXPORTS, *_ROWS, *_BACKFILL, *_RESTORE, *_ERRORS, *_PHASES)
QUERY_SENSORS: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="query_bytes",
        translation_key="query_bytes",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.MEBIBYTES,
        value_fn=lambda data: data.queries_billed,
        is_monthly=True,
    ),
    BigQueryExportSensorDescription(
        key="query_cost",
        translation_key="query_cost",
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement="USD",
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        value_fn=lambda data: round(price(data.queries_billed), 6),
        is_monthly=True,
    ),
)
"""Those that there are where queries are switched on."""
LIVE_SENSORS: tuple[BigQueryExportSensorDescription, ...] = (
    BigQueryExportSensorDescription(
        key="delay",
        translation_key="delay",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda data: _rounded(data.delay, 1),
    ),
)
"""Those that there are where exports are live."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BigQueryExportConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of a config entry."""
    runtime_data = entry.runtime_data
    runner = runtime_data.runner
    descriptions = (
        *SENSORS,
        *(QUERY_SENSORS if runner.queries.is_on else ()),
        *(LIVE_SENSORS if runner.live.is_on else ()),
    )
    async_add_entities(
        BigQueryExportSensor(runtime_data.coordinator, description) for description in descriptions
    )
    for subentry in entry.get_subentries_of_type(SavedQueryType.SENSOR):
        async_add_entities(
            [QuerySensor(runtime_data.after_exports, subentry)],
            config_subentry_id=subentry.subentry_id,
        )
    for copy in runner.copies.all:
        async_add_entities(
            [CopySensor(runner.copies, copy, description) for description in COPY_SENSORS],
            config_subentry_id=copy.copy.subentry_id,
        )


class BigQueryExportSensor(BigQueryExportEntity, SensorEntity):
    """A sensor that shows one part of the status."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    entity_description: BigQueryExportSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the part of the status that this sensor shows."""
        return self.entity_description.value_fn(self.coordinator.data)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return when this month began, for a sensor that begins at 0 then."""
        if not self.entity_description.is_monthly:
            return None
        return dt_util.start_of_local_day(dt_util.now().replace(day=1))
