"""The table `sensor_data`, one row per recorded state: its columns and how they are computed.

Each scope has one function, which returns the values of all its columns by name.
"""

from collections.abc import Mapping
from datetime import datetime
import math
from typing import Any

from astral import Observer
from astral.sun import elevation
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_FRIENDLY_NAME,
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
import orjson

from .tables import Column, ColumnType, Mode, Scope, Table, timestamp

type Values = Mapping[str, Any]

_COLUMNS = (
    Column("entity_id", ColumnType.STRING, Scope.ENTITY, "Id of the entity", Mode.REQUIRED),
    Column(
        "state",
        ColumnType.STRING,
        Scope.ROW,
        "The state word for word; NULL when the entity was removed",
    ),
    Column(
        "attributes",
        ColumnType.JSON,
        Scope.ATTRIBUTES,
        "The attributes that the recorder kept",
    ),
    Column(
        "last_changed",
        ColumnType.TIMESTAMP,
        Scope.ROW,
        "When the state last became another one",
        Mode.REQUIRED,
    ),
    Column(
        "last_updated",
        ColumnType.TIMESTAMP,
        Scope.ROW,
        "When this row was written: the state or an attribute became another one",
        Mode.REQUIRED,
    ),
    Column("context_id", ColumnType.STRING, Scope.ROW, "What caused the change (a ULID)"),
    Column("context_user_id", ColumnType.STRING, Scope.ROW, "The user who caused it"),
    Column("domain", ColumnType.STRING, Scope.ENTITY, "The part of entity_id before the dot"),
    Column(
        "friendly_name",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "The entity's name when the state was written",
    ),
    Column(
        "unit_of_measurement",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "The state's unit when the state was written",
    ),
    Column(
        "export_timestamp",
        ColumnType.TIMESTAMP,
        Scope.RUN,
        "When the export began that sent this row",
        default="CURRENT_TIMESTAMP()",
    ),
    Column("context_parent_id", ColumnType.STRING, Scope.ROW, "What caused the cause (a ULID)"),
    Column(
        "state_numeric",
        ColumnType.FLOAT64,
        Scope.ROW,
        "The state as a finite number, if it is one",
    ),
    Column(
        "state_changed",
        ColumnType.BOOL,
        Scope.ROW,
        "Whether the state itself became another one, and not only an attribute",
    ),
    Column(
        "is_available",
        ColumnType.BOOL,
        Scope.ROW,
        "Whether the state is neither NULL nor unavailable nor unknown",
    ),
    Column("device_class", ColumnType.STRING, Scope.ATTRIBUTES, "What the entity measures or is"),
    Column(
        "state_class",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "How a sensor's numbers add up: measurement, total or total_increasing",
    ),
    Column("integration", ColumnType.STRING, Scope.ENTITY, "The integration behind the entity"),
    Column("entity_category", ColumnType.STRING, Scope.ENTITY, "config or diagnostic"),
    Column("unique_id", ColumnType.STRING, Scope.ENTITY, "The integration's id of the entity"),
    Column(
        "registry_id",
        ColumnType.STRING,
        Scope.ENTITY,
        "The entity registry's id: it survives renames",
    ),
    Column("device_id", ColumnType.STRING, Scope.ENTITY, "Id of the entity's device"),
    Column("device_name", ColumnType.STRING, Scope.ENTITY, "Name of the device, the user's first"),
    Column("manufacturer", ColumnType.STRING, Scope.ENTITY, "The device's manufacturer"),
    Column("model", ColumnType.STRING, Scope.ENTITY, "The device's model"),
    Column(
        "via_device_id",
        ColumnType.STRING,
        Scope.ENTITY,
        "The device that this one connects through",
    ),
    Column("area_id", ColumnType.STRING, Scope.ENTITY, "The entity's area, else its device's"),
    Column("area_name", ColumnType.STRING, Scope.ENTITY, "Name of the area"),
    Column("floor_id", ColumnType.STRING, Scope.ENTITY, "The area's floor"),
    Column("floor_name", ColumnType.STRING, Scope.ENTITY, "Name of the floor"),
    Column(
        "labels",
        ColumnType.STRING,
        Scope.ENTITY,
        "Names of the labels of the entity, its device and its area",
        Mode.REPEATED,
    ),
    Column(
        "local_time",
        ColumnType.DATETIME,
        Scope.ROW,
        "last_updated as a clock in the home showed it",
    ),
    Column("hour_of_day", ColumnType.INT64, Scope.QUARTER, "Local hour, 0 to 23"),
    Column("day_of_week", ColumnType.INT64, Scope.QUARTER, "Local day, 1 (Monday) to 7 (Sunday)"),
    Column("month", ColumnType.INT64, Scope.QUARTER, "Local month, 1 to 12"),
    Column("is_weekend", ColumnType.BOOL, Scope.QUARTER, "Saturday or Sunday, local"),
    Column(
        "is_daylight",
        ColumnType.BOOL,
        Scope.QUARTER,
        "Whether the sun stood above the home's horizon at the beginning of the quarter of an hour",
    ),
    Column(
        "time_of_day",
        ColumnType.STRING,
        Scope.QUARTER,
        "night, morning (from 6), afternoon (from 12) or evening (from 18 to 22), local",
    ),
    Column(
        "season",
        ColumnType.STRING,
        Scope.QUARTER,
        "spring, summer, autumn or winter by local month and the home's hemisphere",
    ),
    Column(
        "source",
        ColumnType.STRING,
        Scope.RUN,
        "Id of the Home Assistant installation",
        Mode.REQUIRED,
    ),
    Column(
        "state_id",
        ColumnType.INT64,
        Scope.ROW,
        "The recorder's id of the row: neither an order nor unique for ever",
    ),
    Column(
        "export_id", ColumnType.STRING, Scope.RUN, "The export that sent this row", Mode.REQUIRED
    ),
)

SENSOR_DATA = Table(
    name="sensor_data",
    description="Every state that Home Assistant's recorder kept, one row each",
    partition_by="last_changed",
    cluster_by=("entity_id", "domain"),
    columns=_COLUMNS,
)

_UNAVAILABLE = (None, STATE_UNAVAILABLE, STATE_UNKNOWN)
_ATTRIBUTE_COLUMNS = (
    ATTR_FRIENDLY_NAME,
    ATTR_UNIT_OF_MEASUREMENT,
    ATTR_DEVICE_CLASS,
    "state_class",
)
_SEASONS = ("winter", "spring", "summer", "autumn")
_HORIZON = -0.833
"""Elevation of the sun's centre at sunrise and sunset, in degrees, without refraction."""


def run_values(*, source: str, export_id: str, started: datetime) -> Values:
    """Return the values that all rows of a run share."""
    return {
        "export_timestamp": timestamp(started),
        "source": source,
        "export_id": export_id,
    }


def entity_values(entity_id: str) -> Values:
    """Return the values that all rows of an entity share."""
    return {"entity_id": entity_id, "domain": entity_id.partition(".")[0]}


def attributes_values(text: str | None) -> Values:
    """Return the values that all rows with the same attributes share.

    Raises ValueError when the text is not a JSON object.
    """
    if text is None:
        return {}
    try:
        attributes = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise ValueError(f"its attributes are not JSON: {err}") from err
    if not isinstance(attributes, dict):
        raise ValueError("its attributes are not a JSON object")
    return {"attributes": text} | {
        name: _as_text(attributes.get(name)) for name in _ATTRIBUTE_COLUMNS
    }


def _as_text(value: object) -> str | None:
    """Return what an attribute says, whatever type an integration gave it."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def quarter_values(local: datetime, home: Observer) -> Values:
    """Return the values that all rows of a quarter of an hour share, by its local beginning."""
    return {
        "hour_of_day": local.hour,
        "day_of_week": local.isoweekday(),
        "month": local.month,
        "is_weekend": local.isoweekday() >= 6,
        "is_daylight": elevation(home, local, with_refraction=False) > _HORIZON,
        "time_of_day": time_of_day(local.hour),
        "season": season(local.month, northern=home.latitude >= 0),
    }


def time_of_day(hour: int) -> str:
    """Name the part of the day that a local hour belongs to."""
    if hour < 6 or hour >= 22:
        return "night"
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 18 else "evening"


def season(month: int, *, northern: bool) -> str:
    """Name the meteorological season that a month belongs to."""
    quarter_of_year = month % 12 // 3
    return _SEASONS[quarter_of_year if northern else (quarter_of_year + 2) % 4]


def state_numeric(state: str | None) -> float | None:
    """Return a state as a finite number, or None.

    Python reads more than a number as one: `nan`, `inf`, `1_000` and digits of other scripts.
    """
    if state is None:
        return None
    try:
        number = float(state)
    except ValueError:
        return None
    if not math.isfinite(number) or "_" in state or not state.isascii():
        return None
    return number


def is_available(state: str | None) -> bool:
    """Return whether a state says something about the world."""
    return state not in _UNAVAILABLE
