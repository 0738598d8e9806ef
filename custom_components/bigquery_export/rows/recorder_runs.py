"""The table `recorder_runs`: the spans of time in which the recorder was recording."""

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, RUN_ID, SOURCE
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table

RECORDER_RUNS = Table(
    name="recorder_runs",
    description="When Home Assistant was recording: what is not in a run is a gap in the data",
    partition_by="start",
    cluster_by=("source",),
    columns=(
        Column("start", ColumnType.TIMESTAMP, Scope.ROW, "When the recording began", Mode.REQUIRED),
        Column(
            "end",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When it ended; after a crash, when the next one began",
        ),
        Column(
            "closed_incorrect",
            ColumnType.BOOL,
            Scope.ROW,
            "Whether Home Assistant ended without saying so, and somewhere before `end`",
        ),
        Column("created", ColumnType.TIMESTAMP, Scope.ROW, "When the recorder wrote the row"),
        SOURCE,
        RUN_ID,
        EXPORT_ID,
        EXPORT_TIMESTAMP,
    ),
    id="run_id",
    identity=("source", "start"),
    partition_unit=PartitionUnit.MONTH,
)
