"""Write the pages that follow from declarations: `python -m tests.documentation`."""

from pathlib import Path

from custom_components.bigquery_export.export.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.export.tables import Column, Mode, Table

TABLES = Path(__file__).parents[1] / "docs" / "tables.md"
_SCOPES = """\
A column's scope says how long its value holds: for the *run*, the *entity*, the *attributes*
(which many rows share), a *quarter* of an hour, or the *row* alone."""


def tables_page() -> str:
    """Return `docs/tables.md`."""
    parts = [
        "# Tables",
        "Written by `python -m tests.documentation` from the declaration of the tables.",
        _SCOPES,
        _table(SENSOR_DATA),
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    cluster = ", ".join(f"`{name}`" for name in table.cluster_by)
    head = (
        f"## {table.name}\n\n{table.description}.\n"
        f"Partitioned by the day of `{table.partition_by}` (UTC), clustered by {cluster}.\n\n"
        "| column | type | scope | meaning |\n|---|---|---|---|\n"
    )
    return head + "\n".join(map(_column, table.columns))


def _column(column: Column) -> str:
    kind = {
        Mode.NULLABLE: str(column.type),
        Mode.REQUIRED: f"{column.type} NOT NULL",
        Mode.REPEATED: f"ARRAY<{column.type}>",
    }[column.mode]
    return f"| `{column.name}` | {kind} | {column.scope} | {column.description} |"


if __name__ == "__main__":
    TABLES.write_text(tables_page())
