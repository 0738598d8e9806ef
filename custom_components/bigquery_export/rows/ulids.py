"""ULIDs as text, many at once: 48 bits of milliseconds and 80 random ones, in base 32.

Home Assistant's own function is fast if `ulid_transform` has its build in C. Without, it is one in
Python that takes as long for one ULID as everything else takes for its row. Here the bits of all
ULIDs are moved together, by functions of bytes and of long integers.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from types import FunctionType
from typing import cast

from homeassistant.util.ulid import bytes_to_ulid

_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BYTES = 16
_CHARACTERS = 26
_PADDING = bytes(4)
"""Makes 20 bytes of the 16 of a ULID, because each five bytes make eight letters."""
_LETTERS_PADDED = 32


def _table(value: Callable[[int], int]) -> bytes:
    """Return the table for `bytes.translate` that maps every byte by a function."""
    return bytes(map(value, range(256)))


def _letters(value: Callable[[int], int]) -> bytes:
    """Return the table for `bytes.translate` that maps a byte to a letter of five of its bits."""
    return _table(lambda byte: _ALPHABET[value(byte) & 31])


_ALONE = {
    0: (0, _letters(lambda byte: byte >> 3)),
    2: (1, _letters(lambda byte: byte >> 1)),
    5: (3, _letters(lambda byte: byte >> 2)),
    7: (4, _letters(lambda byte: byte)),
}
"""Of the eight letters for five bytes, those that depend on one byte."""
_SHARED = {
    1: (0, _table(lambda byte: byte << 2 & 31), _table(lambda byte: byte >> 6)),
    3: (1, _table(lambda byte: byte << 4 & 31), _table(lambda byte: byte >> 4)),
    4: (2, _table(lambda byte: byte << 1 & 31), _table(lambda byte: byte >> 7)),
    6: (3, _table(lambda byte: byte << 3 & 31), _table(lambda byte: byte >> 5)),
}
"""Those that depend on the low bits of one byte and the high bits of the next."""
_LETTERS = _letters(lambda byte: byte)


def ulids(contexts: Sequence[bytes | None]) -> list[str | None]:
    """Return the ULID of each context id of 16 bytes; None for any other length."""
    if None not in contexts and {_BYTES}.issuperset(map(len, cast(Sequence[bytes], contexts))):
        return list(_convert(cast(Sequence[bytes], contexts)))
    is_whole = [context is not None and len(context) == _BYTES for context in contexts]
    converted = iter(_convert(cast(Sequence[bytes], list(compress(contexts, is_whole)))))
    return [next(converted) if whole else None for whole in is_whole]


def _convert_together(contexts: Sequence[bytes]) -> list[str]:
    """Return ULIDs of 16 bytes each."""
    padded = _PADDING.join([b"", *contexts])
    fifths = [padded[place::5] for place in range(5)]
    size = len(fifths[0])
    letters = bytearray(8 * size)
    for place, (source, table) in _ALONE.items():
        letters[place::8] = fifths[source].translate(table)
    for place, (source, high, low) in _SHARED.items():
        bits = int.from_bytes(fifths[source].translate(high))
        bits |= int.from_bytes(fifths[source + 1].translate(low))
        letters[place::8] = bits.to_bytes(size).translate(_LETTERS)
    text = letters.decode()
    ends = range(_LETTERS_PADDED, len(text) + 1, _LETTERS_PADDED)
    return [text[end - _CHARACTERS : end] for end in ends]


def _convert_each(contexts: Sequence[bytes]) -> list[str]:
    """Return ULIDs of 16 bytes each."""
    return list(map(bytes_to_ulid, contexts))


_convert = _convert_together if isinstance(bytes_to_ulid, FunctionType) else _convert_each
