"""Reading rows back, with no more than the right to read the table.

tabledata.list needs no job, which a role on a dataset does not allow, and costs nothing. It cannot
filter, but a partition decorator limits it to one day.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from google.api_core.exceptions import NotFound
from google.cloud.bigquery import SchemaField
from google.cloud.bigquery.retry import DEFAULT_RETRY

from .connection import Connection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = (
    # In the order of the table, in which they come whatever the order is that is asked for.
    SchemaField("entity_id", "STRING"),
    SchemaField("last_updated", "TIMESTAMP"),
    SchemaField("source", "STRING"),
)
_PAGE_ROWS = 10_000
_TIMEOUT = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(60.0)


class TableLookup:
    """Looks into the table of a connection for the rows of one installation."""

    def __init__(self, connection: Connection, source: str) -> None:
        """Look for rows whose `source` is this one."""
        self._connection = connection
        self._client = connection.tables
        self._destination = connection.destination
        self._source = source

    def rows(self, day: int) -> Iterator[tuple[str, int]]:
        """Yield entity_id and last_updated of this installation's rows in one partition."""
        date = _EPOCH + timedelta(days=day)
        table = self._destination.dataset_reference.table(
            f"{self._destination.table}${date:%Y%m%d}"
        )
        with self._connection.errors():
            try:
                found = self._client.list_rows(
                    table,
                    selected_fields=_FIELDS,
                    page_size=_PAGE_ROWS,
                    retry=_RETRY,
                    timeout=_TIMEOUT,
                )
                for entity_id, last_updated, source in map(tuple, found):
                    if source == self._source:
                        yield entity_id, (last_updated - _EPOCH) // timedelta(microseconds=1)
            except NotFound:  # There is no such partition yet.
                return
