"""SQL of the names and types of tables: one declaration makes those of BigQuery and these."""

from collections.abc import Iterable

from psycopg.sql import SQL, Composed, Identifier

from ...rows.table import Column, ColumnType, Mode

FENCE = "export_fence"
LABEL = "label"
"""The column of the export log with the name of the transaction, which is there once."""
TYPES = {
    ColumnType.BOOL: "boolean",
    ColumnType.DATE: "date",
    ColumnType.DATETIME: "timestamp without time zone",
    ColumnType.FLOAT64: "double precision",
    ColumnType.INT64: "bigint",
    ColumnType.JSON: "jsonb",
    ColumnType.STRING: "text",
    ColumnType.TIMESTAMP: "timestamp with time zone",
}
"""PostgreSQL's names of types, as `format_type` writes them."""


def type_of(column: Column) -> str:
    """Return the type of a column."""
    return TYPES[column.type] + ("[]" if column.mode is Mode.REPEATED else "")


def column_list(columns: Iterable[Column]) -> Composed:
    """Return the names of columns with commas between them."""
    return SQL(", ").join(Identifier(column.name) for column in columns)
