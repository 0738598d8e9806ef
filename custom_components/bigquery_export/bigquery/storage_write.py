"""Delivery by the Storage Write API: each transaction is a write stream of type PENDING.

What a stream holds becomes visible with its commit, all at once, and to repeat a commit changes
nothing (BigQuery's page "Batch load data using the Storage Write API").
"""

from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue

from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
    ServiceUnavailable,
    from_grpc_status,
)
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    StorageError,
)

from ..errors import (
    ColumnsUnknownError,
    OutcomeUnknownError,
    RefusedError,
    TableNotReadyError,
    TokenRefusedError,
    UnreachableError,
)
from ..export.delivery import Outcome, Rejection
from ..rows.table import Table
from .connection import Connection
from .errors import EXTRA_FIELDS, storage_codes
from .protobuf import ProtobufEncoding
from .write_streams import Responses, WriteStreams

_RECONNECT_AFTER = (1.0, 5.0)
"""Seconds after which a connection that has ended is opened again."""
_NEW = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between attempts to use what is not found, while tables.get knows the table: for some
seconds or minutes BigQuery may not find a table or stream that was just made ("Use the legacy
streaming API", "Troubleshooting streaming inserts").
"""
_FORGOTTEN_AFTER = (20.0, 20.0, 20.0)
"""Seconds between the times that BigQuery has to say that it does not know a stream."""
_COMMITTABLE = 24 * 60 * 60.0
"""Seconds for which a stream can be committed ("Batch load data using the Storage Write API")."""
_REQUEST_BYTES = 9 * 1024 * 1024
"""A request must stay below 20 MB, and once had to below 10 MB (API reference, AppendRows)."""
_TOO_LARGE = f"it is larger than the {_REQUEST_BYTES:,} bytes that one request can have"
_ENVELOPE_BYTES = 16
"""What protobuf adds to each row, at most."""

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
        self._open(WriteStreams(self._connection, table))

    def begin(self, table: Table, label: str) -> PendingStream:
        """Open a write stream; BigQuery names it, and the label is not used."""
        streams = WriteStreams(self._connection, table)
        return PendingStream(streams, self._open(streams), self.encoding(table))

    def _open(self, streams: WriteStreams) -> str:
        """Open a write stream and return its name; wait for a table that was just made."""
        for seconds in _NEW:
            try:
                return streams.create()
            except TableNotReadyError:
                self._connection.wait(seconds)
        return streams.create()

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide a transaction in doubt: commit it if that is still possible.

        To commit it is safer than to send its rows again: a commit request of a process that died
        may still arrive late. A stream that can still be committed is believed to be forgotten only
        if BigQuery says so for a minute: it may not find what is there for a moment.
        """
        self._connection.authenticate()
        streams = WriteStreams(self._connection, table)
        expired = age >= _COMMITTABLE
        waits = iter(() if expired else _FORGOTTEN_AFTER)
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
        self._encoding = encoding
        self._rows = 0
        self._requests: SimpleQueue[AppendRowsRequest | None] = SimpleQueue()
        self._responses: Responses | None = None

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Send a batch; rows that are rejected are left out, all others are in."""
        rejected = [Rejection(row, _TOO_LARGE) for row in rows if len(row) > _REQUEST_BYTES]
        for request in _requests(row for row in rows if len(row) <= _REQUEST_BYTES):
            # BigQuery takes all rows of a request or none, and names the ones to leave out.
            while request and (errors := self._send(request)):
                rejected += [Rejection(request[index], errors[index]) for index in errors]
                request = [row for index, row in enumerate(request) if index not in errors]
        return rejected

    def finish(self) -> None:
        """End the sending, and make sure that as many rows arrived as were appended."""
        self.close()
        with self._streams.errors():
            finalized = self._streams.finalize(self.name)
        if finalized != self._rows:
            raise RefusedError(message=f"{self._rows} rows were sent and {finalized} arrived")

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
        self._requests.put(None)
        self._requests = SimpleQueue()
        if self._responses is not None:
            self._responses.cancel()
            self._responses = None

    def _send(self, rows: Sequence[bytes]) -> dict[int, str]:
        """Append rows as one request; return errors by index, in which case none was appended.

        A connection that has ended, for example because it was idle for ten minutes, is opened
        again. The offset keeps rows from being appended twice ("Best practices for the Storage
        Write API", "Manage stream offsets to achieve exactly-once semantics").
        """
        ended, not_found = iter(_RECONNECT_AFTER), iter(_NEW)
        again = False
        while True:
            try:
                return self._send_once(rows, again=again)
            except (TableNotReadyError, TokenRefusedError, UnreachableError) as err:
                self.close()
                waits = not_found if isinstance(err, TableNotReadyError) else ended
                if (seconds := next(waits, None)) is None:
                    raise
                self._streams.connection.wait(seconds)
                again = True

    def _send_once(self, rows: Sequence[bytes], *, again: bool) -> dict[int, str]:
        """Append rows as one request; `again` if they may have been appended already."""
        self._requests.put(self._request(rows))
        with self._streams.errors():
            try:
                response = self._answer()
            except AlreadyExists:
                if not again:
                    raise
            except MethodNotImplemented:
                # So gRPC says that a server does not know a compression (its page "Compression").
                if not self._streams.stop_compressing():
                    raise
                self.close()
                return self._send_once(rows, again=again)
            else:
                if response.row_errors:
                    return {error.index: error.message for error in response.row_errors}
        self._rows += len(rows)
        return {}

    def _answer(self) -> AppendRowsResponse:
        """Return the answer to the last request. Raises the error that is in it."""
        if self._responses is None:
            self._responses = self._streams.append_rows(self.name, self._requests)
        response = next(self._responses, None)
        if response is None:
            raise ServiceUnavailable("the connection was closed without an answer")
        if not response.row_errors:
            if EXTRA_FIELDS in storage_codes(response.error):
                raise ColumnsUnknownError(message=response.error.message)
            if response.error.code:
                raise from_grpc_status(response.error.code, response.error.message)
        return response

    def _request(self, rows: Sequence[bytes]) -> AppendRowsRequest:
        request = AppendRowsRequest.pb(AppendRowsRequest())
        request.write_stream = self.name
        request.offset.value = self._rows
        if self._responses is None:
            request.proto_rows.writer_schema.proto_descriptor.CopyFrom(self._encoding.descriptor)
        request.proto_rows.rows.serialized_rows.extend(rows)
        wrapped: AppendRowsRequest = AppendRowsRequest.wrap(request)
        return wrapped


def _requests(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the rows again, as many at once as fit into a request."""
    request: list[bytes] = []
    size = 0
    for row in rows:
        cost = len(row) + _ENVELOPE_BYTES
        if request and size + cost > _REQUEST_BYTES:
            yield request
            request, size = [], 0
        request.append(row)
        size += cost
    if request:
        yield request
