"""Own columns in groups: those in a group are for the same entities."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from .entity_filter import Selection
from .own_columns import ColumnEntities, OwnColumn
from .recorded_values import UNENCODABLE
from .registry import RegistryValues

type Key = Hashable
"""What tells sets of attributes apart: the recorder's id, or more where a row has its own."""
type Unfit = Sequence[str]
"""Columns that are NULL because the value does not fit them."""
type Read = Callable[..., Any]
"""Returns the value of a column, or raises one of `UNENCODABLE`."""
type Readers = Mapping[str, Read]
"""What reads columns, by their names."""
type Groups = tuple[Group, ...]
"""The groups of an entity."""


class Group:
    """Columns for the same entities."""

    def __init__(self, selection: Selection) -> None:
        """Begin without columns."""
        self.entities = ColumnEntities(selection)
        self.readers: dict[str, Read] = {}
        self.fragments: dict[Key, bytes] = {}
        """What sets of attributes have of the columns."""
        self.unfit: dict[Key, Unfit] = {}
        """What does not fit of them."""


def grouped(
    columns: Iterable[OwnColumn], reader: Callable[[OwnColumn], Read]
) -> dict[Selection, Group]:
    """Return the groups of columns, by the entities that were selected."""
    groups: dict[Selection, Group] = {}
    for column in columns:
        group = groups.setdefault(column.selection, Group(column.selection))
        group.readers[column.name] = reader(column)
    return groups


def groups_of(
    groups: Iterable[Group], entity_id: str, registry_values: RegistryValues, *, hidden: bool
) -> Groups:
    """Return those groups that an entity has."""
    return tuple(
        group
        for group in groups
        if group.entities.includes(entity_id, registry_values, hidden=hidden)
    )


def values_of(readers: Readers, *args: object) -> tuple[dict[str, Any], Unfit]:
    """Return the values of columns that are not NULL, and which columns no value fits."""
    values: dict[str, Any] = {}
    unfit: list[str] = []
    for name, read in readers.items():
        try:
            value = read(*args)
        except UNENCODABLE:
            unfit.append(name)
        else:
            if value is not None:
                values[name] = value
    return values, unfit
