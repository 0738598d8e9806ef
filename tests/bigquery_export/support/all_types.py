"""A table with one column of each type, and a row of it."""

from custom_components.bigquery_export.rows.table import Column, ColumnType, Mode, Scope, Table

TABLE = Table(
    name="all_types",
    description="One column of each type",
    partition_by="timestamp",
    cluster_by=(),
    columns=(
        *(Column(type_.lower(), type_, Scope.ROW, "A value") for type_ in ColumnType),
        Column("many", ColumnType.STRING, Scope.ROW, "Values", Mode.REPEATED),
        Column("required", ColumnType.STRING, Scope.ROW, "A value", Mode.REQUIRED),
    ),
)
VALUES = {
    "bool": False,
    "date": -1,
    "datetime": "2026-11-21 07:45:00.000001",
    "float64": 0.1,
    "int64": -(2**63),
    "json": "{}",
    "string": "a\0\U0001f600",
    "timestamp": 4_102_444_800_000_000,
    "many": ["a", "b"],
    "required": "",
}
