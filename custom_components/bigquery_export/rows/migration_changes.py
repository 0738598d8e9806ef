"""The table `migration_changes`: which migrations of its data the recorder has done."""

from .dimension_table import NOTICED, dimension_table, validity
from .table import Column, ColumnType, Mode, Scope

MIGRATION_CHANGES = dimension_table(
    name="migration_changes",
    description="Which migrations of its data the recorder has done: a row for each change",
    about="migration_id",
    cluster_by=("source",),
    columns=(
        Column(
            "migration_id",
            ColumnType.STRING,
            Scope.ENTITY,
            "The recorder's name of the migration",
            Mode.REQUIRED,
        ),
        Column(
            "version",
            ColumnType.INT64,
            Scope.ENTITY,
            "The version of the migration that was done last",
        ),
        *validity(NOTICED),
    ),
)
