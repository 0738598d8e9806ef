"""Delivery to write streams of type COMMITTED that stay open: an append is the whole transaction.

Rows can be read when the append is acknowledged (BigQuery's page "Use the Storage Write API",
"Committed mode"). An offset keeps them from being appended twice: after a lost answer the same
request is sent again, and OFFSET_ALREADY_EXISTS says that it was appended. Only the process that
has opened a stream appends to it, so nothing else can be there.

What became of an append is decided by finalizing its stream, which says how many rows there are,
and after which no request is appended any more (API reference, FinalizeWriteStream).
"""

from collections.abc import Sequence
from time import monotonic

from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from google.cloud.bigquery_storage_v1.types import WriteStream

from ..errors import OutcomeUnknownError, RefusedError
from ..export.delivery import Outcome, Rejection
from ..export.open_stream import COMMITTED_STREAM, Append
from ..rows.table import Table
from .append_connection import TOO_LARGE, AppendConnection, is_too_large, requests_of
from .connection import Connection
from .protobuf import ProtobufEncoding
from .write_streams import FORGOTTEN_AFTER, WriteStreams

_COMMITTED = WriteStream.Type(WriteStream.Type.COMMITTED)
_LONGEST = 12 * 60 * 60.0
"""Seconds after which another stream is opened. One that gets no rows is deleted after three days
(page "Stream data with the Storage Write API")."""
_EXPIRED = 3 * 24 * 60 * 60.0
_OTHERS = -1
"""Stands for the number of rows of a stream to which others have appended."""


class CommittedStreamDelivery:
    """The way into the tables of a destination by streams that stay open; its methods block."""

    name = COMMITTED_STREAM
    sending_is_billed = True
    is_listed_at_once = False
    load_jobs_used = 0

    def __init__(self, connection: Connection) -> None:
        """Write to the destination of a connection; nothing is sent yet."""
        self._connection = connection
        self._encodings: dict[str, ProtobufEncoding] = {}
        self._open: dict[str, tuple[AppendConnection, float]] = {}
        """The open streams by table, and when they were opened, by the clock `monotonic`."""
        self._closed: dict[str, int] = {}
        """How many rows the streams have that were closed; -1 if it is not known which ones."""

    def encoding(self, table: Table) -> ProtobufEncoding:
        """Return how the rows of a table are encoded."""
        if table.name not in self._encodings:
            self._encodings[table.name] = ProtobufEncoding(table)
        return self._encodings[table.name]

    def check_access(self, table: Table) -> None:
        """Open a write stream, which BigQuery deletes when it gets no rows."""
        WriteStreams(self._connection, table).create(_COMMITTED)

    def begin(self, table: Table, label: str) -> AppendTransaction:
        """Collect rows; the stream is opened when all are there, and the label is not used."""
        return AppendTransaction(self, table)

    def opened(self, table: Table) -> AppendConnection:
        """Return the open stream of a table, or open one."""
        connection, _ = self._open.get(table.name, (None, 0.0))
        if connection is None or self.is_old(table):
            self.forget(table)
            streams = WriteStreams(self._connection, table)
            name = streams.create(_COMMITTED)
            connection = AppendConnection(streams, name, self.encoding(table))
            self._open[table.name] = connection, monotonic()
        return connection

    def is_old(self, table: Table) -> bool:
        """Return whether the next rows of a table go to another stream than the one before."""
        _, opened = self._open.get(table.name, (None, monotonic()))
        return monotonic() - opened > _LONGEST

    def forget(self, table: Table) -> None:
        """Append to the stream of a table no more: the next transaction opens another one."""
        if open_ := self._open.pop(table.name, None):
            open_[0].close()

    def sent(self, connection: AppendConnection, request: Sequence[bytes]) -> dict[int, str]:
        """Append rows as `AppendConnection.send` does.

        Where the offset is taken before they were sent, another process has appended, such as one
        whose memory was restored: how many rows there are tells nothing of these then.
        """
        try:
            return connection.send(request)
        except RefusedError as err:
            if isinstance(err.__cause__, AlreadyExists):
                self._closed[connection.name] = _OTHERS
            raise

    def close(self) -> None:
        """Close all connections; the streams stay as they are."""
        for connection, _ in self._open.values():
            connection.end()
        self._open.clear()

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide an append in doubt; the stream is closed, and none can follow."""
        append = Append.named(transaction)
        rows = self.close_stream(table, append.stream, age)
        if rows == append.offset:
            return Outcome.NOT_COMMITTED
        return Outcome.COMMITTED if rows == append.offset + append.rows else Outcome.FORGOTTEN

    def close_stream(self, table: Table, name: str, age: float = 0.0) -> int | None:
        """Finalize a stream and return how many rows it has; None if BigQuery does not know it.

        BigQuery has to say so for a minute, unless the stream got its last rows days ago: it may
        not find what is there for a moment.
        """
        if (open_ := self._open.get(table.name)) and open_[0].name == name:
            self.forget(table)
        if name in self._closed:
            return self._closed[name]
        self._connection.authenticate()
        streams = WriteStreams(self._connection, table)
        waits = iter(() if age >= _EXPIRED else FORGOTTEN_AFTER)
        with self._connection.storage_errors():
            while True:
                try:
                    rows = self._closed[name] = streams.finalize(name)
                    return rows
                except NotFound, FailedPrecondition, InvalidArgument:
                    if (seconds := next(waits, None)) is None:
                        return None
                    self._connection.wait(seconds)


class AppendTransaction:
    """Rows that are appended to the stream of a table, all with the commit."""

    def __init__(self, delivery: CommittedStreamDelivery, table: Table) -> None:
        """Begin without rows."""
        self._delivery = delivery
        self._table = table
        self._rows: list[bytes] = []
        self._connection: AppendConnection | None = None
        self._is_appended = False

    @property
    def name(self) -> str:
        """Return where its rows are, or will be. It is known when `finish` was called."""
        if self._connection is None:
            return ""
        return str(Append(self._connection.name, self._connection.rows, len(self._rows)))

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Add rows, less those that no request can hold."""
        rejected = []
        for request in requests_of(rows):
            if is_too_large(request):
                rejected.append(Rejection(request[0], TOO_LARGE))
            else:
                self._rows += request
        return rejected

    def finish(self) -> None:
        """Open the stream, if none is open."""
        self._connection = self._delivery.opened(self._table)

    def commit(self) -> list[Rejection]:
        """Append the rows, most often as one request, of which BigQuery takes all rows or none.

        What becomes of it where an error is raised, `settle` tells. A stream of which BigQuery has
        rejected rows gets no more: there is one transaction at most at each of its offsets.
        """
        if (connection := self._connection) is None:
            raise OutcomeUnknownError(message="the stream is not open")
        for number, request in enumerate(requests_of(self._rows)):
            if errors := self._delivery.sent(connection, request):
                if number:  # Others were appended.
                    raise OutcomeUnknownError(message=next(iter(errors.values())))
                self._delivery.forget(self._table)
                self._rows = [
                    *(row for index, row in enumerate(request) if index not in errors),
                    *self._rows[len(request) :],
                ]
                return [Rejection(request[index], errors[index]) for index in errors]
        self._is_appended = True
        return []

    def close(self) -> None:
        """Let the stream stay open if all is well; else the next transaction opens another one."""
        if self._connection and not self._is_appended:
            self._delivery.forget(self._table)
