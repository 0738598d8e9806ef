"""Columns of a table as the REST API declares them, and what BigQuery accepts of a declaration.

Sources: schemas (names, modes, adding and relaxing columns), creating-partitioned-tables,
creating-clustered-tables, managing-table-schemas, rest/v2/tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import re
from typing import Any

from .errors import invalid

type Json = dict[str, Any]

_STANDARD_TYPES = {
    "INTEGER": "INT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "RECORD": "STRUCT",
}
_REST_TYPES = {standard: rest for rest, standard in _STANDARD_TYPES.items()}
_TYPES = frozenset(
    {
        *("INT64", "FLOAT64", "BOOL", "STRING", "BYTES", "DATE", "TIME", "DATETIME", "TIMESTAMP"),
        *("JSON", "NUMERIC", "BIGNUMERIC", "GEOGRAPHY", "INTERVAL"),
    }
)
_PARTITION_TYPES = frozenset({"DATE", "DATETIME", "TIMESTAMP"})
_PARTITION_UNITS = frozenset({"HOUR", "DAY", "MONTH", "YEAR"})
_CLUSTER_TYPES = frozenset(
    {
        *("BIGNUMERIC", "BOOL", "DATE", "DATETIME", "GEOGRAPHY", "INT64", "NUMERIC"),
        *("STRING", "TIMESTAMP"),
    }
)
_MODES = frozenset({"NULLABLE", "REQUIRED", "REPEATED"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED_PREFIXES = (
    *("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier"),
    "_change_",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `type` is the name that GoogleSQL uses."""

    name: str
    type: str
    mode: str = "NULLABLE"
    default: str | None = None

    @property
    def key(self) -> str:
        """The name by which columns are told apart: their case does not count."""
        return self.name.casefold()


def columns_of(schema: Json | None) -> list[Column]:
    """Read and check the columns of a schema resource; raises ApiError."""
    columns: list[Column] = []
    seen: set[str] = set()
    for field in (schema or {}).get("fields", []):
        column = _column_of(field)
        if column.key in seen:
            raise invalid(f"Duplicate column name: {column.name}")
        seen.add(column.key)
        columns.append(column)
    return columns


def _column_of(field: Json) -> Column:
    name = field.get("name", "")
    if not _NAME.fullmatch(name) or name.casefold().startswith(_RESERVED_PREFIXES):
        raise invalid(f'Invalid field name "{name}".')
    declared = str(field.get("type", "")).upper()
    type_ = _STANDARD_TYPES.get(declared, declared)
    if type_ not in _TYPES:
        raise invalid(f"Field {name} has type {declared}, which the local BigQuery does not offer.")
    mode = str(field.get("mode") or "NULLABLE").upper()
    if mode not in _MODES:
        raise invalid(f"Field {name} has the invalid mode {mode}.")
    if mode == "REPEATED" and field.get("defaultValueExpression"):
        raise invalid(f"Field {name} is repeated and cannot have a default value expression.")
    return Column(name, type_, mode, field.get("defaultValueExpression"))


def normalized(fields: Iterable[Json]) -> list[Json]:
    """Return the fields with the names of types and modes that BigQuery answers with."""
    result = []
    for field in fields:
        declared = str(field["type"]).upper()
        mode = str(field.get("mode") or "NULLABLE").upper()
        result.append({**field, "type": _REST_TYPES.get(declared, declared), "mode": mode})
    return result


def check_partitioning(partitioning: Json | None, columns: Sequence[Column]) -> None:
    """Check a time partitioning; raises ApiError.

    Source: partitioned-tables, "Time-unit column partitioning".
    """
    if partitioning is None:
        return
    unit = str(partitioning.get("type", "")).upper()
    if unit not in _PARTITION_UNITS:
        raise invalid(f"Invalid time partitioning type {unit}.")
    name = partitioning.get("field")
    if name is None:
        return
    column = _find(columns, name)
    if column is None:
        raise invalid(f"The field specified for partitioning cannot be found in the schema: {name}")
    if column.type not in _PARTITION_TYPES or column.mode == "REPEATED":
        raise invalid(
            "The field specified for partitioning must be a TIMESTAMP, DATE or DATETIME column"
            f" that is not repeated: {name}"
        )
    if unit == "HOUR" and column.type == "DATE":
        raise invalid(f"A DATE column cannot be partitioned by the hour: {name}")


def check_clustering(clustering: Json | None, columns: Sequence[Column]) -> None:
    """Check the clustering columns; raises ApiError.

    Source: clustered-tables, "Cluster column types" and "Limitations".
    """
    names = (clustering or {}).get("fields", [])
    if clustering is not None and not 1 <= len(names) <= 4:
        raise invalid(f"A table has one to four clustering columns, not {len(names)}.")
    if len({name.casefold() for name in names}) != len(names):
        raise invalid("A column can be named only once for clustering.")
    for name in names:
        column = _find(columns, name)
        if column is None:
            raise invalid(f"The field specified for clustering cannot be found: {name}")
        if column.type not in _CLUSTER_TYPES or column.mode == "REPEATED":
            raise invalid(f"Clustering by {name} of type {column.type} is not supported.")


def check_changes(table: str, old: Sequence[Column], new: Sequence[Column]) -> list[Column]:
    """Return the columns that a new schema adds; raises ApiError for any other difference.

    Source: managing-table-schemas, "Add columns" and "Relax a column's mode"; everything else
    that is listed there as unsupported.
    """
    mismatch = f"Provided Schema does not match Table {table}."
    after = {column.key: column for column in new}
    for column in old:
        changed = after.get(column.key)
        if changed is None:
            raise invalid(f"{mismatch} Field {column.name} is missing in new schema")
        if changed.type != column.type:
            raise invalid(
                f"{mismatch} Field {column.name} has changed type"
                f" from {column.type} to {changed.type}"
            )
        relaxed = (column.mode, changed.mode) == ("REQUIRED", "NULLABLE")
        if changed.mode != column.mode and not relaxed:
            raise invalid(
                f"{mismatch} Field {column.name} has changed mode"
                f" from {column.mode} to {changed.mode}"
            )
    before = {column.key for column in old}
    added = [column for column in new if column.key not in before]
    for column in added:
        if column.mode == "REQUIRED":
            raise invalid(
                f"{mismatch} Cannot add required fields to an existing schema."
                f" (field: {column.name})"
            )
    return added


def _find(columns: Sequence[Column], name: str) -> Column | None:
    return next((column for column in columns if column.key == name.casefold()), None)


def query_of(resource: Json) -> str | None:
    """Return the query of a view, materialized or not; None is that of a table."""
    view = resource.get("view") or resource.get("materializedView")
    return view["query"] if view else None


def type_of(body: Json) -> str:
    """Return the type of the table that a resource declares."""
    if "materializedView" in body:
        return "MATERIALIZED_VIEW"
    return "VIEW" if "view" in body else "TABLE"
