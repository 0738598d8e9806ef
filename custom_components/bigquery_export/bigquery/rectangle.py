"""Parts of many rows, which all have the same width: a rectangle of bytes.

It is filled part by part: Python takes a step or one for each byte of a row, instead of several for
each row.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import chain
from struct import Struct

from ..rows.ulids import CHARACTERS, Contexts, put_ulids

WORD = 8

type _Put = Callable[[bytearray, int, int], None]
"""Writes into a rectangle from a place on, to each row: they begin every so many bytes."""


class Rectangle:
    """Rows of bytes that are put together from left to right."""

    def __init__(self, size: int) -> None:
        """Begin with so many empty rows."""
        self._size = size
        self._template = b""
        self._parts: list[tuple[int, _Put]] = []

    def add(self, text: bytes) -> None:
        """Add the same bytes to each row."""
        self._template += text

    def add_words(self, words: bytes) -> None:
        """Add eight bytes to each row."""
        self._add(WORD, partial(_put_words, words))

    def add_columns(self, columns: Iterable[bytes]) -> None:
        """Add bytes to each row, one from each of some columns."""
        for column in columns:
            self._add(1, partial(_put_column, column))

    def add_ulids(self, contexts: Contexts) -> None:
        """Add a ULID to each row."""
        self._add(CHARACTERS, partial(put_ulids, contexts))

    def rows(self) -> list[bytes]:
        """Return the rows."""
        width = len(self._template)
        padding = -width % WORD
        stride = width + padding
        # The last row is written to beyond its end, as a part is as long as all rows together.
        filled = bytearray(self._template + bytes(padding)) * (self._size + 1)
        for place, put in self._parts:
            put(filled, place, stride)
        cut = _cut(width, padding).iter_unpack(memoryview(filled)[: stride * self._size])
        return list(chain.from_iterable(cut))

    def _add(self, width: int, put: _Put) -> None:
        self._parts.append((len(self._template), put))
        self._template += bytes(width)


@lru_cache(maxsize=64)
def _cut(width: int, padding: int) -> Struct:
    return Struct(f"{width}s{padding}x")


def _put_words(words: bytes, filled: bytearray, place: int, stride: int) -> None:
    """Write eight bytes into each row; the stride is a multiple of eight."""
    rows = memoryview(filled)[place : place + len(words) // WORD * stride].cast("Q")
    rows[:: stride // WORD] = memoryview(words).cast("Q")


def _put_column(column: bytes, filled: bytearray, place: int, stride: int) -> None:
    """Write a byte into each row."""
    filled[place : place + len(column) * stride : stride] = column
