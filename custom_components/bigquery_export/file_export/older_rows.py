"""The rows of a partition that BigQuery has and the recorder has not."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from time import sleep
from typing import Any

from ..bigquery.listed_values import ListedValues
from ..errors import StoppedError
from ..export.row_index import key_of, place_of
from ..rows.columns import EXPORT_TIMESTAMP
from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table

_BUCKETS = 2**14
"""Of a month of 1,000 statistics, a bucket has 44 rows."""
_TAKEN = -1
"""In the place of when a row was sent, once it was returned."""
_PAUSE = 0.02
"""Seconds to pause after each page, so that other threads get their turn."""
_DELETED = "deleted"
_END = "end"

type Values = dict[str, Any]


class OlderRows:
    """Finds such rows; its methods block and raise ExportError.

    A row is known by name and time, or, where the recorder renames, by time and the recorder's id.
    """

    def __init__(
        self, listed: ListedValues, table: Table, partition_start: int, stopped: Callable[[], bool]
    ) -> None:
        """Begin without rows of the recorder; `stopped` tells when to end."""
        self._listed = listed
        self._table = table
        self._partition = partition_start
        self._stopped = stopped
        self._known: set[int] = set()

    def learn(self, rows: EncodedRows) -> None:
        """Note rows that the recorder has."""
        self._known.update(map(key_of, rows.names, rows.times, strict=True))
        if self._table.renamed:
            self._known.update(map(place_of, rows.times, rows.ids, strict=True))

    def pages(self, wanted: Callable[[Values], bool]) -> Iterator[list[Values]]:
        """Yield the other rows that are wanted, as they are valid.

        Of a table with versions, name and time alone must say whether a row is wanted.
        """
        valid = self._versions(wanted) if self._table.versions else None
        for page in self._pages():
            yield [
                row
                for row in page
                if not self._has(row) and wanted(row) and (valid is None or valid.take(row))
            ]

    def _has(self, row: Values) -> bool:
        name, time = self._table.identity
        if key_of(row[name], row[time]) in self._known:
            return True
        id_ = row.get(self._table.id)
        return self._table.renamed and id_ is not None and place_of(row[time], id_) in self._known

    def _versions(self, wanted: Callable[[Values], bool]) -> _Versions:
        """Return which versions of the rows that are wanted are valid."""
        columns = frozenset(
            {*self._table.identity, self._table.id, EXPORT_TIMESTAMP.name, _DELETED, _END}
        )
        versions = _Versions(self._table)
        for page in self._pages(columns):
            versions.learn(filter(wanted, page))
        return versions

    def _pages(self, columns: frozenset[str] | None = None) -> Iterator[list[Values]]:
        for page in self._listed.pages(self._table, self._partition, columns):
            if self._stopped():
                raise StoppedError
            yield page
            sleep(_PAUSE)


class _Versions:
    """Which rows of a table with versions are valid, as the views `…_latest` have them.

    It is the one that was exported last, unless one with `deleted` was exported later whose
    `start` and `end` are around it.
    """

    def __init__(self, table: Table) -> None:
        self._name, self._time = table.identity
        self._id = table.id
        self._newest = _NewestVersions()
        self._deleted: dict[str, list[tuple[int, int, int]]] = {}

    def learn(self, rows: Iterable[Values]) -> None:
        """Note rows, and what some of them delete."""
        for row in rows:
            name, time, version = row[self._name], row[self._time], self._version(row)
            if row.get(_DELETED):
                span = (time, row.get(_END) or time, version[0])
                self._deleted.setdefault(name, []).append(span)
            else:
                self._newest.add(key_of(name, time), version)

    def take(self, row: Values) -> bool:
        """Return whether a row is valid, once for each name and time."""
        name, time = row[self._name], row[self._time]
        version = self._version(row)
        if row.get(_DELETED) or not self._newest.take(key_of(name, time), version):
            return False
        return not any(
            first <= time < end and version[0] < exported
            for first, end, exported in self._deleted.get(name, ())
        )

    def _version(self, row: Values) -> tuple[int, int]:
        return row.get(EXPORT_TIMESTAMP.name, 0), row.get(self._id, 0)


class _NewestVersions:
    """The newest version of each key, in 30 bytes each: a dict takes 230."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        """The key of a row and the two numbers of its version, then those of the next row."""

    def add(self, key: int, version: tuple[int, int]) -> None:
        """Add a version."""
        bucket, place = self._found(key)
        if place == len(bucket):
            bucket.extend((key, *version))
        elif version > (bucket[place + 1], bucket[place + 2]):
            bucket[place + 1], bucket[place + 2] = version

    def take(self, key: int, version: tuple[int, int]) -> bool:
        """Return whether this is the newest version, the first time that it is asked for."""
        bucket, place = self._found(key)
        if place == len(bucket) or version != (bucket[place + 1], bucket[place + 2]):
            return False
        bucket[place + 1] = _TAKEN
        return True

    def _found(self, key: int) -> tuple[array[int], int]:
        """Return the bucket of a key, and where it stands there, or else the end."""
        bucket = self._buckets[key % _BUCKETS]
        for place in range(0, len(bucket), 3):
            if bucket[place] == key:
                return bucket, place
        return bucket, len(bucket)
