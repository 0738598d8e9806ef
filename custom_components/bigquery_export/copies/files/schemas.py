"""The columns of the files of a table, beside their folders, for readers and for `bq load`."""

from collections.abc import Iterable
from pathlib import Path

import orjson

from ...file_formats.bigquery_schema import schema_json
from ...file_formats.file_format import FileFormat
from ...rows.table import Column, ColumnType, Mode, Scope, Table
from . import disk
from .layout import OWN, SCHEMAS, schema_id


def write_schema(folder: Path, table: Table, format_: FileFormat) -> None:
    """Write down the columns of a table, and what tells others of them; what is there stays.

    Raises OSError.
    """
    place = folder / table.name
    disk.make_folder(place)
    stem = f"{table.name}-{schema_id(table)}"
    files = {_path(folder, table.name, schema_id(table)): schema_json(table)}
    files |= {
        place / f"{stem}{suffix}": content for suffix, content in format_.companions(table).items()
    }
    for path, content in files.items():
        if not disk.is_there(path) or path.read_bytes() != content:
            disk.write_file(path, content)


def _path(folder: Path, name: str, id_: str) -> Path:
    return folder / OWN / SCHEMAS / f"{name}-{id_}.json"


def read_schema(folder: Path, name: str, id_: str) -> Table | None:
    """Return a table with the columns that some of its files have, or None if they are unknown.

    Raises OSError.
    """
    try:
        data = orjson.loads(_path(folder, name, id_).read_bytes())
        columns = tuple(
            Column(
                one["name"],
                ColumnType(one["type"]),
                Scope.ROW,
                one["description"],
                Mode(one["mode"]),
            )
            for one in data
        )
    except FileNotFoundError, ValueError, LookupError, TypeError:
        return None
    table = Table(name, "", "", (), columns)
    return table if schema_id(table) == id_ else None


def together(tables: Iterable[Table]) -> Table | None:
    """Return the table that has the columns of all, or None where their types differ.

    The first has its columns first.
    """
    name, columns = "", dict[str, Column]()
    tables = list(tables)
    for table in tables:
        name = table.name
        for column in table.columns:
            known = columns.setdefault(column.name, column)
            repeated = Mode.REPEATED in (known.mode, column.mode)
            if known.type is not column.type or (repeated and known.mode is not column.mode):
                return None
    required = [
        {column.name for column in table.columns if column.mode is Mode.REQUIRED}
        for table in tables
    ]
    everywhere = set.intersection(*required)
    return Table(name, "", "", (), tuple(_column(one, everywhere) for one in columns.values()))


def _column(column: Column, required: set[str]) -> Column:
    if column.mode is not Mode.REQUIRED or column.name in required:
        return column
    return Column(column.name, column.type, column.scope, column.description)
