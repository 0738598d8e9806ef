"""Comparing the rows of one day in the recorder with those in BigQuery, in little memory.

A row is kept as two hashes, 16 bytes: one of its key, its name and time, and one of its place, its
time and the recorder's id, which identifies a row whose name has changed since.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

from ..row_index import NO_PLACE, RowIndex, key_of, place_of

_BUCKETS = 64


class Keys:
    """Rows of one day, in buckets, so that a part of them can be compared at a time."""

    def __init__(self) -> None:
        """Begin without rows."""
        self._keys = [array("q") for _ in range(_BUCKETS)]
        self._places = [array("q") for _ in range(_BUCKETS)]

    def add(self, name: str, time: int, id_: int, *, ours: bool = True) -> None:
        """Add a row.

        It is not `ours` if it is newer than what is compared: it counts if its key is wanted.
        """
        bucket = hash((time,)) % _BUCKETS
        self._keys[bucket].append(key_of(name, time))
        self._places[bucket].append(place_of(time, id_) if ours else NO_PLACE)

    def buckets(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the rows of one bucket after another, as key and place."""
        for keys, places in zip(self._keys, self._places, strict=True):
            yield list(zip(keys, places, strict=True))


@dataclass(slots=True)
class Counts:
    """How the rows of a day, or of more, differ."""

    recorder: int = 0
    """Rows that were exported and that the recorder still has."""
    bigquery: int = 0
    """Rows in BigQuery."""
    missing: int = 0
    """Rows of the recorder that BigQuery does not have."""
    duplicated: int = 0
    """Rows in BigQuery that are duplicates of others."""
    only_in_bigquery: int = 0
    """Rows in BigQuery that the recorder has deleted, or that are no longer exported."""
    rejected: int = 0
    """Rows that BigQuery does not have because they were rejected, and are kept."""
    corrected: int = 0
    """Rows in BigQuery with values of a statistic from before a correction."""

    @classmethod
    def sum(cls, counts: Iterable[Counts]) -> Counts:
        """Return rows of several days together."""
        found = list(counts)
        names = [field.name for field in fields(cls)]
        return cls(**{name: sum(getattr(one, name) for one in found) for name in names})


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the rows of a day differ, and which of them BigQuery lacks."""

    counts: Counts = field(default_factory=Counts)
    lacking: Counter[int] = field(default_factory=Counter)
    """How many rows BigQuery lacks, by the hash of their key."""


def compared(
    recorder: Keys, bigquery: Keys, *, renamed: bool, corrected: bool, rejected: Counter[int]
) -> Comparison:
    """Compare the rows of a day.

    With `renamed`, a row may be in BigQuery under another name. With `corrected`, it may be there
    several times, because it was sent again. `rejected` has the rows of the file of rejected rows,
    by the hash of their key; those that BigQuery lacks are subtracted from it.
    """
    result = Comparison()
    for ours, theirs in zip(recorder.buckets(), bigquery.buckets(), strict=True):
        _compare(ours, theirs, result, renamed=renamed, corrected=corrected, rejected=rejected)
    return result


def _compare(
    ours: list[tuple[int, int]],
    theirs: list[tuple[int, int]],
    result: Comparison,
    *,
    renamed: bool,
    corrected: bool,
    rejected: Counter[int],
) -> None:
    counts = result.counts
    index = RowIndex(ours, renamed=renamed)
    known: Counter[int] = Counter()
    others: set[tuple[int, int]] = set()
    extra = 0
    for key, place in theirs:
        if key in index.wanted:
            index.add(key, place)
            known[key] += place != NO_PLACE
        elif place == NO_PLACE:
            continue
        elif (key, place) in others:
            extra += 1
        else:
            index.add(key, place)
            others.add((key, place))
        counts.bigquery += 1
    extra += sum(max(0, known[key] - number) for key, number in index.wanted.items())
    lacking = Counter(ours[number][0] for number in index.missing())
    for key in lacking.keys() & rejected.keys():
        number = min(lacking[key], rejected[key])
        lacking[key] -= number
        rejected[key] -= number
        counts.rejected += number
    result.lacking.update(lacking)
    counts.recorder += len(ours)
    counts.missing += lacking.total()
    counts.only_in_bigquery += len(others) - index.renamed
    if corrected:
        counts.corrected += extra
    else:
        counts.duplicated += extra
