"""The table `export_log`, one row per committed chunk: the audit trail of all exports."""

from .table import Column, ColumnType, Mode, Scope, Table

EXPORT_LOG = Table(
    name="export_log",
    description="What was exported when: one row for each transaction",
    partition_by="finished",
    cluster_by=("source", "table_name"),
    columns=(
        Column("export_id", ColumnType.STRING, Scope.ROW, "The export", Mode.REQUIRED),
        Column(
            "source",
            ColumnType.STRING,
            Scope.ROW,
            "Id of the Home Assistant installation",
            Mode.REQUIRED,
        ),
        Column(
            "table_name", ColumnType.STRING, Scope.ROW, "The table that got the rows", Mode.REQUIRED
        ),
        Column(
            "trigger",
            ColumnType.STRING,
            Scope.ROW,
            "What began it: action, schedule, retention (before rows are purged), retry_rejected,"
            " force (rows that BigQuery had lost) or correction",
        ),
        Column("first_id", ColumnType.INT64, Scope.ROW, "The recorder's id of the first row"),
        Column("last_id", ColumnType.INT64, Scope.ROW, "The recorder's id of the last row"),
        Column("first_time", ColumnType.TIMESTAMP, Scope.ROW, "The earliest last_updated"),
        Column("last_time", ColumnType.TIMESTAMP, Scope.ROW, "The latest last_updated"),
        Column("row_count", ColumnType.INT64, Scope.ROW, "Rows sent"),
        Column("byte_count", ColumnType.INT64, Scope.ROW, "Bytes of the rows"),
        Column("rejected", ColumnType.INT64, Scope.ROW, "Rows that could not be sent"),
        Column("started", ColumnType.TIMESTAMP, Scope.ROW, "When the transaction began"),
        Column(
            "finished",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When all rows had been sent, just before the commit",
            Mode.REQUIRED,
        ),
        Column("home_assistant_version", ColumnType.STRING, Scope.ROW, "Version of Home Assistant"),
        Column("integration_version", ColumnType.STRING, Scope.ROW, "Version of this integration"),
    ),
)
