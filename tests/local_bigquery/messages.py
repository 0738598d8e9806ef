"""Messages of the Storage Write API made from what the server knows."""

from collections.abc import Sequence

from google.cloud.bigquery_storage_v1 import types

from .errors import ProtoMessage
from .schema import Column
from .write_streams import Stream

_Field = types.TableFieldSchema


def write_stream_message(stream: Stream, location: str) -> ProtoMessage:
    """Return a WriteStream without the table's schema."""
    message = types.WriteStream.pb()(
        name=stream.name,
        type_=_kind(stream),
        write_mode=types.WriteStream.WriteMode.INSERT,
        location=location,
    )
    message.create_time.FromMicroseconds(stream.created)
    if stream.committed:
        message.commit_time.FromMicroseconds(stream.committed)
    return message


def _kind(stream: Stream) -> int:
    if stream.flushed is not None:
        return types.WriteStream.Type.BUFFERED
    return types.WriteStream.Type.PENDING if stream.pending else types.WriteStream.Type.COMMITTED


def table_schema_message(columns: Sequence[Column]) -> ProtoMessage:
    """Return a TableSchema."""
    message = types.TableSchema.pb()()
    for column in columns:
        message.fields.add(
            name=column.name,
            type_=getattr(_Field.Type, "DOUBLE" if column.type == "FLOAT64" else column.type),
            mode=getattr(_Field.Mode, column.mode),
            default_value_expression=column.default or "",
        )
    return message
