"""The table `daily_statistics`: one row for each statistic and day of the home's clock."""

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, REGISTRY_COLUMNS, SOURCE
from .statistics import STATISTICS
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table


def _same(*names: str) -> list[Column]:
    """Return columns that the table `statistics` has, too."""
    columns = {column.name: column for column in STATISTICS.columns}
    return [columns[name] for name in names]


DAILY_STATISTICS = Table(
    name="daily_statistics",
    description="Statistics by the day, one row for each statistic and day of the home's clock",
    partition_by="start",
    cluster_by=("statistic_id", "source"),
    columns=(
        *_same("statistic_id", "statistic_source", "name", "unit_of_measurement", "unit_class"),
        *_same("mean_type", "has_sum"),
        Column(
            "start",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When the day began in the home",
            Mode.REQUIRED,
        ),
        Column(
            "end",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When the day ended in the home: 23 or 25 hours later where clocks are changed",
        ),
        Column("date", ColumnType.DATE, Scope.ROW, "The day by the home's clock"),
        Column(
            "mean",
            ColumnType.FLOAT64,
            Scope.ROW,
            "Mean of the hours of the day, as Home Assistant shows it",
        ),
        Column("min", ColumnType.FLOAT64, Scope.ROW, "Smallest value of the day"),
        Column("max", ColumnType.FLOAT64, Scope.ROW, "Largest value of the day"),
        Column(
            "last_reset",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When a meter that is reset was last reset before the end of the day",
        ),
        Column("state", ColumnType.FLOAT64, Scope.ROW, "Last value of the day, of a meter"),
        Column(
            "sum",
            ColumnType.FLOAT64,
            Scope.ROW,
            "How much a meter has grown from its first statistic to the end of the day",
        ),
        Column(
            "change",
            ColumnType.FLOAT64,
            Scope.ROW,
            "How much a meter has grown since its last statistic before the day: what the Energy"
            " dashboard shows of it",
        ),
        Column(
            "deleted",
            ColumnType.BOOL,
            Scope.ROW,
            "Whether earlier rows of this statistic between start and end are no longer so",
        ),
        *_same("domain"),
        *REGISTRY_COLUMNS,
        SOURCE,
        Column(
            "generation",
            ColumnType.INT64,
            Scope.ROW,
            "The transaction that sent the row; later ones have higher numbers",
        ),
        EXPORT_ID,
        EXPORT_TIMESTAMP,
    ),
    id="generation",
    identity=("statistic_id", "start"),
    partition_unit=PartitionUnit.MONTH,
)
