"""Rows ready to be sent, and those that cannot be."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class RowKey(NamedTuple):
    """What identifies a row in BigQuery, and where it is."""

    name: str
    """What the row is about: an entity_id, a statistic_id, an event type."""
    time: int
    """Microseconds since 1970."""
    day: int
    """Its partition, in days since 1970."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be sent: its values, and why not."""

    values: Mapping[str, Any]
    reason: str
    encoded: bool = False
    """Whether the values are those of the table's columns, and not the recorder's."""


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows ready to be sent, column by column, and those that cannot be."""

    ids: list[int] = field(default_factory=list)
    """The recorder's ids."""
    names: list[str] = field(default_factory=list)
    """What the rows are about, as `RowKey.name`."""
    times: list[int] = field(default_factory=list)
    """Microseconds since 1970."""
    data: list[bytes] = field(default_factory=list)
    days: set[int] = field(default_factory=set)
    """The partitions that they belong to, in days since 1970."""
    rejected: list[RejectedRow] = field(default_factory=list)
    repaired: list[int] = field(default_factory=list)
    """The ids of rows whose attributes or data are not JSON: they are sent without what cannot."""
    unfit: Counter[str] = field(default_factory=Counter)
    """How many values do not fit an own column, and are NULL, by column."""

    def batches(self, size: int) -> Iterator[EncodedRows]:
        """Yield the rows in batches of at most `size`."""
        for start in range(0, len(self.data), size):
            part = slice(start, start + size)
            yield EncodedRows(
                self.ids[part], self.names[part], self.times[part], self.data[part], self.days
            )

    def only(self, indices: Sequence[int]) -> EncodedRows:
        """Return the rows at these indices, and all that cannot be sent."""

        def chosen[T](column: Sequence[T]) -> list[T]:
            return [column[index] for index in indices]

        return EncodedRows(
            chosen(self.ids),
            chosen(self.names),
            chosen(self.times),
            chosen(self.data),
            self.days,
            self.rejected,
        )

    def add(self, id_: int, key: RowKey, data: bytes) -> None:
        """Add a row."""
        self.ids.append(id_)
        self.names.append(key.name)
        self.times.append(key.time)
        self.data.append(data)
        self.days.add(key.day)

    def extend(self, more: EncodedRows) -> None:
        """Add the rows of another piece."""
        self.ids.extend(more.ids)
        self.names.extend(more.names)
        self.times.extend(more.times)
        self.data.extend(more.data)
        self.days.update(more.days)
        self.rejected.extend(more.rejected)
        self.repaired.extend(more.repaired)
        self.unfit.update(more.unfit)
