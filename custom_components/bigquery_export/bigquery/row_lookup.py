"""Finding the rows that are in BigQuery: by lists, which are free, or by queries.

Lists do not have what was streamed lately. A query has it, but needs the permission to run jobs.
"""

from collections.abc import Iterator

from ..errors import AccessDeniedError, PermissionMissingError
from ..export.existing_rows import FoundRow
from ..export.restored_rows import RestoredByTable
from ..rows.table import Table
from .connection import Connection
from .listed_rows import ListedRows
from .queried_rows import QueriedRows
from .streaming_buffer import StreamingBuffers


class RowLookup:
    """Reads the rows of one installation from the tables of a connection, for one export."""

    def __init__(
        self, connection: Connection, source: str, restored: RestoredByTable | None = None
    ) -> None:
        """Read rows whose `source` is this one, and those that came back from other names."""
        self._listed = ListedRows(connection, source, restored or {})
        self._queried = QueriedRows(connection, source, restored or {})
        self._buffers = StreamingBuffers(connection)
        self._unlisted: set[str] = set()
        """Tables whose rows have to be queried."""
        self._may_query = True

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return in how many seconds `rows` has all that was committed before a time, 0 if now.

        Raises ExportError.
        """
        if not before:
            return 0.0
        seconds = self._buffers.of(table).seconds_until_listed(before / 1000)
        if seconds and query and self._can_query(table):
            self._unlisted.add(table.name)
            return 0.0
        if not seconds:
            self._unlisted.discard(table.name)
        return seconds

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table. Raises ExportError."""
        if table.name in self._unlisted:
            return self._queried.rows(table, partition_start)
        return self._listed.rows(table, partition_start)

    def _can_query(self, table: Table) -> bool:
        """Return whether the key may run queries, and as much may be read as one day has."""
        if not self._may_query or self._queried.bytes_left <= 0:
            return False
        try:
            self._queried.check_access(table)
        except PermissionMissingError, AccessDeniedError:
            self._may_query = False
        return self._may_query
