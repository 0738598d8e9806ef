"""The schema of a table for `bq load`, as JSON."""

from dataclasses import replace
import json

from ..rows.table import Column, ColumnType, Mode, Table

SCHEMA_SUFFIX = ".schema.json"


def schema_json(table: Table) -> bytes:
    """Return the columns as BigQuery's page "Specifying a schema" wants them in a JSON file."""
    fields = [
        {
            "name": column.name,
            "type": column.type,
            "mode": column.mode,
            "description": column.description,
        }
        for column in table.columns
    ]
    return json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n"


def with_json_as_text(table: Table) -> Table:
    """Return a table as BigQuery loads it from Parquet.

    It loads JSON from CSV, newline-delimited JSON and Avro (its page "Working with JSON data"); a
    load job of Parquet whose schema has JSON fails with "Unsupported field type: JSON".
    """
    return replace(table, columns=tuple(map(_json_as_text, table.columns)))


def with_repeated_as_json(table: Table) -> Table:
    """Return a table as BigQuery loads it from CSV.

    CSV has no repeated values (its page "Loading CSV data from Cloud Storage").
    """
    return replace(table, columns=tuple(map(_repeated_as_json, table.columns)))


def _json_as_text(column: Column) -> Column:
    return replace(column, type=ColumnType.STRING) if column.type is ColumnType.JSON else column


def _repeated_as_json(column: Column) -> Column:
    if column.mode is Mode.REPEATED:
        return replace(column, type=ColumnType.JSON, mode=Mode.NULLABLE)
    return column
