"""Rows as messages of protocol buffers that lie in a file, with the descriptor that tells others.

The messages are those of the Storage Write API, so that a program may send them on as they are.
"""

from collections.abc import Container, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from ..rows.table import Column, ColumnType, Table
from .packed_datetime import as_text
from .protobuf import ProtobufEncoding

_MESSAGES = FileDescriptorProto.DESCRIPTOR.fields_by_name["message_type"].number
_FIELDS = 2
"""The number of `DescriptorProto.field`, by which a comment names its place."""
_UNITS = {
    ColumnType.DATE: "days since 1970-01-01",
    ColumnType.DATETIME: "bits: year, 4 of month, 5 of day, 5 of hour, 6 of minute, 6 of second,"
    " 20 of microsecond, as CivilTimeEncoder of Google's client packs them",
    ColumnType.JSON: "JSON text",
    ColumnType.TIMESTAMP: "microseconds since 1970-01-01 UTC",
}


def descriptor_set(table: Table) -> bytes:
    """Return a FileDescriptorSet with the message of a row, and what its fields mean."""
    file = FileDescriptorProto(
        name=f"{table.name}.proto",
        package="bigquery_export",
        syntax="proto2",
        message_type=[ProtobufEncoding(table).descriptor],
    )
    _comment(file, [_MESSAGES, 0], table.description)
    for place, column in enumerate(table.columns):
        _comment(file, [_MESSAGES, 0, _FIELDS, place], _described(column))
    return FileDescriptorSet(file=[file]).SerializeToString(deterministic=True)


def _comment(file: FileDescriptorProto, path: Sequence[int], text: str) -> None:
    """Add a comment, as protoc keeps those of a source."""
    file.source_code_info.location.add(path=path, span=[0, 0, 0], leading_comments=f" {text}\n")


def _described(column: Column) -> str:
    unit = _UNITS.get(column.type)
    return f"{column.description} ({unit})" if unit else column.description


class MessageReader:
    """Reads rows by the descriptor that they were written with."""

    def __init__(self, table: Table, descriptors: bytes, names: Container[str]) -> None:
        """Take the message from a descriptor set; `names` has the columns that are wanted.

        Raises ValueError where it is none.
        """
        try:
            file = FileDescriptorSet.FromString(descriptors).file[0]
            pool = DescriptorPool()
            pool.Add(file)
            message = pool.FindMessageTypeByName(f"{file.package}.{file.message_type[0].name}")
            self._message = GetMessageClass(message)
        except (DecodeError, IndexError, KeyError, TypeError) as err:
            raise ValueError(f"there is no descriptor set: {err}") from err
        self._names = names
        self._datetimes = {
            column.name for column in table.columns if column.type is ColumnType.DATETIME
        }

    def decode(self, row: bytes) -> dict[str, Any]:
        """Return the values of a row that are not NULL, by name. Raises ValueError."""
        try:
            fields = self._message.FromString(row).ListFields()
        except DecodeError as err:
            raise ValueError(str(err)) from err
        return {
            field.name: self._value(field.name, list(value) if field.is_repeated else value)
            for field, value in fields
            if field.name in self._names
        }

    def _value(self, name: str, value: Any) -> object:  # noqa: ANN401
        return as_text(value) if name in self._datetimes else value
