"""The table `schema_changes`: when the recorder's database was migrated."""

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, SOURCE
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table

SCHEMA_CHANGES = Table(
    name="schema_changes",
    description="When Home Assistant migrated the recorder's database to another version",
    partition_by="changed",
    cluster_by=("source",),
    columns=(
        Column(
            "changed",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When the database had this version",
            Mode.REQUIRED,
        ),
        Column(
            "schema_version", ColumnType.INT64, Scope.ROW, "The version of the recorder's schema"
        ),
        SOURCE,
        Column(
            "change_id",
            ColumnType.INT64,
            Scope.ROW,
            "The recorder's id of the row: neither an order nor unique for ever",
        ),
        EXPORT_ID,
        EXPORT_TIMESTAMP,
    ),
    id="change_id",
    identity=("source", "changed"),
    partition_unit=PartitionUnit.MONTH,
)
