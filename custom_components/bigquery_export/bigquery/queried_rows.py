"""Reading rows back by a query: it sees at once what was committed, but needs a job."""

from collections.abc import Iterator

from google.cloud.bigquery import ScalarQueryParameter, SchemaField
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..errors import QuotaExceededError
from ..export.existing_rows import FoundRow
from ..export.restored_rows import RestoredByTable
from ..rows.table import Table
from .capped_query import LEAST, query_rows, query_size
from .connection import Connection
from .listed_rows import columns_read, named_rows

_NONE: RestoredByTable = {}
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)
MAX_BYTES = 10 * 1024**3
"""Bytes that the queries of one export may read: a hundredth of what is free in a month."""


class QueriedRows:
    """Reads the rows of one installation from the tables of a connection, for one export."""

    def __init__(
        self, connection: Connection, source: str, restored: RestoredByTable = _NONE
    ) -> None:
        """Read rows whose `source` is this one, and those that came back from other names."""
        self._connection = connection
        self._source = source
        self._restored = restored
        self.bytes_left = MAX_BYTES
        """Bytes that may still be read."""

    def check_access(self, table: Table) -> None:
        """Make sure that the key may query a table, and sees it as it is; this is free.

        Where a policy hides rows or masks columns, a query answers with what is left, and a list is
        refused ("Use row-level security with other BigQuery features", "Introduction to data
        masking"). Raises ExportError.
        """
        query_size(self._connection, *self._query(table, 0))
        reference = self._connection.destination.table_reference(table)
        with self._connection.errors():
            rows = self._connection.tables.list_rows(
                reference,
                selected_fields=[
                    SchemaField(name, "STRING") for name in (*columns_read(table), "source")
                ],
                max_results=1,
                retry=_RETRY,
                timeout=_TIMEOUT,
            )
            list(rows)

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table.

        Raises ExportError, a QuotaExceededError when the queries would read too much.
        """
        statement, parameters = self._query(table, partition_start)
        size = query_size(self._connection, statement, parameters)
        if size > self.bytes_left:
            raise QuotaExceededError(message=f"queries would read more than {MAX_BYTES:,} bytes")
        self.bytes_left -= max(size, LEAST)
        for row in query_rows(self._connection, statement, parameters, cap=size):
            self._connection.wait(0)
            yield from named_rows(table, row, self._source, self._restored)

    def _query(self, table: Table, partition_start: int) -> tuple[str, list[ScalarQueryParameter]]:
        """Return a query that reads one partition, and no more columns than it has to."""
        columns = ", ".join(f"`{name}`" for name in (*columns_read(table), "source"))
        restored = self._restored.get(table.name, ())
        sources = {self._source, *(rows.source for rows in restored if rows.source)}
        named = {f"source_{number}": source for number, source in enumerate(sorted(sources))}
        places = ", ".join(f"@{name}" for name in named)
        reference = self._connection.destination.table_reference(table)
        statement = f"""
            SELECT {columns}
            FROM `{reference}`
            WHERE `source` IN ({places})
              AND (`{table.id}` IS NOT NULL OR {bool(table.versions)})
              AND `{table.partition_by}` BETWEEN @first AND @last
        """  # noqa: S608
        return statement, [
            *(ScalarQueryParameter(name, "STRING", source) for name, source in named.items()),
            ScalarQueryParameter("first", "TIMESTAMP", table.first_time(partition_start)),
            ScalarQueryParameter("last", "TIMESTAMP", table.last_time(partition_start)),
        ]
