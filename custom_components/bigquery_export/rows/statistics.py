"""The tables `statistics` and `statistics_short_term`: their columns and how they are computed.

Each scope has one function, which returns the values of all its columns by name.
"""

from datetime import timedelta
import math

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.core import valid_entity_id

from ..source.statistics import Statistic
from .columns import (
    EXPORT_ID,
    EXPORT_TIMESTAMP,
    REGISTRY_COLUMNS,
    SOURCE,
    Values,
    local_time_columns,
)
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table

_COLUMNS = (
    Column(
        "statistic_id",
        ColumnType.STRING,
        Scope.ENTITY,
        "Id of the statistic: of the entity, or of what an integration brought in",
        Mode.REQUIRED,
    ),
    Column(
        "statistic_source",
        ColumnType.STRING,
        Scope.ENTITY,
        "recorder, or the integration that brought it in",
    ),
    Column("name", ColumnType.STRING, Scope.ENTITY, "Name of a statistic that is of no entity"),
    Column(
        "unit_of_measurement",
        ColumnType.STRING,
        Scope.ENTITY,
        "Unit of mean, min, max, state and sum when the row was exported",
    ),
    Column(
        "unit_class",
        ColumnType.STRING,
        Scope.ENTITY,
        "What the unit measures, if Home Assistant can convert it: energy, temperature ...",
    ),
    Column(
        "mean_type",
        ColumnType.STRING,
        Scope.ENTITY,
        "What the mean is: arithmetic, circular (of angles), or none",
    ),
    Column("has_sum", ColumnType.BOOL, Scope.ENTITY, "Whether the statistic has a sum"),
    Column(
        "start", ColumnType.TIMESTAMP, Scope.ROW, "When the period of the row began", Mode.REQUIRED
    ),
    Column("end", ColumnType.TIMESTAMP, Scope.ROW, "When the period of the row ended"),
    Column("mean", ColumnType.FLOAT64, Scope.ROW, "Mean over the period, weighted by time"),
    Column(
        "mean_weight",
        ColumnType.FLOAT64,
        Scope.ROW,
        "How much a circular mean counts beside those of other periods",
    ),
    Column("min", ColumnType.FLOAT64, Scope.ROW, "Smallest value in the period"),
    Column("max", ColumnType.FLOAT64, Scope.ROW, "Largest value in the period"),
    Column(
        "last_reset",
        ColumnType.TIMESTAMP,
        Scope.ROW,
        "When a meter that is reset was last reset before the end of the period",
    ),
    Column("state", ColumnType.FLOAT64, Scope.ROW, "Last value in the period, of a meter"),
    Column(
        "sum",
        ColumnType.FLOAT64,
        Scope.ROW,
        "How much a meter has grown since its first statistic, whatever resets there were",
    ),
    Column("created", ColumnType.TIMESTAMP, Scope.ROW, "When the recorder first wrote the row"),
    Column(
        "deleted",
        ColumnType.BOOL,
        Scope.ROW,
        "Whether Home Assistant has deleted this statistic of this period since",
    ),
    Column(
        "domain",
        ColumnType.STRING,
        Scope.ENTITY,
        "The part of statistic_id before the dot, where it is an entity's",
    ),
    *REGISTRY_COLUMNS,
    *local_time_columns("start"),
    SOURCE,
    Column(
        "id",
        ColumnType.INT64,
        Scope.ROW,
        "The recorder's id of the row: neither an order nor unique for ever",
    ),
    EXPORT_ID,
    EXPORT_TIMESTAMP,
)

_VERSIONS = (
    *("statistic_source", "name", "unit_of_measurement", "unit_class", "mean_type", "has_sum"),
    *("mean", "mean_weight", "min", "max", "last_reset", "state", "sum", "created"),
)
"""What digests are of (export/corrections/digests.py)."""

STATISTICS = Table(
    name="statistics",
    description="Long-term statistics, one row for each statistic and hour",
    partition_by="start",
    cluster_by=("statistic_id", "source"),
    columns=_COLUMNS,
    id="id",
    identity=("statistic_id", "start"),
    versions=_VERSIONS,
    partition_unit=PartitionUnit.MONTH,
)
STATISTICS_SHORT_TERM = Table(
    name="statistics_short_term",
    description="Short-term statistics, one row for each statistic and five minutes",
    partition_by="start",
    cluster_by=("statistic_id", "source"),
    columns=_COLUMNS,
    id="id",
    identity=("statistic_id", "start"),
    versions=_VERSIONS,
    expires=True,
)

HOUR = timedelta(hours=1)
FIVE_MINUTES = timedelta(minutes=5)


def statistic_values(statistic: Statistic) -> Values:
    """Return the values that all rows of a statistic share."""
    statistic_id = statistic.statistic_id
    return {
        "statistic_id": statistic_id,
        "statistic_source": statistic.source,
        "name": statistic.name,
        "unit_of_measurement": statistic.unit_of_measurement,
        "unit_class": statistic.unit_class,
        "mean_type": mean_type(statistic.mean_type),
        "has_sum": statistic.has_sum,
        "domain": statistic_id.partition(".")[0] if valid_entity_id(statistic_id) else None,
    }


def mean_type(number: int | None) -> str | None:
    """Return the name of a `StatisticMeanType`; one that is not known stays a number."""
    try:
        return None if number is None else StatisticMeanType(number).name.lower()
    except ValueError:
        return str(number)


def finite(number: float | None) -> float | None:
    """Return a number, or None in place of NaN and the infinities.

    SQLite stores NaN as NULL, and MariaDB accepts neither NaN nor infinities. So all databases
    give the same rows.
    """
    return number if number is not None and math.isfinite(number) else None
