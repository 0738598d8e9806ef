"""Rows as the Storage Write API takes them: messages of protocol buffers.

The columns' types map to protobuf types as on BigQuery's page "Supported protocol buffer and
Arrow data types". The messages are of proto2, whose presence of fields tells NULL from a default.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from ..rows.encoding import Values, one_by_one
from ..rows.table import ColumnType, Mode, Table
from ..rows.times import Times
from ..rows.ulids import Contexts
from .columnar_protobuf import Field, FieldValues, encode, varint
from .packed_datetime import all_packed, as_text, packed, packed_times
from .varied_protobuf import ENCODERS, joined

_TYPES = {
    ColumnType.BOOL: FieldDescriptorProto.TYPE_BOOL,
    ColumnType.DATE: FieldDescriptorProto.TYPE_INT64,  # days since 1970-01-01, as in a row
    ColumnType.DATETIME: FieldDescriptorProto.TYPE_INT64,
    ColumnType.FLOAT64: FieldDescriptorProto.TYPE_DOUBLE,
    ColumnType.INT64: FieldDescriptorProto.TYPE_INT64,
    ColumnType.JSON: FieldDescriptorProto.TYPE_STRING,
    ColumnType.STRING: FieldDescriptorProto.TYPE_STRING,
    ColumnType.TIMESTAMP: FieldDescriptorProto.TYPE_INT64,
}
_WIRE_TYPES = {
    FieldDescriptorProto.TYPE_BOOL: 0,
    FieldDescriptorProto.TYPE_DOUBLE: 1,
    FieldDescriptorProto.TYPE_INT64: 0,
    FieldDescriptorProto.TYPE_STRING: 2,
}
_OF_ONE_WIDTH = (FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_STRING)
"""Field types whose values may have the same width in all rows."""
_LABELS = {
    Mode.NULLABLE: FieldDescriptorProto.LABEL_OPTIONAL,
    Mode.REQUIRED: FieldDescriptorProto.LABEL_REQUIRED,
    Mode.REPEATED: FieldDescriptorProto.LABEL_REPEATED,
}


class ProtobufEncoding:
    """Encodes the rows of a table.

    Serialized messages may be cut and joined between fields (protobuf's encoding guide, "Last
    One Wins"): a fragment is a message with some fields, a row is fragments one after another.
    """

    def __init__(self, table: Table) -> None:
        """Make the type of the messages from the declaration of the table."""
        self.descriptor = _descriptor(table)
        file = FileDescriptorProto(
            name=f"{table.name}.proto", syntax="proto2", message_type=[self.descriptor]
        )
        pool = DescriptorPool()
        pool.Add(file)
        self._message = GetMessageClass(pool.FindMessageTypeByName(self.descriptor.name))
        self._datetimes = [
            column.name for column in table.columns if column.type is ColumnType.DATETIME
        ]
        self._of_one_width = {
            field.name for field in self.descriptor.field if field.type in _OF_ONE_WIDTH
        }
        self._tags = {
            field.name: varint(field.number << 3 | _WIRE_TYPES[field.type])
            for field in self.descriptor.field
        }
        self._varied = {
            field.name: partial(ENCODERS[field.type], self._tags[field.name])
            for field in self.descriptor.field
            if field.type in ENCODERS and field.label != FieldDescriptorProto.LABEL_REPEATED
        }

    def fragment(self, values: Mapping[str, Any]) -> bytes:
        """Encode some columns of a row, by name; None is NULL.

        Raises ValueError when a value cannot be encoded.
        """
        for name in self._datetimes:
            if (local := values.get(name)) is not None:
                values = {**values, name: packed(local)}
        return self._message(**values).SerializePartialToString()

    def fragments(self, columns: Mapping[str, Values]) -> list[bytes]:
        """Encode some columns of many rows; None is NULL. Raises ValueError."""
        if columns.keys() <= self._varied.keys():
            return joined(
                [
                    encode_column(one_by_one(columns[name]))
                    for name, encode_column in self._varied.items()
                    if name in columns
                ]
            )
        if columns.keys() <= self._of_one_width:
            fields = [
                Field(self._tags[name], self._as_fields(name, values))
                for name, values in columns.items()
            ]
            if (encoded := encode(fields)) is not None:
                return encoded
        rows = zip(*map(one_by_one, columns.values()), strict=True)
        return [self.fragment(dict(zip(columns, row, strict=True))) for row in rows]

    def _as_fields(self, name: str, values: Values) -> FieldValues:
        """Return the values of a column as protobuf has them."""
        if isinstance(values, Times):
            return packed_times(values) if name in self._datetimes else values.microseconds()
        if isinstance(values, Contexts):
            return values
        numbers_or_texts = cast(Sequence[Any], values)
        return all_packed(numbers_or_texts) if name in self._datetimes else numbers_or_texts

    def together(self, *fragments: bytes) -> bytes:
        """Put fragments of a row together to one; an empty one has no columns."""
        return b"".join(fragments)

    def row(self, *fragments: bytes) -> bytes:
        """Put a row together from its fragments."""
        return b"".join(fragments)

    def rows(self, *fragments: Sequence[bytes]) -> list[bytes]:
        """Put many rows together: of the first fragments, and the second ones, and so on."""
        return list(map(b"".join, zip(*fragments, strict=True)))

    def decode(self, row: bytes) -> dict[str, Any]:
        """Return the values of a row that are not NULL, by name."""
        fields = self._message.FromString(row).ListFields()
        values: dict[str, Any] = {
            field.name: list(value) if field.is_repeated else value for field, value in fields
        }
        return values | {name: as_text(values[name]) for name in self._datetimes if name in values}


def _descriptor(table: Table) -> DescriptorProto:
    return DescriptorProto(
        name=f"{table.name}_row",
        field=[
            FieldDescriptorProto(
                name=column.name,
                number=number,
                type=_TYPES[column.type],
                label=_LABELS[column.mode],
            )
            for number, column in enumerate(table.columns, start=1)
        ],
    )
