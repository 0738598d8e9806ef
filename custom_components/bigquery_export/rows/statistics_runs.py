"""The table `statistics_runs`: which five minutes the recorder has made statistics of."""

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, RUN_ID, SOURCE
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table

STATISTICS_RUNS = Table(
    name="statistics_runs",
    description="Of which five minutes Home Assistant has made statistics, one row each",
    partition_by="start",
    cluster_by=("source",),
    columns=(
        Column(
            "start", ColumnType.TIMESTAMP, Scope.ROW, "When the five minutes began", Mode.REQUIRED
        ),
        SOURCE,
        RUN_ID,
        EXPORT_ID,
        EXPORT_TIMESTAMP,
    ),
    id="run_id",
    identity=("source", "start"),
    partition_unit=PartitionUnit.MONTH,
)
