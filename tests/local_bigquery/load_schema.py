"""The schema that a load job gives, held against that of its table.

Source: managing-table-schemas, "Add a column in a load append job"; rest/v2/Job,
JobConfigurationLoad (schema, schemaUpdateOptions, createDisposition: what a job makes or changes
is there only if the whole job succeeds). The texts are those that users of load jobs report.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ApiError, invalid, not_found
from .names import TableName
from .schema import Column, Json, columns_of, normalized


@dataclass(frozen=True, slots=True)
class Plan:
    """How a job's table will be if the job succeeds: "schema", "timePartitioning" and so on."""

    declaration: Json
    makes_table: bool = False
    adds_fields: bool = False


def creates_table(load: Json) -> bool:
    """Say whether a job makes a missing table, as it does by default."""
    return bool(load.get("createDisposition", "CREATE_IF_NEEDED") == "CREATE_IF_NEEDED")


def adds_fields(load: Json) -> bool:
    """Say whether a job may add columns."""
    return "ALLOW_FIELD_ADDITION" in load.get("schemaUpdateOptions", ())


def plan_of(name: TableName, table: Json | None, load: Json) -> Plan:
    """Return how a job's table will be; raises ApiError."""
    given = load.get("schema")
    if table is None:
        if not creates_table(load):
            raise not_found(f"Table {name}")
        if given is None:
            raise invalid("No schema specified on job or table.")
        kept = ("schema", "timePartitioning", "clustering")
        return Plan({key: load[key] for key in kept if key in load}, makes_table=True)
    fields = table.get("schema", {}).get("fields", [])
    added = _added_fields(str(name), fields, given, may_add=adds_fields(load))
    return Plan({**table, "schema": {"fields": [*fields, *added]}}, adds_fields=bool(added))


def _added_fields(
    table: str, fields: Sequence[Json], given: Json | None, *, may_add: bool
) -> list[Json]:
    """Return the fields that a job's schema has and its table has not; raises ApiError.

    A schema may leave out columns that are not required.
    """
    if given is None:
        return []
    old = {column.key: column for column in columns_of({"fields": list(fields)})}
    new = columns_of(given)
    for column in new:
        if column.key in old:
            _check_same(table, old[column.key], column)
    keys = {column.key for column in new}
    for column in old.values():
        if column.mode == "REQUIRED" and column.key not in keys:
            raise _mismatch(table, f"Field {column.name} is missing in new schema")
    added = [field for field in normalized(given["fields"]) if field["name"].casefold() not in old]
    if added and not may_add:
        raise _mismatch(table, f"Cannot add fields (field: {added[0]['name']})")
    for field in added:
        if field["mode"] == "REQUIRED":
            raise _mismatch(table, f"Cannot add required fields (field: {field['name']})")
    return added


def _check_same(table: str, old: Column, new: Column) -> None:
    if old.type != new.type:
        raise _mismatch(table, f"Field {old.name} has changed type from {old.type} to {new.type}")
    if old.mode != new.mode:
        raise _mismatch(table, f"Field {old.name} has changed mode from {old.mode} to {new.mode}")


def _mismatch(table: str, message: str) -> ApiError:
    return invalid(f"Provided Schema does not match Table {table}. {message}")
