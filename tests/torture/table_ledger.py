"""What the recorder ever had of one table."""

from collections import Counter
from collections.abc import Iterable
from copy import copy
from typing import Self

from tests.home.comparison import Key


class TableLedger:
    """Remembers the rows of one table through everything that the recorder loses."""

    def __init__(self) -> None:
        """Begin with an empty recorder and no export."""
        self.ever: Counter[Key] = Counter()
        """Rows that the recorder has had, and how many of each at the same time at most."""
        self.owed: Counter[Key] = Counter()
        """Rows of which an export that ended well has said that they are in BigQuery."""
        self.now: Counter[Key] = Counter()
        """Rows that the recorder had when it was looked at last."""
        self.destroyed: Counter[Key] = Counter()
        """Rows that were in the recorder, and could not be read any more after some damage."""
        self.untold: Counter[Key] = Counter()
        """Those of them of which the export has to tell, unless they are in BigQuery."""
        self.exported_up_to = 0
        """Rows of the recorder up to this id are owed."""
        self.versions: dict[Key, set[tuple[object, ...]]] = {}
        """What rows were like; none of states, which are never written again."""

    def of_copy(self) -> Self:
        """Return what is remembered of a copy of the recorder.

        What was ever recorded, and is owed, is of both.
        """
        return copy(self)

    def look_at(self, rows: Iterable[tuple[int, Key]]) -> None:
        """Remember what a recorder that rests has."""
        owed: Counter[Key] = Counter()
        self.now = Counter()
        for id_, key in rows:
            self.now[key] += 1
            if self._owes(id_, key):
                owed[key] += 1
        self.ever |= self.now
        self.owed |= owed

    def _owes(self, id_: int, key: Key) -> bool:
        return id_ <= self.exported_up_to
