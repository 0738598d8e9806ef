"""Encoding the rows of a table whose columns in BigQuery are those of the recorder."""

from datetime import datetime
from functools import partial
from typing import Any

from ..source.plain_reader import PlainPiece
from ..source.source_table import SourceTable
from .context import RowContext
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .fragments import encode_each
from .local_time import DAY, microseconds_or_none, timestamp_or_none
from .readable import readable
from .table import ColumnType, Scope, Table


class PlainEncoder:
    """Encodes rows of the recorder by the types of the columns in BigQuery.

    Each column of scope `row` has the name of a column of the recorder. A TIMESTAMP is made of a
    datetime or of seconds since 1970; all other values stay as they are.
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
            column.name: _timestamp(recorded[column.name])
            if column.type is ColumnType.TIMESTAMP
            else recorded[column.name]
            for column in self._columns
        }
        if (time := values[self._time]) is None:
            raise ValueError("the recorder has no time for it")
        name = str({**self._run_values, **values}[self._name])
        data = self._encoding.row(self._run, self._encoding.fragment(values))
        return RowKey(name, time, time // DAY), data


def _timestamp(time: datetime | float | None) -> int | None:
    """Return a time of the recorder as a TIMESTAMP column takes it."""
    if time is None or isinstance(time, datetime):
        return timestamp_or_none(time)
    return microseconds_or_none(time)
