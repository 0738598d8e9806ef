"""Encoding of protocol buffer fields for many rows at once, where their widths differ.

A state takes 0.3 µs, with a message of the client library's 1.0. The format is in protobuf's guide
"Encoding": a tag, then a varint, eight bytes, or a length and text.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from struct import Struct, error as StructError
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from .columnar_protobuf import Prefixes

type _Encode = Callable[[bytes, Sequence[Any]], list[bytes]]
"""Returns a field of each row: its tag and a value, or nothing for None, which is NULL."""


def _texts(tag: bytes, texts: Sequence[str | None]) -> list[bytes]:
    prefixes = _prefixes(tag)
    return [b"" if text is None else prefixes[len(data := text.encode())] + data for text in texts]


def _doubles(tag: bytes, numbers: Sequence[float | None]) -> list[bytes]:
    pack = Struct(f"<{len(tag)}sd").pack
    try:
        return [b"" if number is None else pack(tag, number) for number in numbers]
    except StructError as err:
        raise TypeError(str(err)) from None


def _bools(tag: bytes, flags: Sequence[bool | None]) -> list[bytes]:
    fields = {None: b"", False: tag + b"\0", True: tag + b"\1"}
    return [fields[flag] for flag in flags]


ENCODERS: Mapping[FieldDescriptorProto.Type.ValueType, _Encode] = {
    FieldDescriptorProto.TYPE_BOOL: _bools,
    FieldDescriptorProto.TYPE_DOUBLE: _doubles,
    FieldDescriptorProto.TYPE_STRING: _texts,
}
"""By the type of the field. They raise one of `UNENCODABLE` for a value of another type."""


def joined(columns: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return the fields of each row, one after another."""
    return list(map(b"".join, zip(*columns, strict=True)))


@lru_cache(maxsize=64)
def _prefixes(tag: bytes) -> Prefixes:
    return Prefixes(tag)
