"""Reading whole rows back by lists: free, and without a job."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud.bigquery import SchemaField
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..rows.columns import SOURCE
from ..rows.table import ColumnType, Mode, Table
from .connection import Connection
from .listed_rows import decorator

_EPOCH = date(1970, 1, 1)
_PAGE_ROWS = 1_000
"""Rows of a page: to parse a larger one holds up other threads for longer."""
_TIMEOUT = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(60.0)
_AS_READ = {
    ColumnType.DATE: "STRING",
    ColumnType.DATETIME: "STRING",
    ColumnType.JSON: "STRING",
    ColumnType.TIMESTAMP: "INTEGER",
}
"""As what the client reads some types: so JSON stays text, and times are numbers."""
_VALUES: Mapping[ColumnType, Callable[[str], Any]] = {
    ColumnType.DATE: lambda text: (date.fromisoformat(text) - _EPOCH).days,
    ColumnType.DATETIME: lambda text: datetime.fromisoformat(text).isoformat(" ", "microseconds"),
}


class ListedValues:
    """Reads the rows of one installation; its methods block and raise ExportError."""

    def __init__(self, connection: Connection, source: str) -> None:
        """Prepare; nothing is asked yet."""
        self._connection = connection
        self._client = connection.tables
        self._source = source
        self._schemas: dict[str, list[SchemaField]] = {}

    def pages(
        self, table: Table, partition_start: int, columns: frozenset[str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of a partition, a page after another, in any order.

        A row has what is not NULL, as `Encoding.decode` returns it; `columns` chooses some.
        """
        name = self._connection.destination.table_reference(table).table_id
        dataset = self._connection.destination.dataset_reference
        types = {
            column.name: column.type for column in table.columns if column.mode is not Mode.REPEATED
        }
        with self._connection.errors():
            try:
                found = self._client.list_rows(
                    dataset.table(f"{name}${decorator(table, partition_start)}"),
                    selected_fields=self._fields(table, columns),
                    page_size=_PAGE_ROWS,
                    retry=_RETRY,
                    timeout=_TIMEOUT,
                )
                for page in found.pages:
                    self._connection.wait(0)
                    yield [
                        _values(dict(row.items()), types)
                        for row in page
                        if row[SOURCE.name] == self._source
                    ]
            except NotFound:  # There is no such partition, or no table.
                pass

    def _fields(self, table: Table, columns: frozenset[str] | None) -> list[SchemaField]:
        """Return the columns to read, in the order of BigQuery, which the answer has, too."""
        if table.name not in self._schemas:
            reference = self._connection.destination.table_reference(table)
            found = self._client.get_table(reference, retry=_RETRY, timeout=_TIMEOUT)
            self._schemas[table.name] = list(found.schema)
        types = {column.name: column.type for column in table.columns}
        return [
            SchemaField(field.name, _AS_READ.get(types[field.name], field.field_type), field.mode)
            for field in self._schemas[table.name]
            if field.name in types
            and (columns is None or field.name in columns or field.name == SOURCE.name)
        ]


def _values(row: dict[str, Any], types: Mapping[str, ColumnType]) -> dict[str, Any]:
    return {
        name: _VALUES[types[name]](value) if types.get(name) in _VALUES else value
        for name, value in row.items()
        if value is not None and value != []
    }
