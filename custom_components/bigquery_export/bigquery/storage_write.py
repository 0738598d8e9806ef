"""Delivery by the Storage Write API: each transaction is a write stream of type PENDING.

What a stream holds becomes visible with its commit, all at once, and to repeat a commit changes
nothing (BigQuery's page "Batch load data using the Storage Write API").
"""

from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Protocol, cast

from google.api_core.exceptions import NotFound, ServiceUnavailable, from_grpc_status
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.retry import Retry, if_transient_error
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    BatchCommitWriteStreamsRequest,
    StorageError,
    WriteStream,
)

from ..errors import ColumnsUnknownError, RefusedError
from ..export.delivery import Outcome, Rejection
from ..rows.table import Table
from .connection import Connection
from .errors import EXTRA_FIELDS, storage_codes
from .protobuf import ProtobufEncoding

_TIMEOUT = 30.0
_RETRY = Retry(predicate=if_transient_error, initial=0.5, maximum=5.0, timeout=10.0)
_STREAM_TIMEOUT = 30 * 60.0
"""Seconds that all requests of a transaction may take together."""
_REQUEST_BYTES = 9 * 1024 * 1024
"""A request must stay below 20 MB, and once had to below 10 MB (API reference, AppendRows)."""
_TOO_LARGE = f"it is larger than the {_REQUEST_BYTES:,} bytes that one request can have"
_ENVELOPE_BYTES = 16
"""What protobuf adds to each row, at most."""

_StorageErrorCode = StorageError.StorageErrorCode


class _Responses(Iterator[AppendRowsResponse], Protocol):
    """The answers of one connection, in the order of the requests."""

    def cancel(self) -> bool:
        """End the connection; a thread that waits for an answer gets an error."""


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
        _Writer(self._connection, table).create_stream()

    def begin(self, table: Table, label: str) -> PendingStream:
        """Open a write stream; BigQuery names it, and the label is not used."""
        writer = _Writer(self._connection, table)
        return PendingStream(writer, writer.create_stream(), self.encoding(table))

    def settle(self, table: Table, transaction: str) -> Outcome:
        """Decide a transaction in doubt: commit it if that is still possible.

        To commit it is safer than to send its rows again: a commit request of a process that died
        may still arrive late.
        """
        writer = _Writer(self._connection, table)
        committed = writer.is_committed(transaction)
        if committed is None:
            return Outcome.FORGOTTEN
        # Only a finalized stream can be committed, and this one was before its intent was saved.
        if committed:
            return Outcome.COMMITTED
        return Outcome.NOT_COMMITTED if writer.commit(transaction) else Outcome.COMMITTED_NOW


class PendingStream:
    """One write stream of type PENDING: rows that are committed together or not at all."""

    def __init__(self, writer: _Writer, name: str, encoding: ProtobufEncoding) -> None:
        """Hold an open stream; the connection for its rows is opened by the first batch."""
        self.name = name
        self._writer = writer
        self._encoding = encoding
        self._rows = 0
        self._requests: SimpleQueue[AppendRowsRequest | None] = SimpleQueue()
        self._responses: _Responses | None = None

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
        finalized = self._writer.finalize(self.name)
        if finalized != self._rows:
            raise RefusedError(message=f"{self._rows} rows were sent and {finalized} arrived")

    def commit(self) -> list[Rejection]:
        """Make the rows visible; to commit what is committed already changes nothing."""
        if errors := self._writer.commit(self.name):
            raise RefusedError(message=", ".join(code.name for code in errors))
        return []

    def close(self) -> None:
        """Close the connection; BigQuery deletes what is not committed within a day."""
        self._requests.put(None)
        self._requests = SimpleQueue()
        if self._responses is not None:
            self._responses.cancel()
            self._responses = None

    def _send(self, rows: Sequence[bytes]) -> dict[int, str]:
        """Append rows as one request; return errors by index, in which case none was appended."""
        self._requests.put(self._request(rows))
        with self._writer.connection.storage_errors():
            if self._responses is None:
                self._responses = self._writer.append_rows(self.name, self._requests)
            response = next(self._responses, None)
            if response is None:
                raise ServiceUnavailable("the connection was closed without an answer")
            if response.row_errors:
                return {error.index: error.message for error in response.row_errors}
            if EXTRA_FIELDS in storage_codes(response.error):
                raise ColumnsUnknownError(message=response.error.message)
            if response.error.code:
                raise from_grpc_status(response.error.code, response.error.message)
        self._rows += len(rows)
        return {}

    def _request(self, rows: Sequence[bytes]) -> AppendRowsRequest:
        request = AppendRowsRequest.pb(AppendRowsRequest())
        request.write_stream = self.name
        request.offset.value = self._rows
        if self._responses is None:
            request.proto_rows.writer_schema.proto_descriptor.CopyFrom(self._encoding.descriptor)
        request.proto_rows.rows.serialized_rows.extend(rows)
        wrapped: AppendRowsRequest = AppendRowsRequest.wrap(request)
        return wrapped


class _Writer:
    """The calls of the Storage Write API for one table, with its errors mapped."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self.connection = connection
        self._client = connection.storage
        reference = connection.destination.table_reference(table)
        self._table = self._client.table_path(
            reference.project, reference.dataset_id, reference.table_id
        )

    def create_stream(self) -> str:
        self.connection.authenticate()
        with self.connection.storage_errors():
            stream = self._client.create_write_stream(
                parent=self._table,
                write_stream=WriteStream(type_=WriteStream.Type.PENDING),
                retry=_RETRY,
                timeout=_TIMEOUT,
            )
        return str(stream.name)

    def append_rows(self, name: str, requests: SimpleQueue[AppendRowsRequest | None]) -> _Responses:
        # The generated client adds no routing header to a streaming call; without it BigQuery
        # looks for the stream in the wrong region (API reference, AppendRows).
        # AppendRowsStream of the client library adds it, but hides why a connection ended.
        return cast(
            _Responses,
            self._client.append_rows(
                iter(requests.get, None),
                metadata=(to_grpc_metadata((("write_stream", name),)),),
                retry=None,
                timeout=_STREAM_TIMEOUT,
            ),
        )

    def finalize(self, name: str) -> int:
        with self.connection.storage_errors():
            response = self._client.finalize_write_stream(name=name, retry=_RETRY, timeout=_TIMEOUT)
        return int(response.row_count)

    def is_committed(self, name: str) -> bool | None:
        """Return whether a stream is committed, or None when BigQuery does not know it."""
        self.connection.authenticate()
        with self.connection.storage_errors():
            try:
                stream = self._client.get_write_stream(name=name, retry=_RETRY, timeout=_TIMEOUT)
            except NotFound:
                return None
        return bool(stream.commit_time)

    def commit(self, name: str) -> list[_StorageErrorCode]:
        """Return why the stream is not committed; an empty list means that it is.

        The call succeeds also when the commit did not: the answer says so.
        """
        with self.connection.storage_errors():
            response = self._client.batch_commit_write_streams(
                BatchCommitWriteStreamsRequest(parent=self._table, write_streams=[name]),
                retry=_RETRY,
                timeout=_TIMEOUT,
            )
        codes = [error.code for error in response.stream_errors]
        return [code for code in codes if code != _StorageErrorCode.STREAM_ALREADY_COMMITTED]


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
