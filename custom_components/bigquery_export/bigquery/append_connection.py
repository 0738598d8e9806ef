"""A connection for the rows of one write stream, which is opened again where it ends."""

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from time import monotonic

from google.api_core.exceptions import (
    AlreadyExists,
    MethodNotImplemented,
    ServiceUnavailable,
    from_grpc_status,
)
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse

from ..errors import (
    ColumnsUnknownError,
    TableNotReadyError,
    TokenRefusedError,
    UnreachableError,
)
from ..export.response_time import ResponseTime
from .append_request import append_request
from .errors import EXTRA_FIELDS, storage_codes
from .protobuf import ProtobufEncoding
from .write_streams import NEW, Responses, WriteStreams

_RECONNECT_AFTER = (1.0, 5.0)
"""Seconds after which a connection that has ended is opened again."""
REQUEST_BYTES = 9 * 1024 * 1024
"""A request must stay below 20 MB, and once had to below 10 MB (API reference, AppendRows)."""
TOO_LARGE = f"it is larger than the {REQUEST_BYTES:,} bytes that one request can have"
_ENVELOPE_BYTES = 16
"""What protobuf adds to each row, at most."""


class AppendConnection:
    """Appends rows to a write stream, and is alone to do so. Its methods block."""

    def __init__(self, streams: WriteStreams, name: str, encoding: ProtobufEncoding) -> None:
        """Prepare for a stream without rows; the first request opens the connection."""
        self.name = name
        self.rows = 0
        """How many rows the stream has: the offset of the next request."""
        self._ended = False
        self._streams = streams
        self._encoding = encoding
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._responses: Responses | None = None

    def end(self) -> None:
        """Close it for good; a thread that waits for an answer gets an error."""
        self._ended = True
        self.close()

    def close(self) -> None:
        """Close the connection; the stream stays as it is."""
        self._requests.put(None)
        self._requests = SimpleQueue()
        if self._responses is not None:
            self._responses.cancel()
            self._responses = None

    def send(self, rows: Sequence[bytes]) -> dict[int, str]:
        """Append rows as one request; return errors by index, in which case none was appended.

        A connection that has ended, for example because it was idle for ten minutes, is opened
        again. The offset keeps rows from being appended twice ("Best practices for the Storage
        Write API", "Manage stream offsets to achieve exactly-once semantics").
        """
        ended, not_found = iter(_RECONNECT_AFTER), iter(NEW)
        again = False
        while True:
            try:
                return self._send_once(rows, again=again)
            except (TableNotReadyError, TokenRefusedError, UnreachableError) as err:
                self.close()
                if self._ended:
                    raise
                waits = not_found if isinstance(err, TableNotReadyError) else ended
                if (seconds := next(waits, None)) is None:
                    raise
                self._streams.connection.wait(seconds)
                if self._ended:
                    raise
                again = True

    def _send_once(self, rows: Sequence[bytes], *, again: bool) -> dict[int, str]:
        """Append rows as one request; `again` if they may have been appended already."""
        began = monotonic()
        requests = self._requests  # Another thread may close the connection meanwhile.
        requests.put(self._request(rows))
        with self._streams.errors():
            try:
                response = self._answer(requests)
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
                self._streams.connection.last_append = ResponseTime.since(began)
                if response.row_errors:
                    return {error.index: error.message for error in response.row_errors}
        self.rows += len(rows)
        return {}

    def _answer(self, requests: SimpleQueue[bytes | None]) -> AppendRowsResponse:
        """Return the answer to the last request. Raises the error that is in it."""
        if self._responses is None:
            self._responses = self._streams.append_rows(self.name, requests)
        response = next(self._responses, None)
        if response is None:
            raise ServiceUnavailable("the connection was closed without an answer")
        if not response.row_errors:
            if EXTRA_FIELDS in storage_codes(response.error):
                raise ColumnsUnknownError(message=response.error.message)
            if response.error.code:
                raise from_grpc_status(response.error.code, response.error.message)
        return response

    def _request(self, rows: Sequence[bytes]) -> bytes:
        head = AppendRowsRequest(write_stream=self.name, offset=self.rows)
        if self._responses is None:
            schema = AppendRowsRequest.pb(head).proto_rows.writer_schema
            schema.proto_descriptor.CopyFrom(self._encoding.descriptor)
        return append_request(head, rows)


def is_too_large(request: Sequence[bytes]) -> bool:
    """Return whether a request of `requests_of` is a row that none can hold."""
    return len(request[0]) > REQUEST_BYTES


def requests_of(rows: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield the rows again, as many at once as fit into a request."""
    if sum(map(len, rows)) + len(rows) * _ENVELOPE_BYTES <= REQUEST_BYTES:
        if rows:
            yield rows
        return
    request: list[bytes] = []
    size = 0
    for row in rows:
        cost = len(row) + _ENVELOPE_BYTES
        if request and size + cost > REQUEST_BYTES:
            yield request
            request, size = [], 0
        request.append(row)
        size += cost
    yield request
