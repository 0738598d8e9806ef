"""What all encoders share: a row is fragments one after another, most of them from a cache."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from .encoded_rows import EncodedRows, RejectedRow, RowKey
from .recorded_values import UNENCODABLE, reason

MAX_BYTES = 8 * 1024 * 1024
_BESIDES = 200
"""Overhead of a short fragment in bytes: two objects, and a place in a dictionary."""


class Fragments[Key: Hashable](dict[Key, bytes]):
    """Fragments by the values that they encode: made when needed, and cached up to a size."""

    def __init__(self, make: Callable[[Key], bytes], max_bytes: int = MAX_BYTES) -> None:
        """Begin with an empty cache of about `max_bytes`."""
        super().__init__()
        self._make = make
        self._max_bytes = max_bytes
        self._bytes = 0
        self._version = 0

    def renew(self, version: int) -> None:
        """Empty the cache if its fragments are of another version of the values."""
        if version != self._version:
            self.clear()
            self._bytes = 0
            self._version = version

    def __missing__(self, key: Key) -> bytes:
        """Make the fragment of a key that is not in the cache."""
        if self._bytes > self._max_bytes:
            self.clear()
            self._bytes = 0
        if fragment := self._make(key):  # An empty one has no size, so it would never be removed.
            self[key] = fragment
            self._bytes += len(fragment) + _BESIDES
        return fragment


def encode_each[Row: Sequence[Any]](
    rows: Sequence[Row],
    encode: Callable[[Row], tuple[RowKey, bytes] | None],
    readable: Callable[[Row], Mapping[str, Any]],
) -> EncodedRows:
    """Encode rows of the recorder whose first value is their id.

    A row that `encode` returns None for is left out. One that it raises for is rejected, with
    what `readable` says of it, and stops no other.
    """
    encoded = EncodedRows()
    for row in rows:
        try:
            result = encode(row)
        except UNENCODABLE as err:
            encoded.rejected.append(RejectedRow(readable(row), reason(err)))
        else:
            if result is not None:
                encoded.add(row[0], *result)
    return encoded
