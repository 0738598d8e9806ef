"""Rows of BigQuery and of a copy in a form in which equal ones are equal."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
import json
from typing import Any

from custom_components.bigquery_export.rows.integrations import STATE_NUMBER
from custom_components.bigquery_export.rows.table import EPOCH, Column, ColumnType, Mode, timestamp

OF_AN_EXPORT = {"export_id", "export_timestamp", "generation", "valid_from", STATE_NUMBER}
"""Columns that an export gives its rows: each says when it noticed what has no time of its own."""


def compared(columns: Iterable[Column]) -> list[Column]:
    """Return the columns that two exports of the same rows have in common."""
    return [column for column in columns if column.name not in OF_AN_EXPORT]


def as_sent(column: Column) -> str:
    """Return what asks BigQuery for a column."""
    as_json = column.type is ColumnType.JSON or column.mode is Mode.REPEATED
    return f"TO_JSON_STRING({column.name}) AS {column.name}" if as_json else f"`{column.name}`"


def comparable_row(row: Mapping[str, Any], columns: Iterable[Column]) -> str:
    """Return a row as one text."""
    values = [comparable(row[column.name], column) for column in columns]
    return json.dumps(values, sort_keys=True)


def comparable(value: Any, column: Column) -> Any:
    """Return a value as both databases have it."""
    match value:
        case None | []:
            return None
        case datetime() if column.type is ColumnType.TIMESTAMP:
            return timestamp(value)
        case _ if column.type is ColumnType.TIMESTAMP:
            return int(value)
        case datetime():
            return value.isoformat()
        case str() if column.type is ColumnType.DATETIME:
            return datetime.fromisoformat(value).isoformat()
        case str() if column.type is ColumnType.JSON or column.mode is Mode.REPEATED:
            return json.loads(value, parse_float=_without_sign_of_zero)
        case date():
            return str(value)
        case int() if column.type is ColumnType.DATE:
            return str((EPOCH + timedelta(days=value)).date())
        case str() if column.type is ColumnType.INT64:
            return int(value)
        case str() if column.type is ColumnType.FLOAT64:
            return float(value)
        case str() if column.type is ColumnType.BOOL:
            return value == "true"
        case _:
            return value


def _without_sign_of_zero(text: str) -> float:
    """Return a number of JSON as PostgreSQL's jsonb keeps it, in which there is no -0.0."""
    return float(text) + 0.0
