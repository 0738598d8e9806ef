"""Columns of the user's own in `sensor_data`: an attribute, or the state, with a type."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
import re

from .entity_filter import EntityFilter, Selection
from .registry import RegistryValues
from .sensor_data import SENSOR_DATA
from .table import Column, ColumnType, Scope, Table

OWN_TYPES = (
    ColumnType.STRING,
    ColumnType.INT64,
    ColumnType.FLOAT64,
    ColumnType.BOOL,
    ColumnType.TIMESTAMP,
    ColumnType.JSON,
)
"""The types that an own column may have."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED_PREFIXES = (
    *("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier"),
    "_change_",
)
"""BigQuery's pages "Specify a schema", "Column names", and "Stream table updates with change data
capture", whose columns _CHANGE_TYPE and _CHANGE_SEQUENCE_NUMBER are not the table's."""


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """A column of the user's own."""

    name: str
    type: ColumnType
    attribute: str = ""
    """A name, or a path such as `hs_color.0`; empty stands for the state."""
    unit: str = ""
    """The unit to convert to; empty = values stay as they are."""
    value_unit: str = ""
    """The unit of values with which Home Assistant keeps none."""
    home_unit: str = ""
    """The unit that an attribute has in this home, if neither of the two is known."""
    selection: Selection = field(default_factory=Selection)
    """Whose states have it: by domain, glob or integration; empty = all."""

    @property
    def declaration(self) -> Column:
        """Return the column as it is in the table.

        What it is made of may change, and the description of a column that is there does not.
        """
        of_attributes = self.attribute and Scope.ATTRIBUTES
        return Column(
            self.name,
            self.type,
            of_attributes or Scope.ROW,
            "A column of your own; the view export_settings says what it is made of",
        )


def with_own_columns(table: Table, own_columns: Sequence[OwnColumn]) -> Table:
    """Return a table with own columns at its end, if it is the one of states."""
    if table is not SENSOR_DATA or not own_columns:
        return table
    return replace(table, columns=(*table.columns, *(own.declaration for own in own_columns)))


def is_column_name(name: str) -> bool:
    """Return whether BigQuery takes a name for a column of the table of states."""
    return bool(_NAME.fullmatch(name)) and not name.casefold().startswith(_RESERVED_PREFIXES)


def is_taken(name: str) -> bool:
    """Return whether the table of states has another column of this name.

    To BigQuery names that differ in the case of letters are the same.
    """
    return name.casefold() in _TAKEN


_TAKEN = frozenset(column.name.casefold() for column in SENSOR_DATA.columns)


class ColumnEntities:
    """The entities whose states have some own columns."""

    def __init__(self, selection: Selection) -> None:
        """Take what was selected."""
        self._is_all = selection == Selection()
        self._filter = EntityFilter(include=selection)
        known = replace(selection, globs=())
        self._of_hidden = None if known == Selection() else EntityFilter(include=known)

    def includes(self, entity_id: str, registry_values: RegistryValues, *, hidden: bool) -> bool:
        """Return whether states of an entity have the columns.

        A pattern would tell which entity a hidden one is, but its domain and its integration are
        exported.
        """
        if self._is_all:
            return True
        if hidden:
            return self._of_hidden is not None and self._of_hidden.includes(
                entity_id, registry_values
            )
        return self._filter.includes(entity_id, registry_values)
