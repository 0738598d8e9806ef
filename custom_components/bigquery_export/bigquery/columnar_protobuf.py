"""Encoding of protocol buffer fields for many rows at once, if all rows have the same width.

Then all rows are one rectangle of bytes, which is filled field by field: Python takes a step or one
for each byte of a row, instead of several for each row. The format is in protobuf's guide
"Encoding": a tag, and a varint or a length and text.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from struct import Struct
from typing import NamedTuple, cast

from ..rows.lanes import Lanes
from ..rows.ulids import CHARACTERS, Contexts, put_ulids

_WORD = 8
_MORE = 128
"""The bit in a byte of a varint that says that another byte follows."""
_GROUP = 7
"""The other bits of it."""
_WHOLE_WORD = (1 << 64) - 1
_NUMBER = (1 << 63) - 1
"""The bits of a number that is not negative."""
_SPREAD = (
    (0x000000000FFFFFFF, 0x00FFFFFFF0000000, 4),
    (0x00003FFF00003FFF, 0x0FFFC0000FFFC000, 2),
    (0x007F007F007F007F, 0x3F803F803F803F80, 1),
)
"""Steps that spread 56 bits to eight times seven: bits that stay, bits that move, and how far."""

type FieldValues = Sequence[int] | Sequence[str] | Lanes | Contexts


class Field(NamedTuple):
    """One field of many rows: numbers, texts of ASCII, or ULIDs by their bytes."""

    tag: bytes
    values: FieldValues


class _Column(NamedTuple):
    """The bytes of a field without its tag, of the same width in all rows."""

    prefix: bytes
    """The first bytes, which are the same in all rows."""
    words: bytes
    """Eight bytes of each row, or none."""
    columns: Sequence[bytes]
    """The next byte of each row, and the one after it, and so on."""
    contexts: Contexts | None = None
    """ULIDs of each row, which come last."""

    @property
    def width(self) -> int:
        """Return how many bytes a row has, without the prefix."""
        ulid = CHARACTERS if self.contexts else 0
        return (_WORD if self.words else 0) + len(self.columns) + ulid

    def put(self, rectangle: bytearray, place: int, stride: int, rows: int) -> None:
        """Write the bytes into rows that begin every `stride` bytes, a multiple of eight."""
        if self.words:
            view = memoryview(rectangle)[place : place + stride * rows].cast("Q")
            view[:: stride // _WORD] = memoryview(self.words).cast("Q")
            place += _WORD
        for column in self.columns:
            rectangle[place : place + stride * rows : stride] = column
            place += 1
        if self.contexts:
            put_ulids(self.contexts, rectangle, place, stride)


def varint(number: int) -> bytes:
    """Return a number that is not negative, seven bits in a byte, the lowest first."""
    groups = []
    while True:
        number, group = number >> _GROUP, number & _MORE - 1
        groups.append(group | (_MORE if number else 0))
        if not number:
            return bytes(groups)


def encode(fields: Sequence[Field]) -> list[bytes] | None:
    """Return the fields of each row, one after another, or None where their widths differ."""
    columns = [_column(field.values) for field in fields]
    if None in columns:
        return None
    first = fields[0].values
    rows = first.size if isinstance(first, Lanes) else len(first)
    template = b""
    places = []
    for field, column in zip(fields, cast(list[_Column], columns), strict=True):
        template += field.tag + column.prefix
        places.append((column, len(template)))
        template += bytes(column.width)
    padding = -len(template) % _WORD
    stride = len(template) + padding
    # The last row is written to beyond its end, as columns are as long as all rows together.
    rectangle = bytearray((template + bytes(padding)) * rows + bytes(stride))
    for column, place in places:
        column.put(rectangle, place, stride, rows)
    cut = _cut(len(template), padding).iter_unpack(memoryview(rectangle)[: stride * rows])
    return list(chain.from_iterable(cut))


@lru_cache(maxsize=64)
def _cut(width: int, padding: int) -> Struct:
    return Struct(f"{width}s{padding}x")


def _column(values: FieldValues) -> _Column | None:
    """Return the bytes of a field, or None where their widths differ."""
    match values:
        case Contexts():
            return _Column(bytes([CHARACTERS]), b"", (), values)
        case Lanes():
            return _varints(values)
        case [str(), *_]:
            return _texts(cast(Sequence[str], values))
    return _integers(cast(Sequence[int], values))


def _integers(values: Sequence[int]) -> _Column | None:
    if min(values) < 0 or max(values) > _NUMBER:
        return None
    return _varints(Lanes.of(values))


def _varints(lanes: Lanes) -> _Column | None:
    width = len(varint(lanes.first()))
    least = 1 << _GROUP * (width - 1) if width > 1 else 0
    beyond = _WHOLE_WORD ^ _NUMBER & (1 << _GROUP * width) - 1
    if lanes.has(beyond) or not lanes.are_at_least(least):
        return None
    words = _septets(lanes, sum(_MORE << 8 * place for place in range(min(width - 1, _WORD))))
    if width < _WORD:
        return _Column(b"", b"", [words[place::_WORD] for place in range(width)])
    # The ninth byte has the bits beyond the first 56.
    return _Column(b"", words, [lanes.bytes_at(_WORD - 1)] if width > _WORD else ())


def _septets(lanes: Lanes, more: int) -> bytes:
    """Return words with seven bits of the numbers in each byte, the lowest first."""
    bits = lanes.bits
    for stays, moves, places in _SPREAD:
        bits = bits & lanes.repeated(stays) | (bits & lanes.repeated(moves)) << places
    return lanes.with_bits(bits | lanes.repeated(more)).words()


def _texts(values: Sequence[str]) -> _Column | None:
    try:
        text = "".join(values)
    except TypeError:
        return None
    length = len(values[0])
    if not text.isascii() or not {length}.issuperset(map(len, values)):
        return None
    data = text.encode()
    return _Column(varint(length), b"", [data[place::length] for place in range(length)])
