"""An index that finds out which rows of the recorder BigQuery has already.

A row has a *key*, its name and time, and a *place*, its time and the recorder's id, which
identifies it when its name has changed since. Both are kept as hashes of 8 bytes, because there may
be many rows: two of a million rows have the same one once in 30 million times.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

NO_PLACE = 0
"""The place of a row whose id says nothing."""


def key_of(name: str, time: int) -> int:
    """Return the hash of a row's key."""
    return hash((name, time))


def place_of(time: int, id_: int) -> int:
    """Return the hash of a row's place, which is never NO_PLACE."""
    return hash((time, id_)) or 1


class RowIndex:
    """Wanted rows, which are compared with rows that were found."""

    def __init__(self, wanted: Sequence[tuple[int, int]], *, renamed: bool) -> None:
        """Take key and place of each wanted row; `renamed` says if a place alone identifies one."""
        self._wanted = wanted
        self.wanted: Mapping[int, int] = Counter(key for key, _ in wanted)
        """How many wanted rows have a key."""
        self._places = {place for _, place in wanted} if renamed else set()
        self._found: Counter[int] = Counter()
        self._found_places: Counter[int] = Counter()
        self.renamed = 0
        """How many rows were found by their place; `missing` sets it."""

    def add(self, key: int, place: int) -> None:
        """Add a row that was found; ignore it if it is none of the wanted ones."""
        if key in self.wanted:
            self._found[key] += 1
        elif place in self._places:
            self._found_places[place] += 1

    def ignore(self, key: int, number: int) -> None:
        """Ignore so many of the found rows with a key, because they are not the wanted ones."""
        self._found[key] -= number

    def missing(self) -> list[int]:
        """Return the indices of the wanted rows that were not found.

        Where more rows have a key than were found, the last of them are missing.
        """
        lacking = {key: number - max(0, self._found[key]) for key, number in self.wanted.items()}
        places = self._found_places.copy()
        others: list[int] = []
        self.renamed = 0
        for index, (key, place) in enumerate(self._wanted):
            if lacking[key] > 0 and places[place] > 0:
                lacking[key] -= 1
                places[place] -= 1
                self.renamed += 1
            else:
                others.append(index)
        missing = []
        for index in reversed(others):
            key = self._wanted[index][0]
            if lacking[key] > 0:
                lacking[key] -= 1
                missing.append(index)
        return missing[::-1]
