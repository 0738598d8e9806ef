"""The calls of the Storage Write API for the write streams of one table."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Protocol, override

from google.api_core.exceptions import (
    Cancelled,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    from_grpc_error,
)
from google.api_core.gapic_v1.client_info import ClientInfo
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.retry import Retry, if_exception_type
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsResponse,
    BatchCommitWriteStreamsRequest,
    StorageError,
    WriteStream,
)
from grpc import RpcError

from ..errors import TableNotFoundError, TableNotReadyError
from ..rows.table import Table
from .connection import Connection

_TIMEOUT = 30.0
_RETRY = Retry(
    predicate=if_exception_type(
        Cancelled, InternalServerError, ServiceUnavailable, TooManyRequests
    ),
    initial=0.5,
    maximum=5.0,
    timeout=10.0,
)
_GET_RETRY = DEFAULT_RETRY.with_timeout(10.0)
NEW = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between attempts to use what is not found, while tables.get knows the table: for some
seconds or minutes BigQuery may not find a table or stream that was just made ("Use the legacy
streaming API", "Troubleshooting streaming inserts").
"""
FORGOTTEN_AFTER = (20.0, 20.0, 20.0)
"""Seconds between the times that BigQuery has to say that it does not know a stream."""
_STREAM_TIMEOUT = 30 * 60.0
"""Seconds that all requests of a transaction may take together."""
_APPEND_ROWS = "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"
_StorageErrorCode = StorageError.StorageErrorCode


class _Call(Iterator[AppendRowsResponse], Protocol):
    def cancel(self) -> bool:
        """End the call."""


class Responses(Iterator[AppendRowsResponse]):
    """The answers of one connection, in the order of the requests. Raises GoogleAPICallError."""

    def __init__(self, call: _Call) -> None:
        """Take over a call that was begun."""
        self._call = call

    @override
    def __next__(self) -> AppendRowsResponse:
        try:
            return next(self._call)
        except RpcError as err:
            raise from_grpc_error(err) from err

    def cancel(self) -> None:
        """End the connection; a thread that waits for an answer gets an error."""
        self._call.cancel()


class WriteStreams:
    """The write streams of one table. Its methods block."""

    def __init__(self, connection: Connection, table: Table) -> None:
        """Prepare; nothing is asked yet."""
        self.connection = connection
        self._client = connection.storage
        self._reference = connection.destination.table_reference(table)
        self._table = self._client.table_path(
            self._reference.project, self._reference.dataset_id, self._reference.table_id
        )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise Google's errors as ExportErrors; what tables.get knows is not gone."""
        try:
            with self.connection.storage_errors():
                yield
        except TableNotFoundError as err:
            if not self._table_exists():
                raise
            raise TableNotReadyError(message=err.message) from err

    def _table_exists(self) -> bool:
        with self.connection.errors():
            try:
                self.connection.tables.get_table(
                    self._reference, retry=_GET_RETRY, timeout=_TIMEOUT
                )
            except NotFound:
                return False
        return True

    def create(self, type_: WriteStream.Type) -> str:
        """Open a stream and return its name; wait for a table that was just made.

        Raises ExportError.
        """
        for seconds in NEW:
            try:
                return self._create(type_)
            except TableNotReadyError:
                self.connection.wait(seconds)
        return self._create(type_)

    def _create(self, type_: WriteStream.Type) -> str:
        self.connection.authenticate()
        with self.errors():
            stream = self._client.create_write_stream(
                parent=self._table,
                write_stream=WriteStream(type_=type_),
                retry=_RETRY,
                timeout=_TIMEOUT,
            )
        return str(stream.name)

    def append_rows(self, name: str, requests: SimpleQueue[bytes | None]) -> Responses:
        """Open a connection for requests that are bytes already; None among them ends it."""
        append_rows = self.connection.channel.stream_stream(
            _APPEND_ROWS, response_deserializer=AppendRowsResponse.deserialize
        )
        # The generated client adds no routing header to a streaming call; without it BigQuery
        # looks for the stream in the wrong region (API reference, AppendRows). AppendRowsStream of
        # the client library adds it, but hides why a connection ended. google-api-core's wrapper
        # waits for the first answer before there is a call to cancel.
        route = to_grpc_metadata((("write_stream", name),))
        return Responses(
            append_rows(
                iter(requests.get, None),
                metadata=(route, ClientInfo().to_grpc_metadata()),
                timeout=_STREAM_TIMEOUT,
                compression=self.connection.compression,
            )
        )

    def stop_compressing(self) -> bool:
        """Send rows as they are from now on, and return whether they were compressed before."""
        was, self.connection.compression = self.connection.compression, None
        return was is not None

    def finalize(self, name: str) -> int:
        """End a stream and return how many rows it has. Raises GoogleAPICallError."""
        response = self._client.finalize_write_stream(name=name, retry=_RETRY, timeout=_TIMEOUT)
        return int(response.row_count)

    def is_committed(self, name: str) -> bool:
        """Return whether a stream is committed. Raises GoogleAPICallError."""
        stream = self._client.get_write_stream(name=name, retry=_RETRY, timeout=_TIMEOUT)
        return bool(stream.commit_time)

    def commit(self, name: str) -> list[_StorageErrorCode]:
        """Return why a stream is not committed; an empty list means that it is.

        The call succeeds also when the commit did not: the answer says so. Raises
        GoogleAPICallError.
        """
        response = self._client.batch_commit_write_streams(
            BatchCommitWriteStreamsRequest(parent=self._table, write_streams=[name]),
            retry=_RETRY,
            timeout=_TIMEOUT,
        )
        codes = [error.code for error in response.stream_errors]
        return [code for code in codes if code != _StorageErrorCode.STREAM_ALREADY_COMMITTED]
