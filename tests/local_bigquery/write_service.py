"""The gRPC service google.cloud.bigquery.storage.v1.BigQueryWrite.

Source: storage.proto. `grpc.aio` has no generated base class for it in Google's Python package, so
its methods are registered by name.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from google.cloud.bigquery_storage_v1 import types
import grpc
import grpc.aio

from .access import Access, Caller
from .accounts import SCOPES_FOR_WRITING
from .append_rows import AppendRowsConnection
from .calls import AnswerLostError, Call, Gate
from .catalog import Catalog
from .emulator import Emulator, EmulatorError
from .errors import ApiError, ProtoMessage, StorageApiError, StorageErrorCode
from .messages import table_schema_message, write_stream_message
from .names import table_id, table_name, table_name_of_stream
from .write_streams import Stream, WriteStreams

type Context = grpc.aio.ServicerContext[Any, Any]
type Unary = Callable[[ProtoMessage, Caller], Awaitable[ProtoMessage]]

_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
_Type = types.WriteStream.Type
_FAILURES = (StorageApiError, ApiError, EmulatorError, AnswerLostError)


class WriteService:
    """The methods of the service."""

    def __init__(
        self,
        gate: Gate,
        access: Access,
        catalog: Catalog,
        streams: WriteStreams,
        emulator: Emulator,
    ) -> None:
        """Answer calls from these parts."""
        self._gate = gate
        self._access = access
        self._catalog = catalog
        self._streams = streams
        self._emulator = emulator

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server is to be given."""
        unary: dict[str, tuple[Unary, Any, str]] = {
            "CreateWriteStream": (self._create, types.CreateWriteStreamRequest, "parent"),
            "GetWriteStream": (self._get, types.GetWriteStreamRequest, "name"),
            "FinalizeWriteStream": (self._finalize, types.FinalizeWriteStreamRequest, "name"),
            "BatchCommitWriteStreams": (
                self._commit,
                types.BatchCommitWriteStreamsRequest,
                "parent",
            ),
            "FlushRows": (self._flush, types.FlushRowsRequest, "write_stream"),
        }
        methods = {
            name: grpc.unary_unary_rpc_method_handler(
                self._unary(name, method, resource_field),
                request_deserializer=message.pb().FromString,
                response_serializer=_serialized,
            )
            for name, (method, message, resource_field) in unary.items()
        }
        # The requests stay bytes until their size has been looked at.
        methods["AppendRows"] = grpc.stream_stream_rpc_method_handler(
            self._append_rows, response_serializer=_serialized
        )
        handler: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler(_SERVICE, methods)
        return handler

    def _unary(self, name: str, method: Unary, resource_field: str) -> ProtoMessage:
        async def call(request: ProtoMessage, context: Context) -> ProtoMessage:
            try:
                resource = getattr(request, resource_field)
                return await self._gate.run(
                    Call(name, resource, table_id(resource), request),
                    lambda: method(request, self._caller(context)),
                )
            except _FAILURES as error:
                await _abort(context, error)

        return call

    async def _append_rows(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[ProtoMessage]:
        try:
            connection = AppendRowsConnection(
                self._caller(context),
                _metadata(context, "x-goog-request-params"),
                self._catalog,
                self._streams,
                self._emulator,
            )
            async for content in requests:
                request = connection.read(content)
                decoder = connection.decoder_of(request)
                name = connection.stream_name
                call = Call("AppendRows", name, table_id(name), request)
                yield await self._gate.run(call, partial(connection.answer, request, decoder))
        except _FAILURES as error:
            await _abort(context, error)

    async def _create(self, request: ProtoMessage, caller: Caller) -> ProtoMessage:
        table = table_name(request.parent)
        caller.check_write(table)
        kind = request.write_stream.type_
        if kind == _Type.TYPE_UNSPECIFIED:
            raise StorageApiError(
                grpc.StatusCode.INVALID_ARGUMENT, "The type of the stream has to be given."
            )
        stream = self._streams.create(
            table, pending=kind == _Type.PENDING, buffered=kind == _Type.BUFFERED
        )
        resource = self._catalog.existing_table(table)
        message = write_stream_message(stream, resource["location"])
        columns = self._catalog.columns_for_streams(table)
        message.table_schema.CopyFrom(table_schema_message(columns))
        return message

    async def _get(self, request: ProtoMessage, caller: Caller) -> ProtoMessage:
        stream = self._existing(request.name, caller)
        resource = self._catalog.existing_table(stream.table)
        return write_stream_message(stream, resource["location"])

    async def _finalize(self, request: ProtoMessage, caller: Caller) -> ProtoMessage:
        async with self._streams.writing(request.name):
            stream = self._existing(request.name, caller)
            if stream.pending and stream.committed:
                raise StorageApiError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"The stream is already committed. Entity: {stream.name}",
                    StorageErrorCode.STREAM_ALREADY_COMMITTED,
                    stream.name,
                )
            self._streams.finalize(stream)
        return types.FinalizeWriteStreamResponse.pb()(row_count=stream.row_count)

    async def _commit(self, request: ProtoMessage, caller: Caller) -> ProtoMessage:
        table = table_name(request.parent)
        caller.check_write(table)
        response = types.BatchCommitWriteStreamsResponse.pb()()
        result = await self._streams.commit(table, list(request.write_streams))
        if isinstance(result, int):
            response.commit_time.FromMicroseconds(result)
            return response
        for problem in result:
            response.stream_errors.add(
                code=int(problem.code), entity=problem.stream, error_message=problem.message
            )
        return response

    async def _flush(self, request: ProtoMessage, caller: Caller) -> ProtoMessage:
        """Source: storage.proto, FlushRows, of which no page says how it fails.

        That a finalized stream is no longer flushed is what users of it report.
        """
        async with self._streams.writing(request.write_stream):
            stream = self._existing(request.write_stream, caller)
            offset = request.offset.value
            if stream.flushed is None:
                raise StorageApiError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"The stream is not of the type BUFFERED. Entity: {stream.name}",
                    StorageErrorCode.INVALID_STREAM_TYPE,
                    stream.name,
                )
            if stream.finalized:
                raise StorageApiError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"Stream has been finalized and cannot be appended. Entity: {stream.name}",
                )
            if offset >= stream.row_count:
                raise StorageApiError(
                    grpc.StatusCode.OUT_OF_RANGE,
                    f"The offset is beyond stream, expected less than {stream.row_count},"
                    f" received {offset}. Entity: {stream.name}",
                    StorageErrorCode.OFFSET_OUT_OF_RANGE,
                    stream.name,
                )
            await self._streams.flush(stream, offset)
        return types.FlushRowsResponse.pb()(offset=offset)

    def _existing(self, name: str, caller: Caller) -> Stream:
        caller.check_write(table_name_of_stream(name))
        stream = self._streams.get(name)
        if stream is None:
            raise StorageApiError(
                grpc.StatusCode.NOT_FOUND,
                f"Requested entity was not found. Entity: {name}",
                StorageErrorCode.STREAM_NOT_FOUND,
                name,
            )
        return stream

    def _caller(self, context: Context) -> Caller:
        try:
            return self._access.caller(_metadata(context, "authorization"), SCOPES_FOR_WRITING)
        except ApiError as error:
            code = (
                grpc.StatusCode.UNAUTHENTICATED
                if error.http_status == 401
                else grpc.StatusCode.PERMISSION_DENIED
            )
            raise StorageApiError(code, error.message) from None


def _metadata(context: Context, key: str) -> str | None:
    """Return the values of a header; Google's client adds an empty one to that of its caller."""
    values = [value for name, value in context.invocation_metadata() or () if name == key]
    return "&".join(value for value in values if isinstance(value, str) and value) or None


def _serialized(message: ProtoMessage) -> bytes:
    content: bytes = message.SerializeToString()
    return content


async def _abort(context: Context, error: Exception) -> None:
    if isinstance(error, AnswerLostError):
        error = StorageApiError(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    if not isinstance(error, StorageApiError):
        # Not an answer of BigQuery's: what is behind the service did not do what it was asked.
        error = StorageApiError(grpc.StatusCode.INTERNAL, f"The local BigQuery failed: {error}")
    await context.abort(error.code, error.message, error.trailing_metadata())
