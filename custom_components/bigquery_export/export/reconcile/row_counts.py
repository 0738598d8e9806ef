"""Rows of a day counted by name, on both sides: days whose counts agree need not be listed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ...rows.table import Table
from ...source.source_table import ExportedIds
from .comparison import Comparison, Counts

CHECK = 1_000_003
"""Times are summed modulo this prime, so that the sum of a day's times fits into 64 bits."""


class CountedRows(NamedTuple):
    """The rows of one day that have the same name, in BigQuery."""

    day: int
    """Since 1970, in UTC."""
    name: str
    rows: int
    different: int
    """How many differ in their time or in the recorder's id."""
    checksum: int
    """The sum of their times in microseconds, each modulo `CHECK`."""


class RowCounts(Protocol):
    """Counts what is in the tables; its methods block and raise ExportError."""

    def size(self, table: Table, days: range, exported: ExportedIds) -> int:
        """Return how many bytes `rows` would read, without reading any."""

    def rows(self, table: Table, days: range, exported: ExportedIds) -> Iterator[CountedRows]:
        """Yield the rows of some days, counted by day and name."""


@dataclass(slots=True)
class Tally:
    """The rows of one day in the recorder, counted by name."""

    by_name: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many there are, and the checksum of their times."""

    def add(self, name: str, time: int) -> None:
        """Add a row."""
        rows, checksum = self.by_name.get(name, (0, 0))
        self.by_name[name] = (rows + 1, checksum + time % CHECK)

    def agreement(self, counted: Iterable[CountedRows]) -> Comparison | None:
        """Return the comparison if BigQuery has each row exactly once, else None.

        With each row once, BigQuery may have others that the recorder no longer has.
        """
        counts = Counts()
        names = set()
        for found in counted:
            counts.bigquery += found.rows
            if found.name in self.by_name:
                if self.by_name[found.name] != (found.rows, found.checksum):
                    return None
                names.add(found.name)
            elif found.rows != found.different:
                return None
            else:
                counts.only_in_bigquery += found.rows
        if names != self.by_name.keys():
            return None
        counts.recorder = sum(rows for rows, _ in self.by_name.values())
        return Comparison(counts)
