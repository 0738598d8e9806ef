"""The streaming buffer: rows of write streams that are in no partition yet.

They are visible to queries at once, but not in lists of a partition, until BigQuery has put them
there: after a few minutes, in rare cases 90, and there is no promise (BigQuery's pages "Stream data
with the Storage Write API" and "Streaming data availability"). tables.get says how old the oldest
row in the buffer is, but what was just committed shows there later.
"""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
import time

from google.api_core.exceptions import from_http_response
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..rows.table import Table
from .connection import Connection

LAG = 15 * 60.0
"""Seconds after which tables.get knows a commit for sure; no page says how many there are."""
_COMMIT = 60.0
"""Seconds that a commit may take after it was begun, at most."""
_TYPICAL = 90 * 60.0
"""Seconds after which rows are in their partition at the latest, in most cases."""
_UNCHANGED = 10.0
"""Seconds for which an answer is used again."""
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)


@dataclass(frozen=True, slots=True)
class StreamingBuffer:
    """The buffer of one table; times are in seconds since 1970, by BigQuery's clock."""

    now: float
    oldest: float | None
    """When the oldest row came into it; None if it is empty, as far as tables.get knows."""

    def seconds_until_listed(self, begun: float) -> float:
        """Return in how many seconds a commit that was begun at a time is listed; 0 if it is.

        It is when that is so at the latest, most likely.
        """
        committed = begun + _COMMIT
        if self.oldest is not None and self.oldest <= committed:
            return max(committed + _TYPICAL - self.now, _COMMIT)
        return max(0.0, committed + LAG - self.now)


class StreamingBuffers:
    """Reads the buffers of the tables of a connection; its methods block and raise ExportError."""

    def __init__(self, connection: Connection) -> None:
        """Prepare; nothing is asked yet."""
        self._connection = connection
        self._known: dict[str, tuple[float, StreamingBuffer]] = {}

    def of(self, table: Table) -> StreamingBuffer:
        """Return the buffer of a table as it is now, or was some seconds ago."""
        read, buffer = self._known.get(table.name, (0.0, None))
        if buffer is None or time.monotonic() > read + _UNCHANGED:
            with self._connection.errors():
                buffer = _RETRY(self._read)(table)
            self._known[table.name] = time.monotonic(), buffer
        return buffer

    def _read(self, table: Table) -> StreamingBuffer:
        """Ask tables.get; Google's client does not tell what time it is there."""
        destination = self._connection.destination
        reference = destination.table_reference(table)
        response = self._connection.http.get(
            f"{destination.api_endpoint}/bigquery/v2{reference.path}",
            params={"fields": "streamingBuffer"},
            timeout=_TIMEOUT,
        )
        if not response.ok:
            raise from_http_response(response)
        date = response.headers.get("Date")
        now = parsedate_to_datetime(date).timestamp() if date else time.time()
        oldest = response.json().get("streamingBuffer", {}).get("oldestEntryTime")
        return StreamingBuffer(now, None if oldest is None else int(oldest) / 1000)
