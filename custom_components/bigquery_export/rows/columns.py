"""Columns that several tables have, and how they are computed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from astral import Observer
from astral.sun import elevation

from .table import Column, ColumnType, Mode, Scope, timestamp

type Values = Mapping[str, Any]

EXPORT_TIMESTAMP = Column(
    "export_timestamp",
    ColumnType.TIMESTAMP,
    Scope.RUN,
    "When the export began that sent this row, and after every earlier export, even if the home's"
    " clock was wrong",
    default_now=True,
)
SOURCE = Column(
    "source",
    ColumnType.STRING,
    Scope.RUN,
    "Id of the Home Assistant installation",
    Mode.REQUIRED,
)
EXPORT_ID = Column(
    "export_id", ColumnType.STRING, Scope.RUN, "The export that sent this row", Mode.REQUIRED
)
RUN_ID = Column(
    "run_id",
    ColumnType.INT64,
    Scope.ROW,
    "The recorder's id of the row: neither an order nor unique for ever",
)

REGISTRY_COLUMNS = (
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
)
"""Columns with the registry values of an entity."""

_SEASONS = ("winter", "spring", "summer", "autumn")
_HORIZON = -0.833
"""Elevation of the sun's centre at sunrise and sunset, in degrees, without refraction."""


def local_time_columns(of: str) -> tuple[Column, ...]:
    """Return columns with the local time and the daylight at the time of a column."""
    return (
        Column(
            "local_time",
            ColumnType.DATETIME,
            Scope.ROW,
            f"{of} as a clock in the home showed it",
        ),
        Column("hour_of_day", ColumnType.INT64, Scope.QUARTER, "Local hour, 0 to 23"),
        Column(
            "day_of_week", ColumnType.INT64, Scope.QUARTER, "Local day, 1 (Monday) to 7 (Sunday)"
        ),
        Column("month", ColumnType.INT64, Scope.QUARTER, "Local month, 1 to 12"),
        Column("is_weekend", ColumnType.BOOL, Scope.QUARTER, "Saturday or Sunday, local"),
        Column(
            "is_daylight",
            ColumnType.BOOL,
            Scope.QUARTER,
            "Whether the sun stood above the home's horizon at the beginning of the quarter of an"
            " hour",
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
    )


def run_values(*, source: str, export_id: str, started: datetime) -> Values:
    """Return the values that all rows of a run share."""
    return {
        "export_timestamp": timestamp(started),
        "source": source,
        "export_id": export_id,
    }


def quarter_values(local: datetime, home: Observer) -> Values:
    """Return the values that all rows of a quarter of an hour share; `local` is its start."""
    return {
        "hour_of_day": local.hour,
        "day_of_week": local.isoweekday(),
        "month": local.month,
        "is_weekend": local.isoweekday() >= 6,
        # In local time, astral takes the date of the home and the hour of UTC.
        "is_daylight": elevation(home, local.astimezone(UTC), with_refraction=False) > _HORIZON,
        "time_of_day": time_of_day(local.hour),
        "season": season(local.month, northern=home.latitude >= 0),
    }


def time_of_day(hour: int) -> str:
    """Return the name of the part of the day that a local hour belongs to."""
    if hour < 6 or hour >= 22:
        return "night"
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 18 else "evening"


def season(month: int, *, northern: bool) -> str:
    """Return the name of the meteorological season that a month belongs to."""
    quarter_of_year = month % 12 // 3
    return _SEASONS[quarter_of_year if northern else (quarter_of_year + 2) % 4]
