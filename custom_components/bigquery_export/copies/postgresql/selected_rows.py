"""Rows that are in PostgreSQL already."""

from collections.abc import Iterator

from psycopg.sql import SQL, Identifier

from ...export.existing_rows import FoundRow, version_of
from ...rows.columns import EXPORT_TIMESTAMP
from ...rows.table import ColumnType, Table
from .server import Server

_ROWS = SQL("SELECT {} FROM {} WHERE source = %s AND {} BETWEEN %s AND %s")
_MICROSECONDS = SQL("(extract(epoch FROM {}) * 1000000)::bigint")
_PAGE = 5_000


class SelectedRows:
    """Reads the rows of one installation. Its methods block and raise ExportError."""

    def __init__(self, server: Server, source: str) -> None:
        """Read nothing yet."""
        self._server = server
        self._source = source

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return 0: what is committed is found at once."""
        return 0.0

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table, by its first day."""
        name, time = table.identity
        columns = [name, time, table.id]
        if table.versions:
            columns += [EXPORT_TIMESTAMP.name, *table.versions]
        types = {column.name: column.type for column in table.columns}
        selected = SQL(", ").join(
            _MICROSECONDS.format(Identifier(column))
            if types[column] is ColumnType.TIMESTAMP
            else Identifier(column)
            for column in columns
        )
        by = Identifier(table.partition_by)
        query = _ROWS.format(selected, Identifier(self._server.settings.schema, table.name), by)
        span = table.first_time(partition_start), table.last_time(partition_start)
        connection = self._server.connect()
        try:
            with self._server.errors(), connection.cursor("rows") as cursor:
                cursor.itersize = _PAGE  # At the server, so that memory does not depend on rows.
                for row in cursor.execute(query, (self._source, *span)):
                    if row[2] is None and not table.versions:
                        continue
                    yield _found(table, columns, row)
        finally:
            connection.close()


def _found(table: Table, columns: list[str], row: tuple[object, ...]) -> FoundRow:
    values = dict(zip(columns, row, strict=True))
    name, time, id_ = row[:3]
    return FoundRow(
        str(name),
        int(str(time)),
        int(str(id_ or 0)),
        int(str(values.get(EXPORT_TIMESTAMP.name) or 0)),
        version_of(table, values) if table.versions else (),
        deletes=id_ is None,
    )
