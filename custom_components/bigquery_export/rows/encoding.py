"""What an encoding is: how a delivery wants its rows as bytes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .times import Times
from .ulids import Contexts

type Values = Sequence[Any] | Times | Contexts
"""Values of one column of many rows: of any type, or times or ULIDs packed together."""


class Encoding(Protocol):
    """Turns the values of a row into bytes, one fragment of the columns at a time.

    A fragment holds the columns of one scope. It can be made once and used for every row that
    shares these values.
    """

    def fragment(self, values: Mapping[str, Any]) -> bytes:
        """Encode some columns of a row, by name; None is NULL.

        Raises ValueError when a value cannot be encoded.
        """

    def fragments(self, columns: Mapping[str, Values]) -> list[bytes]:
        """Encode some columns of many rows, which is quicker than row by row.

        All `columns` have the same number of values; None is NULL. Raises what `fragment` raises.
        """

    def together(self, *fragments: bytes) -> bytes:
        """Put fragments of a row together to one; an empty one has no columns."""

    def row(self, *fragments: bytes) -> bytes:
        """Put a row together from its fragments."""

    def rows(self, *fragments: Sequence[bytes]) -> list[bytes]:
        """Put many rows together: each row is of the fragments at one index."""

    def decode(self, row: bytes) -> dict[str, Any]:
        """Return the values of a row that are not NULL, by name, as `fragment` takes them."""


def one_by_one(column: Values) -> Sequence[Any]:
    """Return the values of a column as `Encoding.fragment` takes them."""
    match column:
        case Times():
            return column.microseconds().numbers()
        case Contexts():
            return column.ulids()
    return column
