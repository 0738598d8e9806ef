"""What dimension tables have in common: a row for each change of what they are about."""

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, SOURCE
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table

CHANGED = "when something of it was last changed, or when the export began that noticed"
NOTICED = "when the export began that noticed"
"""Since when a row holds."""
_GENERATION = Column(
    "generation",
    ColumnType.INT64,
    Scope.ROW,
    "The snapshot that found the change; later ones have higher numbers",
)


def dimension_table(
    *,
    name: str,
    description: str,
    about: str,
    cluster_by: tuple[str, ...],
    columns: tuple[Column, ...],
    added: tuple[Column, ...] = (),
    key: str = "",
) -> Table:
    """Return a table whose rows are known by the column `about`, and the time from which they hold.

    `columns` are its own, with those of `validity` among them; `added` came with later versions,
    and stand at the end. `key` is the column of what a row is about, if that is not `about`.
    """
    return Table(
        name=name,
        description=description,
        partition_by="valid_from",
        cluster_by=cluster_by,
        columns=(*columns, SOURCE, _GENERATION, EXPORT_ID, EXPORT_TIMESTAMP, *added),
        id=_GENERATION.name,
        identity=(about, "valid_from"),
        partition_unit=PartitionUnit.MONTH,
        key=("source", key or about),
    )


def validity(since: str, thing: str = "") -> tuple[Column, Column]:
    """Return the columns that say since when a row holds, and whether the thing is gone."""
    gone = "Whether it is so no longer"
    if thing:
        gone = f"Whether the {thing} is gone; then the other columns say what was known last"
    return (
        Column(
            "valid_from",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            f"Since when it is so: {since}",
            Mode.REQUIRED,
        ),
        Column("removed", ColumnType.BOOL, Scope.ROW, gone, Mode.REQUIRED),
    )
