"""One AppendRows connection: what its requests may say, and the answer to each.

Sources: storage.proto (AppendRows, AppendRowsRequest, AppendRowsResponse, StorageError),
write-api-streaming ("Exactly-once semantics"), quotas ("AppendRows request size").
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import parse_qs

from google.cloud.bigquery_storage_v1 import types
import grpc
import orjson

from .access import Caller
from .catalog import Catalog
from .emulator import Emulator
from .errors import ProtoMessage, StorageApiError, StorageErrorCode
from .messages import table_schema_message
from .names import TableName, table_name_of_stream
from .rows import Batch, RowDecoder, TableSchema, row_decoder
from .schema import Column
from .write_streams import Stream, WriteStreams

MAX_REQUEST_BYTES = 20_000_000

_Request = types.AppendRowsRequest.pb()
_Response = types.AppendRowsResponse.pb()
_DEFAULT_VALUE = types.AppendRowsRequest.MissingValueInterpretation.DEFAULT_VALUE
_IN_RESPONSE = frozenset(
    {
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.INVALID_ARGUMENT,
    }
)


class AppendRowsConnection:
    """The state of a connection, from its first request to its end."""

    def __init__(
        self,
        caller: Caller,
        routing: str | None,
        catalog: Catalog,
        streams: WriteStreams,
        emulator: Emulator,
    ) -> None:
        """`routing` is the value of the call's x-goog-request-params header."""
        self._caller = caller
        self.routed_to = parse_qs(routing or "").get("write_stream", [""])[0]
        self._catalog = catalog
        self._streams = streams
        self._emulator = emulator
        self.stream_name = ""
        self._decoder: RowDecoder | None = None
        self._known_columns: list[Column] = []

    def read(self, content: bytes) -> ProtoMessage:
        """Return one request, once it is known to which stream it goes; raises StorageApiError."""
        if len(content) > MAX_REQUEST_BYTES:
            raise _refused(
                f"The AppendRowsRequest has {len(content)} bytes;"
                f" it must have less than {MAX_REQUEST_BYTES}."
            )
        request = _Request.FromString(content)
        self._caller.check_token()
        self._follow(request.write_stream)
        self._caller.check_write(table_name_of_stream(self.stream_name))
        _check_offered(request)
        return request

    async def answer(self, request: ProtoMessage, decoder: RowDecoder) -> ProtoMessage:
        """Return the response to one request; raises StorageApiError to end the connection."""
        table = table_name_of_stream(self.stream_name)
        response = _Response(write_stream=self.stream_name)
        try:
            offset = await self._append(request, table, decoder, response)
        except StorageApiError as error:
            # Only what concerns a single request is told in a response; see storage.proto.
            if error.code not in _IN_RESPONSE:
                raise
            response.error.CopyFrom(error.status())
            return response
        if response.row_errors:
            return response
        response.append_result.SetInParent()
        if offset is not None:
            response.append_result.offset.value = offset
        self._tell_updated_schema(table, response)
        return response

    def _follow(self, name: str) -> None:
        """Take the stream's name from a request, which may leave it out after the first."""
        if not self.stream_name:
            if not name:
                raise _refused("The first request of a connection must name its write_stream.")
            # Source: storage.proto and the client libraries' AppendRows; without the header the
            # call may reach another region, which does not know the stream.
            if self.routed_to != name:
                raise StorageApiError(
                    grpc.StatusCode.PERMISSION_DENIED,
                    f"Permission 'TABLES_UPDATE_DATA' denied on resource"
                    f" '{table_name_of_stream(name).path}' (or it may not exist). The local"
                    " BigQuery saw no x-goog-request-params header with write_stream="
                    f"{name}.",
                )
            self.stream_name = name
        elif name and name != self.stream_name:
            if not (_is_default(name) and _is_default(self.stream_name)):
                raise _refused(
                    "A connection to a stream that an application created serves no other stream."
                )
            self.stream_name, self._decoder = name, None

    def decoder_of(self, request: ProtoMessage) -> RowDecoder:
        """Return the decoder of the connection's writer schema.

        A schema that comes again is ignored, except on a default stream, where it replaces the one
        before. Source: storage.proto, AppendRowsRequest.rows and ProtoData.writer_schema.
        """
        rows = request.proto_rows
        has_schema = rows.HasField("writer_schema")
        if self._decoder is None and not has_schema:
            raise _refused("The first request of a connection must have a writer schema.")
        table = table_name_of_stream(self.stream_name)
        if self._decoder is None or (has_schema and _is_default(self.stream_name)):
            resource = self._catalog.existing_table(table)
            columns = self._known_columns = self._catalog.columns_for_streams(table)
            partitioning = resource.get("timePartitioning") or {}
            schema = TableSchema(str(table), columns, partitioning.get("field", ""))
            descriptor = rows.writer_schema.proto_descriptor
            self._decoder = row_decoder(schema, descriptor)
        return self._decoder

    async def _append(
        self,
        request: ProtoMessage,
        table: TableName,
        decoder: RowDecoder,
        response: ProtoMessage,
    ) -> int | None:
        """Store the rows and return the offset of the first, or put the rows' errors there."""
        serialized_rows = request.proto_rows.rows.serialized_rows
        if not serialized_rows:
            raise _refused("A request must have rows.")
        offset = request.offset.value if request.HasField("offset") else None
        if _is_default(self.stream_name):
            if offset is not None:
                raise _refused("An offset cannot be given for the default stream.")
            batch = await self._decode(decoder, table, serialized_rows)
            if not tell_row_errors(batch.errors, response):
                await self._streams.store_rows(table, batch)
            return None
        async with self._streams.writing(self.stream_name):
            stream = self._open_stream()
            _check_offset(stream, offset)
            batch = await self._decode(decoder, table, serialized_rows)
            if not tell_row_errors(batch.errors, response):
                await self._streams.append(stream, batch)
            return stream.row_count

    async def _decode(
        self, decoder: RowDecoder, table: TableName, serialized_rows: Sequence[bytes]
    ) -> Batch:
        defaults = {}
        for column in decoder.left_to_default:
            sql = f"SELECT TO_JSON_STRING({column.default}) AS value"
            (row,) = await self._emulator.query(table.project, sql)
            defaults[column.name] = orjson.loads(row["value"])
        return await asyncio.to_thread(decoder.decode, serialized_rows, defaults)

    def _open_stream(self) -> Stream:
        stream = self._streams.get(self.stream_name)
        if stream is None:
            raise StorageApiError(
                grpc.StatusCode.NOT_FOUND,
                f"Requested entity was not found. Entity: {self.stream_name}",
                StorageErrorCode.STREAM_NOT_FOUND,
                self.stream_name,
            )
        if stream.finalized:
            raise StorageApiError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"The stream is finalized. Entity: {self.stream_name}",
                StorageErrorCode.STREAM_FINALIZED,
                self.stream_name,
            )
        return stream

    def _tell_updated_schema(self, table: TableName, response: ProtoMessage) -> None:
        """Tell once that the table has other columns than the connection knows.

        Source: storage.proto, AppendRowsResponse.updated_schema.
        """
        columns = self._catalog.columns_for_streams(table)
        if columns != self._known_columns:
            self._known_columns = columns
            response.updated_schema.CopyFrom(table_schema_message(columns))


def _check_offered(request: ProtoMessage) -> None:
    unoffered = ""
    if request.WhichOneof("rows") == "arrow_rows":
        unoffered = "rows in Arrow"
    if _DEFAULT_VALUE in (
        request.default_missing_value_interpretation,
        *request.missing_value_interpretations.values(),
    ):
        unoffered = "default values for missing values"
    if unoffered:
        raise StorageApiError(
            grpc.StatusCode.UNIMPLEMENTED, f"The local BigQuery does not offer {unoffered}."
        )


def _check_offset(stream: Stream, offset: int | None) -> None:
    """Refuse rows that are there already and rows after a gap; source: storage.proto."""
    if offset is None or offset == stream.row_count:
        return
    if offset < stream.row_count:
        raise StorageApiError(
            grpc.StatusCode.ALREADY_EXISTS,
            f"The offset is within stream, expected offset {stream.row_count},"
            f" received {offset}. Entity: {stream.name}",
            StorageErrorCode.OFFSET_ALREADY_EXISTS,
            stream.name,
        )
    raise StorageApiError(
        grpc.StatusCode.OUT_OF_RANGE,
        f"The offset is beyond stream, expected offset {stream.row_count},"
        f" received {offset}. Entity: {stream.name}",
        StorageErrorCode.OFFSET_OUT_OF_RANGE,
        stream.name,
    )


def tell_row_errors(errors: Sequence[tuple[int, str]], response: ProtoMessage) -> bool:
    """Put the errors of rows into the response, and say whether there are any.

    Source: storage.proto, AppendRowsResponse.row_errors: nothing of the request is appended.
    """
    if not errors:
        return False
    response.error.code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
    response.error.message = (
        "Errors found while processing rows. Please refer to the row_errors field for details."
    )
    for index, message in errors:
        response.row_errors.add(
            index=index, code=types.RowError.RowErrorCode.FIELDS_ERROR, message=message
        )
    return True


def _is_default(name: str) -> bool:
    return name.endswith("/streams/_default")


def _refused(message: str) -> StorageApiError:
    return StorageApiError(grpc.StatusCode.INVALID_ARGUMENT, message)
