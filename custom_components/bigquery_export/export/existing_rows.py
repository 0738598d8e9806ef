"""Rows that are in BigQuery: what identifies them, and how they are read."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from ..rows.table import Table


class FoundRow(NamedTuple):
    """What identifies a row in BigQuery."""

    name: str
    time: int
    """Microseconds since 1970."""
    id: int
    """The recorder's id when it was sent: another database may have given it another one since."""
    exported: int = 0
    """When it was sent, in microseconds since 1970; like `version` of tables with `versions`."""
    version: tuple[object, ...] = ()
    """The values of the table's `versions`."""
    deletes: bool = False
    """Whether it is none of the recorder's, but deletes what was sent before under its name."""


class ExistingRows(Protocol):
    """Reads what is in the tables; its methods block and raise ExportError."""

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return in how many seconds `rows` has all that was committed before a time, 0 if now.

        The time is in milliseconds since 1970 by BigQuery's clock; the answer is when that will be
        so at the latest, most likely. Unless `query` is false, a query may be made, which knows all
        rows at once, if the key may run one.
        """

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table, by its first day.

        Of a table with `versions` also those that delete others.
        """


def version_of(table: Table, values: Mapping[str, object]) -> tuple[object, ...]:
    """Return the values of a row that tell it from its earlier versions."""
    return tuple(values.get(name) for name in table.versions)
