"""Reading rows back, with no more than the permission to read the table.

tabledata.list costs nothing and needs no job, which a role on a dataset would not allow. It cannot
filter, but a partition decorator limits it to one partition.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from google.api_core.exceptions import NotFound
from google.cloud.bigquery import Row, SchemaField, TableReference
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery.table import RowIterator

from ..export.existing_rows import FoundRow, version_of
from ..export.restored_rows import RestoredByTable
from ..rows.columns import EXPORT_TIMESTAMP
from ..rows.table import PartitionUnit, Table
from .connection import Connection

_NONE: RestoredByTable = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE_ROWS = 10_000
_TIMEOUT = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(60.0)


class ListedRows:
    """Reads the rows of one installation from the tables of a connection, for one export."""

    def __init__(
        self, connection: Connection, source: str, restored: RestoredByTable = _NONE
    ) -> None:
        """Read rows whose `source` is this one, and those that came back from other names."""
        self._connection = connection
        self._restored = restored
        self._client = connection.tables
        self._destination = connection.destination
        self._source = source
        self._known_fields: dict[str, list[SchemaField]] = {}

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table. Raises ExportError.

        The partition is given by its first day, since 1970-01-01 UTC.
        """
        with self._connection.errors():
            try:
                found = self._client.list_rows(
                    self._partition(table, partition_start),
                    selected_fields=self._fields(table),
                    page_size=_PAGE_ROWS,
                    retry=_RETRY,
                    timeout=_TIMEOUT,
                )
                for row in self._until_stopped(found):
                    if row[table.id] is None and not table.versions:
                        continue
                    yield from named_rows(table, row, self._source, self._restored)
            except NotFound:  # There is no such partition yet.
                pass

    def _until_stopped(self, found: RowIterator) -> Iterator[Row]:
        """Yield rows, page by page. Raises StoppedError."""
        for page in found.pages:
            self._connection.wait(0)
            yield from page

    def _partition(self, table: Table, start: int) -> TableReference:
        name = self._destination.table_reference(table).table_id
        return self._destination.dataset_reference.table(f"{name}${decorator(table, start)}")

    def _fields(self, table: Table) -> list[SchemaField]:
        """Return the columns to read, in the table's order, which the answer has, too."""
        if table.name not in self._known_fields:
            reference = self._destination.table_reference(table)
            schema = self._client.get_table(reference, retry=_RETRY, timeout=_TIMEOUT).schema
            wanted = {*columns_read(table), "source"}
            self._known_fields[table.name] = [field for field in schema if field.name in wanted]
        return self._known_fields[table.name]


def columns_read(table: Table) -> list[str]:
    """Return the columns that tell which rows there are, and in which version."""
    version = (EXPORT_TIMESTAMP.name, *table.versions) if table.versions else ()
    return [*table.identity, table.id, *version]


def named_rows(table: Table, row: Row, own: str, restored: RestoredByTable) -> Iterator[FoundRow]:
    """Yield a row under each name that it has in the installation `own`."""
    source, name = row["source"], row[table.identity[0]]
    names = {name: None} if source == own else {}
    for rows in restored.get(table.name, ()):
        names |= dict.fromkeys(rows.names(source, name, own))
    for known in names:
        yield found_row(table, row)._replace(name=known)


def found_row(table: Table, row: Row) -> FoundRow:
    """Return what a row tells of which these columns were read."""
    name, time = table.identity
    deletes = row[table.id] is None
    found = FoundRow(row[name], _microseconds(row[time]), row[table.id] or 0, deletes=deletes)
    if not table.versions:
        return found
    values = {
        column: _microseconds(value) if isinstance(value, datetime) else value
        for column, value in row.items()
    }
    return found._replace(exported=values[EXPORT_TIMESTAMP.name], version=version_of(table, values))


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def decorator(table: Table, partition_start: int) -> str:
    """Return the decorator of a partition, such as 20261121, or 202611 where it is a month.

    `partition_start` is its first day, since 1970-01-01 UTC. Source: BigQuery's page "Manage
    partitioned tables".
    """
    date = _EPOCH + timedelta(days=partition_start)
    month = f"{date.year:04}{date.month:02}"
    return month if table.partition_unit is PartitionUnit.MONTH else f"{month}{date.day:02}"
