"""Columns that a user can switch off: they stay in the table and are NULL."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from .columns import REGISTRY_COLUMNS, local_time_columns
from .encoding import Encoding, Values


class ColumnGroup(StrEnum):
    """Columns that belong together."""

    ATTRIBUTES = "attributes"
    REGISTRY = "registry"
    TIME = "time"
    QUALITY = "quality"
    AMBIENT = "surroundings"


COLUMNS = {
    ColumnGroup.ATTRIBUTES: frozenset({"attributes"}),
    ColumnGroup.REGISTRY: frozenset(column.name for column in REGISTRY_COLUMNS),
    ColumnGroup.TIME: frozenset(column.name for column in local_time_columns("")),
    ColumnGroup.QUALITY: frozenset({"state_numeric", "state_changed", "is_available"}),
    ColumnGroup.AMBIENT: frozenset({"ambient"}),
}
"""The names of the columns of each group, in all tables."""


class NarrowEncoding:
    """Encodes rows without some columns."""

    def __init__(self, encoding: Encoding, left_out: frozenset[str]) -> None:
        """Leave out columns with these names."""
        self._encoding = encoding
        self._left_out = left_out
        self.together = encoding.together
        self.row = encoding.row
        self.rows = encoding.rows
        self.decode = encoding.decode

    def fragment(self, values: Mapping[str, Any]) -> bytes:
        """Encode some columns of a row, less those that are left out; raises ValueError."""
        left_out = self._left_out
        return self._encoding.fragment(
            {name: value for name, value in values.items() if name not in left_out}
        )

    def fragments(self, columns: Mapping[str, Values]) -> list[bytes]:
        """Encode some columns of many rows, less those that are left out; raises ValueError."""
        kept = {name: values for name, values in columns.items() if name not in self._left_out}
        return self._encoding.fragments(kept)


def columns_left_out(groups: Iterable[ColumnGroup]) -> frozenset[str]:
    """Return the columns of all other groups than these."""
    chosen = frozenset(groups)
    return frozenset[str]().union(*(COLUMNS[group] for group in COLUMNS if group not in chosen))


def narrowed(encoding: Encoding, groups: Iterable[ColumnGroup]) -> Encoding:
    """Return an encoding of the columns of these groups, and of all that belong to none."""
    left_out = columns_left_out(groups)
    return NarrowEncoding(encoding, left_out) if left_out else encoding
