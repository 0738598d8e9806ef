"""An index that finds out which rows of the recorder BigQuery has already.

A row has a *key*, its name and time, and a *place*, its time and the recorder's id, which
identifies it when its name has changed since. Both may be tuples, or hashes of them where there
are many rows.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence


class RowIndex[Key: Hashable, Place: Hashable]:
    """Wanted rows, which are compared with rows that were found."""

    def __init__(self, wanted: Sequence[tuple[Key, Place]], *, renamed: bool) -> None:
        """Take the key and the place of each wanted row; without `renamed`, ignore the places."""
        self._wanted = wanted
        self.wanted: Mapping[Key, int] = Counter(key for key, _ in wanted)
        """How many wanted rows have a key."""
        self._places = {place for _, place in wanted} if renamed else set()
        self._found: Counter[Key] = Counter()
        self._found_places: Counter[Place] = Counter()
        self.renamed = 0
        """How many rows were found by their place; `missing` sets it."""

    def add(self, key: Key, place: Place) -> None:
        """Add a row that was found; ignore it if it is none of the wanted ones."""
        if key in self.wanted:
            self._found[key] += 1
        elif place in self._places:
            self._found_places[place] += 1

    def ignore(self, key: Key, number: int) -> None:
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
