"""ULIDs as text, many at once: 48 bits of milliseconds and 80 random ones, in base 32.

Home Assistant's own function is fast if `ulid_transform` has its build in C. Without, it is one in
Python that takes as long for one ULID as everything else takes for its row. Here one letter of all
ULIDs is made at once, by functions of bytes and of long integers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from types import FunctionType
from typing import NamedTuple, cast

from homeassistant.util.ulid import bytes_to_ulid

CHARACTERS = 26
_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BYTES = 16


@dataclass(frozen=True, slots=True)
class Contexts:
    """Context ids of rows, whose ULIDs are to be sent."""

    data: bytes
    """16 bytes of each, one after another."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.data) // _BYTES

    def ulids(self) -> list[str]:
        """Return their ULIDs."""
        data = self.data
        return list(_convert([data[at : at + _BYTES] for at in range(0, len(data), _BYTES)]))


def _table(value: Callable[[int], int]) -> bytes:
    """Return the table for `bytes.translate` that maps every byte by a function."""
    return bytes(map(value, range(256)))


def _letters(value: Callable[[int], int]) -> bytes:
    """Return the table for `bytes.translate` that maps a byte to a letter of five of its bits."""
    return _table(lambda byte: _ALPHABET[value(byte) & 31])


class _Letter(NamedTuple):
    """How a letter is made: of bits of one byte, or of the last of one and first of the next."""

    place: int
    high: bytes
    low: bytes | None


def _letter(number: int) -> _Letter:
    """Return how a letter is made; the first has the first three bits."""
    end = 5 * number + 2
    place, last = max(end - 4, 0) // 8, end % 8
    if end // 8 == place:
        return _Letter(place, _letters(lambda byte: byte >> 7 - last), None)
    return _Letter(
        place, _table(lambda byte: byte << last + 1 & 31), _table(lambda byte: byte >> 7 - last)
    )


_ULID = tuple(map(_letter, range(CHARACTERS)))
_LETTERS = _letters(lambda byte: byte)


def put_ulids(contexts: Contexts, rectangle: bytearray, place: int, stride: int) -> None:
    """Write ULIDs into rows that begin every `stride` bytes, from a place of the first row on."""
    count = len(contexts)
    columns = [contexts.data[number::_BYTES] for number in range(_BYTES)]
    for letter in _ULID:
        column = columns[letter.place].translate(letter.high)
        if letter.low is not None:
            bits = int.from_bytes(column) | int.from_bytes(
                columns[letter.place + 1].translate(letter.low)
            )
            column = bits.to_bytes(count).translate(_LETTERS)
        rectangle[place : place + stride * count : stride] = column
        place += 1


def ulids(contexts: Sequence[bytes | None]) -> list[str | None]:
    """Return the ULID of each context id of 16 bytes; None for any other length."""
    if None not in contexts and {_BYTES}.issuperset(map(len, cast(Sequence[bytes], contexts))):
        return list(_convert(cast(Sequence[bytes], contexts)))
    is_whole = [context is not None and len(context) == _BYTES for context in contexts]
    converted = iter(_convert(cast(Sequence[bytes], list(compress(contexts, is_whole)))))
    return [next(converted) if whole else None for whole in is_whole]


def whole_ulids(contexts: Sequence[bytes | None]) -> Sequence[str]:
    """Return ULIDs of which none is missing. Raises ValueError."""
    converted = ulids(contexts)
    if None in converted:
        raise ValueError("its context has not 16 bytes")
    return cast(Sequence[str], converted)


def _convert_together(contexts: Sequence[bytes]) -> list[str]:
    """Return ULIDs of 16 bytes each."""
    rectangle = bytearray(CHARACTERS * len(contexts) + CHARACTERS)
    put_ulids(Contexts(b"".join(contexts)), rectangle, 0, CHARACTERS)
    text = rectangle.decode()
    return [
        text[start : start + CHARACTERS]
        for start in range(0, CHARACTERS * len(contexts), CHARACTERS)
    ]


def _convert_each(contexts: Sequence[bytes]) -> list[str]:
    """Return ULIDs of 16 bytes each."""
    return list(map(bytes_to_ulid, contexts))


_convert = _convert_together if isinstance(bytes_to_ulid, FunctionType) else _convert_each
