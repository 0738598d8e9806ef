"""Encoding the rows of a table whose columns in BigQuery are those of the recorder."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..source.plain_reader import PlainPiece
from ..source.source_table import SourceTable
from ..source.statements import as_text
from .context import RowContext
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .fragments import encode_each
from .local_time import DAY
from .readable import readable
from .recorded_values import integer, number, time
from .statistics import finite
from .table import ColumnType, Scope, Table


class PlainEncoder:
    """Encodes rows of the recorder by the types of the columns in BigQuery.

    Each column of scope `row` has the name of a column of the recorder. A TIMESTAMP is made of a
    datetime or of seconds since 1970.
    """

    def __init__(
        self, encoding: Encoding, run: RowContext, table: Table, source: SourceTable
    ) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._run_values = run.run_values
        self._run = encoding.fragment(run.run_values)
        self._columns = [column for column in table.columns if column.scope is Scope.ROW]
        self._name, self._time = table.identity
        self._source = source

    def encode(self, piece: PlainPiece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is rejected and stops no other."""
        return encode_each(piece.rows, self._row, partial(readable, self._source))

    def _row(self, row: tuple[Any, ...]) -> tuple[RowKey, bytes]:
        recorded = self._source.named(row)
        values = {
            column.name: _CONVERSIONS[column.type](column.name, recorded[column.name])
            for column in self._columns
        }
        if (when := values[self._time]) is None:
            raise ValueError("the recorder has no time for it")
        name = str({**self._run_values, **values}[self._name])
        data = self._encoding.row(self._run, self._encoding.fragment(values))
        return RowKey(name, when, when // DAY), data


def _bool(name: str, value: object) -> bool | None:
    found = number(name, value)
    return None if found is None else bool(found)


def _float(name: str, value: object) -> float | None:
    return finite(number(name, value))


def _text(_: str, value: object) -> str | None:
    return as_text(value)


_CONVERSIONS: Mapping[ColumnType, Callable[[str, object], Any]] = {
    ColumnType.BOOL: _bool,
    ColumnType.FLOAT64: _float,
    ColumnType.INT64: integer,
    ColumnType.STRING: _text,
    ColumnType.TIMESTAMP: time,
}
"""How a value of the recorder's becomes one of a column."""
