"""Rows ready to be sent, and those that cannot be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class RowKey(NamedTuple):
    """What identifies a row in BigQuery, and where it is."""

    name: str
    """Of what the row tells: an entity_id, a statistic_id, an event type."""
    time: int
    """Microseconds since 1970."""
    day: int
    """Its partition, in days since 1970."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be sent: what is known of it, and why not."""

    values: Mapping[str, Any]
    reason: str
    encoded: bool = False
    """Whether the values are those of the table's columns, and not the recorder's."""


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows ready to be sent, with the recorder's id of each, and those that cannot be."""

    ids: list[int] = field(default_factory=list)
    keys: list[RowKey] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    def batches(self, size: int) -> Iterator[EncodedRows]:
        """Yield the rows again, so many at once."""
        for start in range(0, len(self.data), size):
            part = slice(start, start + size)
            yield EncodedRows(self.ids[part], self.keys[part], self.data[part])

    def add(self, id_: int, key: RowKey, data: bytes) -> None:
        """Add a row."""
        self.ids.append(id_)
        self.keys.append(key)
        self.data.append(data)

    def extend(self, more: EncodedRows) -> None:
        """Add the rows of another piece."""
        self.ids.extend(more.ids)
        self.keys.extend(more.keys)
        self.data.extend(more.data)
        self.refused.extend(more.refused)
