"""Counting rows by a query: faster than listing them, but it needs a job, and may cost money.

A query is asked first how many bytes it reads, which is free, and may not read more.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from google.cloud.bigquery import ScalarQueryParameter

from ..export.reconcile.row_counts import CHECK, CountedRows
from ..rows.table import Table
from ..source.source_table import ExportedIds
from .capped_query import query_rows, query_size
from .connection import Connection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RowCountQuery:
    """Counts the rows of one installation in the tables of a connection."""

    def __init__(self, connection: Connection, source: str) -> None:
        """Count rows whose `source` is this one."""
        self._connection = connection
        self._source = source

    def size(self, table: Table, days: range, exported: ExportedIds) -> int:
        """Return how many bytes `rows` would read; this reads none."""
        return query_size(self._connection, *self._query(table, days, exported))

    def rows(self, table: Table, days: range, exported: ExportedIds) -> Iterator[CountedRows]:
        """Yield the rows of some days, counted by day and name."""
        cap = self.size(table, days, exported)
        query = self._query(table, days, exported)
        for row in query_rows(self._connection, *query, cap=cap):
            yield CountedRows(
                row["counted_day"],
                row["counted_name"],
                row["row_count"],
                row["different"],
                row["checksum"],
            )

    def _query(
        self, table: Table, days: range, exported: ExportedIds
    ) -> tuple[str, list[ScalarQueryParameter]]:
        older, newer = exported
        reference = self._connection.destination.table_reference(table)
        return _statement(table, str(reference)), [
            ScalarQueryParameter("source", "STRING", self._source),
            ScalarQueryParameter("first", "TIMESTAMP", _time(days.start)),
            ScalarQueryParameter("end", "TIMESTAMP", _time(days.stop)),
            ScalarQueryParameter("up_to", "INT64", older.until),
            ScalarQueryParameter("after", "INT64", newer.after),
            ScalarQueryParameter("until", "INT64", newer.until),
        ]


def _statement(table: Table, reference: str) -> str:
    """Return a query that reads no more columns than it has to, and the partitions of some days."""
    name, time = table.identity
    return f"""
        SELECT
          UNIX_DATE(DATE(`{table.partition_by}`)) AS counted_day,
          `{name}` AS counted_name,
          COUNT(*) AS row_count,
          COUNT(DISTINCT CONCAT(
            CAST(UNIX_MICROS(`{time}`) AS STRING), ' ', CAST(`{table.id}` AS STRING)
          )) AS different,
          SUM(MOD(UNIX_MICROS(`{time}`), {CHECK})) AS checksum
        FROM `{reference}`
        WHERE `source` = @source
          AND `{table.partition_by}` >= @first AND `{table.partition_by}` < @end
          AND (`{table.id}` <= @up_to OR (`{table.id}` > @after AND `{table.id}` <= @until))
        GROUP BY counted_day, counted_name
    """  # noqa: S608


def _time(day: int) -> datetime:
    return _EPOCH + timedelta(days=day)
