"""What the partitions of BigQuery had when a job read them: each is read once in a job.

Rows in doubt come in parts of some thousands, and many parts belong to one partition. Rows that the
job itself sends meanwhile are not in it, nor need they be: no job sends a row twice.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator
from itertools import batched, chain, starmap
from time import sleep
from typing import NamedTuple

from ..rows.table import Table
from .existing_rows import ExistingRows, FoundRow
from .row_index import key_of, place_of

MAX_ROWS = 1_000_000
"""Rows that are kept: 16 MB, or 32 of tables with `versions`."""
_HOUR = 3_600_000_000
"""Microseconds."""
_PAUSE_EVERY = 1_000
_PAUSE = 0.002
"""Seconds to pause after so many rows, so that other work gets its turn."""


class CachedRow(NamedTuple):
    """What is kept of a row."""

    key: int
    place: int
    exported: int = 0
    """When it was sent, in microseconds since 1970."""
    version: int = 0
    """The hash of the values of the table's `versions`."""


class Partition:
    """Rows of one partition, by the hour of the time that identifies them."""

    def __init__(self, *, versions: bool) -> None:
        """Begin without rows; without `versions`, keep only keys and places."""
        self._width = 4 if versions else 2
        self._hours: dict[int, array[int]] = {}
        self._kept: frozenset[int] | None = None
        self.rows = 0
        """How many there are."""
        self.deleted: dict[str, int] = {}
        """When what was sent before was last deleted, by name; microseconds since 1970."""

    def add(self, row: FoundRow) -> None:
        """Add a row, or what one deletes."""
        if row.deletes:
            self.deleted[row.name] = max(self.deleted.get(row.name, 0), row.exported)
            return
        hour = row.time // _HOUR
        if self._kept is not None and hour not in self._kept:
            return
        numbers = (
            key_of(row.name, row.time),
            place_of(row.time, row.id),
            row.exported,
            hash(row.version),
        )
        self._hours.setdefault(hour, array("q")).extend(numbers[: self._width])
        self.rows += 1

    @property
    def whole(self) -> bool:
        """Return whether the rows of all hours are here."""
        return self._kept is None

    def keep_only(self, hours: Iterable[int]) -> None:
        """Forget all other hours, and add no rows of them any more."""
        self._kept = frozenset(hours)
        self._hours = {hour: rows for hour, rows in self._hours.items() if hour in self._kept}
        self.rows = sum(map(len, self._hours.values())) // self._width

    def has(self, hours: Iterable[int]) -> bool:
        """Return whether the rows of all these hours are here."""
        return self._kept is None or self._kept.issuperset(hours)

    def at(self, hours: Iterable[int]) -> Iterator[CachedRow]:
        """Yield the rows of some hours."""
        for hour in hours:
            numbers = self._hours.get(hour, ())
            yield from starmap(CachedRow, batched(numbers, self._width, strict=True))


class PartitionCache:
    """The partitions that a job has read; those that were not used for longest are dropped."""

    def __init__(self, existing_rows: ExistingRows) -> None:
        """Read nothing yet."""
        self._existing_rows = existing_rows
        self._partitions: dict[tuple[str, int], Partition] = {}

    def read(
        self, table: Table, days: Iterable[int], times: Iterable[int]
    ) -> tuple[Iterator[CachedRow], dict[str, int]]:
        """Return rows of the partitions of some days, and what is deleted there; this blocks.

        All that have one of these times, in microseconds since 1970, are among them. Raises
        ExportError.
        """
        hours = {time // _HOUR for time in times}
        starts = sorted({table.partition_start(day) for day in days})
        partitions = [self._partition(table, start, hours) for start in starts]
        deleted: dict[str, int] = {}
        for partition in partitions:
            for name, exported in partition.deleted.items():
                deleted[name] = max(deleted.get(name, 0), exported)
        return chain.from_iterable(partition.at(hours) for partition in partitions), deleted

    def _partition(self, table: Table, start: int, hours: Collection[int]) -> Partition:
        partition = self._partitions.pop((table.name, start), None)
        if partition is None or not partition.has(hours):
            partition = self._read(table, start, hours)
        self._partitions[table.name, start] = partition
        rows = sum(each.rows for each in self._partitions.values())
        for key, oldest in list(self._partitions.items())[:-1]:
            if rows <= MAX_ROWS:
                break
            rows -= oldest.rows
            del self._partitions[key]
        return partition

    def _read(self, table: Table, start: int, hours: Iterable[int]) -> Partition:
        """Read a partition, or only some hours of it if it has too many rows."""
        partition = Partition(versions=bool(table.versions))
        for row in unhurried(self._existing_rows.rows(table, start)):
            partition.add(row)
            if partition.rows > MAX_ROWS and partition.whole:
                partition.keep_only(hours)
        return partition


def unhurried(rows: Iterable[FoundRow]) -> Iterator[FoundRow]:
    """Yield rows, with pauses for other threads."""
    for number, row in enumerate(rows, start=1):
        if number % _PAUSE_EVERY == 0:
            sleep(_PAUSE)
        yield row
