"""Reading a table of the recorder whose rows refer to no other table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .plan import PIECE_ROWS
from .reader import TableReader
from .source_table import Anchor


@dataclass(frozen=True, slots=True)
class PlainPiece:
    """Up to 1,250 rows."""

    rows: Sequence[tuple[Any, ...]]
    last: Anchor


class PlainReader(TableReader[tuple[Any, ...]]):
    """Reads the rows of any table as they are."""

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> PlainPiece | None:
        """Return the next rows with `after` < id <= `until`, or None when there are none."""
        with self._database.connected() as connection:
            if not (rows := self._next_rows(connection, after, until, limit)):
                return None
        return PlainPiece(rows, self._anchor(rows[-1]))
