"""Writing and reading Avro with fastavro, which only this module imports.

The types are those of BigQuery's page "Loading Avro data from Cloud Storage", with
`--use_avro_logical_types`: `timestamp-micros` is TIMESTAMP, `local-timestamp-micros` DATETIME,
`date` DATE, and a string with the `sqlType` JSON is JSON.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from fastavro import parse_schema, reader, schemaless_writer
from fastavro.write import Writer

from ..rows.table import Column, ColumnType, Mode, Table, timestamp
from .file_errors import damage_errors, value_errors
from .file_format import Row, wanted_names

_BLOCK_BYTES = 1024 * 1024
"""A block is compressed as one."""
_NAIVE_EPOCH = datetime(1970, 1, 1)
_TYPES: Mapping[ColumnType, Any] = {
    ColumnType.BOOL: "boolean",
    ColumnType.DATE: {"type": "int", "logicalType": "date"},
    ColumnType.DATETIME: {"type": "long", "logicalType": "local-timestamp-micros"},
    ColumnType.FLOAT64: "double",
    ColumnType.INT64: "long",
    ColumnType.JSON: {"type": "string", "sqlType": "JSON"},
    ColumnType.STRING: "string",
    ColumnType.TIMESTAMP: {"type": "long", "logicalType": "timestamp-micros"},
}
_READERS: Mapping[ColumnType, Callable[[Any], Any]] = {
    ColumnType.DATE: lambda value: (value - date(1970, 1, 1)).days,
    ColumnType.DATETIME: lambda value: value.isoformat(" ", "microseconds"),
    ColumnType.TIMESTAMP: timestamp,
}
"""What fastavro makes of some logical types, as rows have it."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Some encoded rows, as `Writer.write_block` takes them."""

    num_records: int
    bytes_: BytesIO


class AvroWriter:
    """A file that is being written."""

    def __init__(self, path: Path, table: Table) -> None:
        """Begin the file."""
        self._schema = parse_schema(_schema(table))
        self._datetimes = [
            column.name for column in table.columns if column.type is ColumnType.DATETIME
        ]
        self._file = open(path, "wb")  # noqa: SIM115
        self._writer = Writer(self._file, self._schema, codec="deflate", compression_level=1)
        self._rows = 0
        self._encoded = BytesIO()

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        begin, count = self._encoded.tell(), 0
        try:
            with value_errors():
                for row in rows:
                    schemaless_writer(self._encoded, self._schema, self._with_numbers(row))
                    count += 1
        except BaseException:
            self._encoded.seek(begin)
            self._encoded.truncate()
            raise
        self._rows += count
        if self._encoded.tell() >= _BLOCK_BYTES:
            self._write_block()

    def close(self) -> None:
        """End the file."""
        if not self._file.closed:
            with self._file:
                if self._rows:
                    self._write_block()

    def _write_block(self) -> None:
        self._writer.write_block(_Block(self._rows, self._encoded))
        self._rows, self._encoded = 0, BytesIO()

    def _with_numbers(self, row: Row) -> Row:
        for name in self._datetimes:
            if isinstance(local := row.get(name), str):
                time = datetime.fromisoformat(local) - _NAIVE_EPOCH
                row = {**row, name: time // timedelta(microseconds=1)}
        return row


def read_avro(
    path: Path, table: Table, columns: Collection[str] | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file."""
    names = wanted_names(table, columns)
    readers = {
        column.name: _READERS[column.type] for column in table.columns if column.type in _READERS
    }
    with damage_errors(path), open(path, "rb") as file:
        schema: Any = reader(file).writer_schema
        fields = [field for field in schema["fields"] if field["name"] in names]
        file.seek(0)
        chosen = {"type": "record", "name": schema["name"], "fields": fields}
        for row in cast(Iterator[dict[str, Any]], reader(file, chosen)):
            yield {
                name: readers[name](value) if name in readers else value
                for name, value in row.items()
                if value is not None and value != []
            }


def _schema(table: Table) -> dict[str, Any]:
    return {
        "type": "record",
        "name": f"{table.name}_row",
        "doc": table.description,
        "fields": [_field(column) for column in table.columns],
    }


def _field(column: Column) -> dict[str, Any]:
    type_ = _TYPES[column.type]
    field = {"name": column.name, "doc": column.description}
    match column.mode:
        case Mode.REQUIRED:
            return field | {"type": type_}
        case Mode.REPEATED:
            return field | {"type": {"type": "array", "items": type_}, "default": []}
        case _:
            return field | {"type": ["null", type_], "default": None}
