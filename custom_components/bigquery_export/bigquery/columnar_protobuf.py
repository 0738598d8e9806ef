"""Encoding of protocol buffer fields for many rows at once, if all rows have the same width.

The format is in protobuf's guide "Encoding": a tag, and a varint or a length and text.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from ..rows.lanes import Lanes
from ..rows.ulids import CHARACTERS, Contexts
from .rectangle import WORD, Rectangle

_MORE = 128
"""The bit in a byte of a varint that says that another byte follows."""
_GROUP = 7
"""How many other bits there are."""
_MAX_PREFIXES = 4_096
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


def varint(number: int) -> bytes:
    """Return a number that is not negative, seven bits in a byte, the lowest first."""
    groups = []
    while True:
        number, group = number >> _GROUP, number & _MORE - 1
        groups.append(group | (_MORE if number else 0))
        if not number:
            return bytes(groups)


class Prefixes(dict[int, bytes]):
    """The tag and length of a text, by its length: made when needed, and cached if it is short."""

    def __init__(self, tag: bytes) -> None:
        """Make prefixes of the field with this tag."""
        super().__init__()
        self._tag = tag

    def __missing__(self, length: int) -> bytes:
        """Make a prefix that is not in the cache."""
        prefix = self._tag + varint(length)
        if len(self) < _MAX_PREFIXES:
            self[length] = prefix
        return prefix


def encode(fields: Sequence[Field]) -> list[bytes] | None:
    """Return the fields of each row, one after another, or None where their widths differ."""
    first = fields[0].values
    rectangle = Rectangle(first.size if isinstance(first, Lanes) else len(first))
    for field in fields:
        rectangle.add(field.tag)
        if not _add(rectangle, field.values):
            return None
    return rectangle.rows()


def _add(rectangle: Rectangle, values: FieldValues) -> bool:
    """Add a field without its tag; return False where its widths differ."""
    if isinstance(values, Contexts):
        rectangle.add(bytes([CHARACTERS]))
        rectangle.add_ulids(values)
        return True
    if isinstance(values, Lanes):
        return _add_varints(rectangle, values)
    if isinstance(values[0], str):
        return _add_texts(rectangle, cast(Sequence[str], values))
    try:
        lanes = Lanes.of(cast(Sequence[int], values))
    except OverflowError, TypeError:
        return False
    return _add_varints(rectangle, lanes)


def _add_varints(rectangle: Rectangle, lanes: Lanes) -> bool:
    width = len(varint(lanes.first()))
    least = 1 << _GROUP * (width - 1) if width > 1 else 0
    beyond = _WHOLE_WORD ^ _NUMBER & (1 << _GROUP * width) - 1
    if lanes.has(beyond) or not lanes.are_at_least(least):
        return False
    words = _septets(lanes, sum(_MORE << 8 * place for place in range(min(width - 1, WORD))))
    if width < WORD:
        rectangle.add_columns(words[place::WORD] for place in range(width))
        return True
    rectangle.add_words(words)
    if width > WORD:
        # The ninth byte has the bits beyond the first 56.
        rectangle.add_columns([lanes.bytes_at(WORD - 1)])
    return True


def _septets(lanes: Lanes, more: int) -> bytes:
    """Return words with seven bits of the numbers in each byte, the lowest first."""
    bits = lanes.bits
    for stays, moves, places in _SPREAD:
        bits = bits & lanes.repeated(stays) | (bits & lanes.repeated(moves)) << places
    return lanes.with_bits(bits | lanes.repeated(more)).words()


def _add_texts(rectangle: Rectangle, values: Sequence[str]) -> bool:
    try:
        text = "".join(values)
    except TypeError:
        return False
    length = len(values[0])
    if not text.isascii() or not {length}.issuperset(map(len, values)):
        return False
    data = text.encode()
    rectangle.add(varint(length))
    rectangle.add_columns(data[place::length] for place in range(length))
    return True
