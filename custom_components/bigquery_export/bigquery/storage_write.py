"""Delivery by the Storage Write API: each transaction is a write stream of type PENDING.

What a stream holds becomes visible with its commit, all at once, and to repeat a commit changes
nothing (BigQuery's page "Batch load data using the Storage Write API").
"""

from collections.abc import Sequence

from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound
from google.cloud.bigquery_storage_v1.types import StorageError, WriteStream

from ..errors import OutcomeUnknownError, RefusedError
from ..export.delivery import Outcome, Rejection
from ..rows.table import Table
from .append_connection import TOO_LARGE, AppendConnection, is_too_large, requests_of
from .connection import Connection
from .protobuf import ProtobufEncoding
from .write_streams import FORGOTTEN_AFTER, WriteStreams

_COMMITTABLE = 24 * 60 * 60.0
"""Seconds for which a stream can be committed ("Batch load data using the Storage Write API")."""
_PENDING = WriteStream.Type(WriteStream.Type.PENDING)
_STREAM_NOT_FOUND = StorageError.StorageErrorCode.STREAM_NOT_FOUND


class StorageWriteDelivery:
    """The way into the tables of a destination by the Storage Write API."""

    name = "storage_write"
    sending_is_billed = True
    is_listed_at_once = False
    load_jobs_used = 0

    def __init__(self, connection: Connection) -> None:
        """Write to the destination of a connection; nothing is sent yet."""
        self._connection = connection
        self._encodings: dict[str, ProtobufEncoding] = {}

    def encoding(self, table: Table) -> ProtobufEncoding:
        """Return how the rows of a table are encoded."""
        if table.name not in self._encodings:
            self._encodings[table.name] = ProtobufEncoding(table)
        return self._encodings[table.name]

    def check_access(self, table: Table) -> None:
        """Open a write stream, which BigQuery deletes within a day if it is not committed."""
        WriteStreams(self._connection, table).create(_PENDING)

    def begin(self, table: Table, label: str) -> PendingStream:
        """Open a write stream; BigQuery names it, and the label is not used."""
        streams = WriteStreams(self._connection, table)
        return PendingStream(streams, streams.create(_PENDING), self.encoding(table))

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide a transaction in doubt: commit it if that is still possible.

        To commit it is safer than to send its rows again: a commit request of a process that died
        may still arrive late. A stream that can still be committed is believed to be forgotten only
        if BigQuery says so for a minute: it may not find what is there for a moment.
        """
        self._connection.authenticate()
        streams = WriteStreams(self._connection, table)
        expired = age >= _COMMITTABLE
        waits = iter(() if expired else FORGOTTEN_AFTER)
        with self._connection.storage_errors():
            while True:
                try:
                    return _settled(streams, transaction)
                except NotFound:
                    if (seconds := next(waits, None)) is None:
                        return Outcome.FORGOTTEN
                    self._connection.wait(seconds)
                except (FailedPrecondition, InvalidArgument) as err:
                    if expired:
                        return Outcome.FORGOTTEN
                    raise OutcomeUnknownError(message=str(err.message)) from err


def _settled(streams: WriteStreams, name: str) -> Outcome:
    """Commit a stream if it is not committed. Raises GoogleAPICallError."""
    # Only a finalized stream can be committed, and this one was before its intent was saved.
    if streams.is_committed(name):
        return Outcome.COMMITTED
    codes = streams.commit(name)
    if _STREAM_NOT_FOUND in codes:
        raise NotFound(name)
    return Outcome.NOT_COMMITTED if codes else Outcome.COMMITTED_NOW


class PendingStream:
    """One write stream of type PENDING: rows that are committed together or not at all."""

    def __init__(self, streams: WriteStreams, name: str, encoding: ProtobufEncoding) -> None:
        """Hold an open stream; the connection for its rows is opened by the first batch."""
        self.name = name
        self._streams = streams
        self._connection = AppendConnection(streams, name, encoding)

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Send a batch; rows that are rejected are left out, all others are in."""
        rejected: list[Rejection] = []
        for request in requests_of(rows):
            if is_too_large(request):
                rejected.append(Rejection(request[0], TOO_LARGE))
                continue
            # BigQuery takes all rows of a request or none, and names the ones to leave out.
            while request and (errors := self._connection.send(request)):
                rejected += [Rejection(request[index], errors[index]) for index in errors]
                request = [row for index, row in enumerate(request) if index not in errors]
        return rejected

    def finish(self) -> None:
        """End the sending, and make sure that as many rows arrived as were appended."""
        self.close()
        with self._streams.errors():
            finalized = self._streams.finalize(self.name)
        if finalized != self._connection.rows:
            raise RefusedError(
                message=f"{self._connection.rows} rows were sent and {finalized} arrived"
            )

    def commit(self) -> list[Rejection]:
        """Make the rows visible; to commit what is committed already changes nothing."""
        with self._streams.errors():
            codes = self._streams.commit(self.name)
        if codes:
            # The next job settles it.
            raise OutcomeUnknownError(message=", ".join(code.name for code in codes))
        return []

    def close(self) -> None:
        """Close the connection; BigQuery deletes what is not committed within a day."""
        self._connection.close()
