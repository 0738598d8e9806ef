"""Encoding of protocol buffer fields for many rows at once, if all rows have the same width.

Then all rows are one rectangle of bytes, which is filled column by column: Python takes one step
for each byte of a row instead of several for each row. The format is in protobuf's guide
"Encoding": a tag, and a varint or a length and text.
"""

from array import array
from collections.abc import Sequence
from functools import lru_cache
import sys
from typing import NamedTuple, cast

_WORD = 8
_MORE = 128
"""The bit in a byte of a varint that says that another byte follows."""
_WHOLE_WORD = (1 << 8 * _WORD) - 1
_SPREAD = (
    (0x000000000FFFFFFF, 0x00FFFFFFF0000000, 4),
    (0x00003FFF00003FFF, 0x0FFFC0000FFFC000, 2),
    (0x007F007F007F007F, 0x3F803F803F803F80, 1),
)
"""Steps that spread 56 bits to eight times seven: bits that stay, bits that move, and how far."""


class Field(NamedTuple):
    """One field of many rows."""

    tag: bytes
    values: Sequence[int] | Sequence[str]


def varint(number: int) -> bytes:
    """Return a number that is not negative, seven bits in a byte, the lowest first."""
    groups = []
    while True:
        number, group = number >> 7, number & 127
        groups.append(group | (_MORE if number else 0))
        if not number:
            return bytes(groups)


def encode(fields: Sequence[Field]) -> list[bytes] | None:
    """Return the fields of each row, one after another, or None where their widths differ."""
    rows = len(fields[0].values)
    columns: list[bytes] = []
    for field in fields:
        found = _columns(field.values)
        if found is None:
            return None
        columns += [bytes([byte]) * rows for byte in field.tag]
        columns += found
    width = len(columns)
    rectangle = bytearray(rows * width)
    for place, column in enumerate(columns):
        rectangle[place::width] = column
    filled = bytes(rectangle)
    return [filled[start : start + width] for start in range(0, len(filled), width)]


def _columns(values: Sequence[int] | Sequence[str]) -> list[bytes] | None:
    """Return the first byte of each value, the second of each, and so on."""
    if isinstance(values[0], str):
        return _texts(cast(Sequence[str], values))
    return _varints(cast(Sequence[int], values))


def _varints(values: Sequence[int]) -> list[bytes] | None:
    low, high = min(values), max(values)
    if low < 0 or high >> 63:
        return None
    width = len(varint(low))
    if width != len(varint(high)):
        return None
    words = array("Q", values)
    if sys.byteorder == "big":
        words.byteswap()
    data = words.tobytes()
    septets = _septets(data, len(words), sum(_MORE << 8 * place for place in range(width - 1)))
    # The ninth byte has the bits beyond the first 56.
    return [*(septets[place::_WORD] for place in range(min(width, _WORD))), data[7::_WORD]][:width]


def _septets(data: bytes, words: int, more: int) -> bytes:
    """Return the words with seven bits in each byte, the lowest first."""
    bits = int.from_bytes(data, "little")
    for stays, moves, places in _SPREAD:
        bits = bits & _repeated(stays, words) | (bits & _repeated(moves, words)) << places
    return (bits | _repeated(more & _WHOLE_WORD, words)).to_bytes(len(data), "little")


@lru_cache(maxsize=64)
def _repeated(word: int, times: int) -> int:
    """Return a word repeated so many times in one integer."""
    return int.from_bytes(word.to_bytes(_WORD, "little") * times, "little")


def _texts(values: Sequence[str]) -> list[bytes] | None:
    try:
        text = "".join(values)
    except TypeError:
        return None
    length = len(values[0])
    if not text.isascii() or not {length}.issuperset(map(len, values)):
        return None
    data = text.encode()
    prefix = [bytes([byte]) * len(values) for byte in varint(length)]
    return [*prefix, *(data[place::length] for place in range(length))]
