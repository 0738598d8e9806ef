"""Writing and reading Parquet with pyarrow, which only this module imports.

The types are those of BigQuery's page "Loading Parquet data from Cloud Storage": a timestamp in
UTC is TIMESTAMP, one without a zone DATETIME; repeated values are a LIST, for which `bq load` needs
`--parquet_enable_list_inference`, and JSON is text.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..rows.table import Column, ColumnType, Mode, Table
from .file_errors import damage_errors, value_errors
from .file_format import Row, wanted_names

_GROUP_BYTES = 16 * 1024 * 1024
"""Of a row group, not compressed: all of it is in memory. That page wants no smaller ones."""
_ROWS_AT_ONCE = 1_000
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_TYPES: Mapping[ColumnType, pa.DataType] = {
    ColumnType.BOOL: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.DATETIME: pa.timestamp("us"),
    ColumnType.FLOAT64: pa.float64(),
    ColumnType.INT64: pa.int64(),
    ColumnType.JSON: pa.string(),
    ColumnType.STRING: pa.string(),
    ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
}
_NUMBERS: Mapping[ColumnType, pa.DataType] = {
    ColumnType.DATE: pa.int32(),
    ColumnType.DATETIME: pa.int64(),
    ColumnType.TIMESTAMP: pa.int64(),
}
"""How columns with times are read: Python's times would be made for nothing."""


class ParquetWriter:
    """A file that is being written."""

    def __init__(self, path: Path, table: Table) -> None:
        """Begin the file."""
        self._columns = table.columns
        self._schema = pa.schema([_field(column) for column in table.columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._group: list[pa.RecordBatch] = []

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; they are written when a row group is full."""
        rows = list(rows)
        with value_errors():
            arrays = [
                pa.array(_values(column, rows), field.type)
                for column, field in zip(self._columns, self._schema, strict=True)
            ]
        self._group.append(pa.record_batch(arrays, schema=self._schema))
        if sum(batch.nbytes for batch in self._group) >= _GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        """End the file."""
        if self._writer.is_open:
            try:
                if self._group:
                    self._write_group()
            finally:
                self._writer.close()

    def _write_group(self) -> None:
        group, self._group = self._group, []
        table = pa.Table.from_batches(group, self._schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))


def read_parquet(
    path: Path, table: Table, columns: Collection[str] | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file."""
    names = wanted_names(table, columns)
    types = {column.name: column.type for column in table.columns}
    with damage_errors(path), pq.ParquetFile(path) as file:
        wanted = [name for name in file.schema_arrow.names if name in names]
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=wanted, use_threads=False):
            values = [_read(types[name], batch.column(name)) for name in wanted]
            for row in zip(*values, strict=True):
                yield {
                    name: value
                    for name, value in zip(wanted, row, strict=True)
                    if value is not None and value != []
                }


def _field(column: Column) -> pa.Field:
    type_ = _TYPES[column.type]
    if column.mode is Mode.REPEATED:
        type_ = pa.list_(pa.field("element", type_, nullable=False))
    return pa.field(
        column.name,
        type_,
        nullable=column.mode is Mode.NULLABLE,
        metadata={"description": column.description},
    )


def _values(column: Column, rows: list[Row]) -> list[Any]:
    values = [row.get(column.name) for row in rows]
    if column.mode is Mode.REPEATED:
        return [value or [] for value in values]
    if column.type is ColumnType.DATETIME:
        return [
            (datetime.fromisoformat(value) - _EPOCH) // _MICROSECOND
            if isinstance(value, str)
            else value
            for value in values
        ]
    return values


def _read(type_: ColumnType, values: pa.Array) -> list[Any]:
    numbers = _NUMBERS.get(type_)
    read: list[Any] = (values.cast(numbers) if numbers else values).to_pylist()
    if type_ is ColumnType.DATETIME:
        return [
            value
            if value is None
            else (_EPOCH + timedelta(0, 0, value)).isoformat(" ", "microseconds")
            for value in read
        ]
    return read
