"""Tables and views as bqemulator needs them made and changed."""

from collections.abc import Sequence

from .emulator import Exclusive
from .errors import invalid
from .names import TableName
from .schema import Column, Json, columns_of

_PLACEHOLDER = "__placeholder"
"""What bqemulator gives a table that is declared without columns, because DuckDB wants one."""


async def create(emulator: Exclusive, name: TableName, declared: Json) -> None:
    """Make the table of a declaration."""
    await emulator.call(
        "POST",
        f"/projects/{name.project}/datasets/{name.dataset}/tables",
        _part_of(name, declared),
    )


async def put_view(emulator: Exclusive, name: TableName, view: Json) -> None:
    """Make or replace a view, by SQL, because REST makes one that cannot be dropped."""
    if view.get("useLegacySql", True):
        raise invalid("The local BigQuery has views in GoogleSQL only: set useLegacySql to false.")
    await emulator.query(name.project, f"CREATE OR REPLACE VIEW {name.sql} AS {view['query']}")


async def column_fields(emulator: Exclusive, name: TableName) -> list[Json]:
    """Return the columns that a query of the table or view has, all of them without their mode.

    A table without columns has one in DuckDB, which nobody is to see.
    """
    answer = await emulator.call(
        "POST",
        f"/projects/{name.project}/queries",
        {"query": f"SELECT * FROM {name.sql}", "useLegacySql": False, "dryRun": True},  # noqa: S608
    )
    return [field for field in answer["schema"]["fields"] if field["name"] != _PLACEHOLDER]


async def describe(emulator: Exclusive, name: TableName) -> Json:
    """Return a resource for a table or view that a statement made."""
    theirs = await emulator.call(
        "GET", f"/projects/{name.project}/datasets/{name.dataset}/tables/{name.table}"
    )
    kept = ("type", "schema", "timePartitioning", "clustering", "description", "labels")
    return {
        "kind": "bigquery#table",
        "id": str(name),
        "tableReference": name.reference,
        **{key: theirs[key] for key in kept if key in theirs},
    }


async def change_columns(
    emulator: Exclusive, name: TableName, added: Sequence[Column], declared: Json
) -> None:
    """Add columns to DuckDB's table and to bqemulator's catalog, which no single call does."""
    for column in added:
        type_ = f"ARRAY<{column.type}>" if column.mode == "REPEATED" else column.type
        await emulator.query(
            name.project, f"ALTER TABLE {name.sql} ADD COLUMN `{column.name}` {type_}"
        )
    if len(added) == len(columns_of(declared.get("schema"))):
        await emulator.query(name.project, f"ALTER TABLE {name.sql} DROP COLUMN {_PLACEHOLDER}")
    await emulator.call(
        "PATCH",
        f"/projects/{name.project}/datasets/{name.dataset}/tables/{name.table}",
        _part_of(name, declared),
    )


def _part_of(name: TableName, declared: Json) -> Json:
    """Return what of a declaration bqemulator does not stumble over."""
    fields = [
        {"name": column.name, "type": column.type, "mode": column.mode}
        for column in columns_of(declared.get("schema"))
    ]
    part: Json = {"tableReference": name.reference, "schema": {"fields": fields}}
    for key in ("timePartitioning", "clustering"):
        if declared.get(key):
            part[key] = declared[key]
    return part
