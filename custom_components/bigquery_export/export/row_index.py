"""Which of some rows are among others: how rows that BigQuery has are known again.

A row has a *key*, what identifies it (its name and time), and a *place*, its time and the
recorder's id, by which it is known when its name has changed since. Both may be tuples, or hashes
of them where there are many rows.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence


class RowIndex[Key: Hashable, Place: Hashable]:
    """Some rows, of which it is found out whether others are the same."""

    def __init__(self, wanted: Sequence[tuple[Key, Place]], *, renamed: bool) -> None:
        """Take the key and the place of each row; without `renamed`, places do not count."""
        self._wanted = wanted
        self.wanted: Mapping[Key, int] = Counter(key for key, _ in wanted)
        """How many rows have a key."""
        self._places = {place for _, place in wanted} if renamed else set()
        self._found: Counter[Key] = Counter()
        self._found_places: Counter[Place] = Counter()
        self.renamed = 0
        """How many rows were found by their place, once `missing` was asked."""

    def add(self, key: Key, place: Place) -> None:
        """Add a row that was found. Of those that are none of the wanted ones nothing is kept."""
        if key in self.wanted:
            self._found[key] += 1
        elif place in self._places:
            self._found_places[place] += 1

    def ignore(self, key: Key, number: int) -> None:
        """Let so many rows that were found with a key count as others, which are not wanted."""
        self._found[key] -= number

    def missing(self) -> list[int]:
        """Return the indices of those wanted rows that were not found.

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
