"""The fragments of own columns, each made once: of a set of attributes, or of a state.

Columns for the same entities are a group. A set of attributes often has none of them, and what all
entities have of it is put together with its other columns at once. The rest is looked up by row.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any

from .encoding import Encoding
from .entity_filter import Selection
from .own_columns import ColumnEntities, OwnColumn
from .own_values import Attributes, attribute_reader, names_of, state_reader
from .recorded_values import UNENCODABLE
from .registry import RegistryValues

_MAX_STATES = 10_000
_MAX_UNITS = 100
"""Of those so many are kept for entities that have the same columns."""
_MAX_WANTED = 1_000

type Key = Hashable
"""What tells sets of attributes apart: the recorder's id, or more where a row has its own."""
type Unfit = Sequence[str]
"""Columns that are NULL because the value does not fit them."""
type _Read = Callable[..., Any]
"""Returns the value of a column, or raises one of `UNENCODABLE`."""
type _Readers = Mapping[str, _Read]

_ALL = Selection()


class Group:
    """Columns for the same entities."""

    def __init__(self, selection: Selection) -> None:
        """Begin without columns."""
        self.entities = ColumnEntities(selection)
        self.readers: dict[str, _Read] = {}
        """What reads columns, by their names."""
        self.fragments: dict[Key, bytes] = {}
        """What sets of attributes have of the columns."""
        self.unfit: dict[Key, Unfit] = {}
        """What does not fit of them."""


def _grouped(
    columns: Iterable[OwnColumn], reader: Callable[[OwnColumn], _Read]
) -> dict[Selection, Group]:
    groups: dict[Selection, Group] = {}
    for column in columns:
        group = groups.setdefault(column.selection, Group(column.selection))
        group.readers[column.name] = reader(column)
    return groups


def _groups_of(
    groups: Iterable[Group], entity_id: str, registry_values: RegistryValues, *, hidden: bool
) -> tuple[Group, ...]:
    """Return those groups that an entity has."""
    return tuple(
        group
        for group in groups
        if group.entities.includes(entity_id, registry_values, hidden=hidden)
    )


def _values(readers: _Readers, *args: object) -> tuple[dict[str, Any], Unfit]:
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


class OwnAttributes:
    """Own columns that are made of attributes."""

    def __init__(self, encoding: Encoding, columns: Sequence[OwnColumn], zone: tzinfo) -> None:
        """Begin with nothing that was learned; a time without a zone is one of `zone`."""
        self._encoding = encoding
        groups = _grouped(columns, partial(attribute_reader, zone=zone))
        self._for_all = groups.pop(_ALL, Group(_ALL))
        self._groups = list(groups.values())
        self._names = {column.name: names_of(column) for column in columns}
        self._all_names = frozenset[str]().union(*self._names.values())
        self._wanted: dict[frozenset[str], list[tuple[Group, _Readers]]] = {}
        """The columns of sets that have some of these attributes, by their names."""
        self.unfit = self._for_all.unfit
        """Columns of all entities that are NULL because the value does not fit, by set."""
        self.selective: set[Key] = set()
        """Sets of which some entities have columns, and others do not."""
        self.selective_unfit: set[Key] = set()
        """Sets of which some entities have columns that no value fits."""

    def of(
        self, entity_id: str, registry_values: RegistryValues, *, hidden: bool
    ) -> Sequence[Group]:
        """Return the groups of columns that not all entities have, but this one."""
        return _groups_of(self._groups, entity_id, registry_values, hidden=hidden)

    def learn(self, keys: Sequence[Key], sets: Sequence[Attributes], fragments: list[bytes]) -> int:
        """Encode the columns of sets of attributes; return how many bytes are kept of them.

        `fragments` are those of their other columns, and get what all entities have.
        """
        size = 0
        for place, attributes in enumerate(sets):
            if not (names := self._all_names.intersection(attributes)):
                continue
            key = keys[place]
            for group, readers in self._wanted.get(names) or self._want(names):
                values, unfit = _values(readers, attributes)
                fragment = self._encoding.fragment(values) if values else b""
                if unfit:
                    group.unfit[key] = unfit
                if group is self._for_all:
                    fragments[place] = self._encoding.together(fragments[place], fragment)
                    continue
                if fragment:
                    size += len(fragment) - len(group.fragments.get(key, b""))
                    group.fragments[key] = fragment
                    self.selective.add(key)
                if unfit:
                    self.selective_unfit.add(key)
        return size

    def _want(self, names: frozenset[str]) -> list[tuple[Group, _Readers]]:
        """Find out which columns are made of attributes with these names."""
        if len(self._wanted) >= _MAX_WANTED:
            self._wanted.clear()
        found: list[tuple[Group, _Readers]] = [
            (group, readers)
            for group in (self._for_all, *self._groups)
            if (
                readers := {
                    name: read
                    for name, read in group.readers.items()
                    if not self._names[name].isdisjoint(names)
                }
            )
        ]
        self._wanted[names] = found
        return found

    def forget(self, keys: Sequence[Key]) -> int:
        """Remove what was learned of sets; return how many bytes it had."""
        self.selective.difference_update(keys)
        self.selective_unfit.difference_update(keys)
        size = 0
        for group in (self._for_all, *self._groups):
            for key in keys:
                size += len(group.fragments.pop(key, b""))
                group.unfit.pop(key, None)
        return size


class StateFragments(dict[bytes, bytes]):
    """Fragments of states with own columns, by those without."""

    def __init__(self, encoding: Encoding, readers: _Readers, unit: str | None) -> None:
        """Begin empty, for entities that have these columns, and states of this unit."""
        super().__init__()
        self._encoding = encoding
        self._readers = readers
        self._unit = unit
        self.unfit: dict[bytes, Unfit] = {}
        """Columns that are NULL because the value does not fit, by the fragment without them."""

    def learn(self, state: str | None, fragment: bytes) -> bytes:
        """Encode the columns of a state that has a fragment already, and return both together."""
        if len(self) >= _MAX_STATES:
            self.clear()
            self.unfit.clear()
        values, unfit = _values(self._readers, state, self._unit)
        if unfit:
            self.unfit[fragment] = unfit
        self[fragment] = found = self._encoding.together(fragment, self._encoding.fragment(values))
        return found


class _ByUnit(dict[str | None, StateFragments]):
    """Fragments of states of entities that have the same columns, by their unit."""

    def __init__(self, encoding: Encoding, readers: _Readers) -> None:
        """Begin without any."""
        super().__init__()
        self._encoding = encoding
        self._readers = readers

    def __missing__(self, unit: str | None) -> StateFragments:
        """Begin with another unit."""
        if len(self) >= _MAX_UNITS:
            self.clear()
        self[unit] = found = StateFragments(self._encoding, self._readers, unit)
        return found


class OwnStates:
    """Own columns that are made of states."""

    def __init__(self, encoding: Encoding, columns: Sequence[OwnColumn], zone: tzinfo) -> None:
        """Begin with nothing that was encoded; a time without a zone is one of `zone`."""
        self._encoding = encoding
        self._groups = list(_grouped(columns, partial(state_reader, zone=zone)).values())
        self._known: dict[tuple[Group, ...], _ByUnit] = {}
        self.have_units = any(column.unit for column in columns)
        """Whether the unit of a state is needed, too: otherwise it counts as None."""

    def of(
        self, entity_id: str, registry_values: RegistryValues, *, hidden: bool
    ) -> Mapping[str | None, StateFragments] | None:
        """Return the fragments of an entity's states by their unit, None if it has no columns."""
        groups = _groups_of(self._groups, entity_id, registry_values, hidden=hidden)
        if groups and groups not in self._known:
            readers = {name: read for group in groups for name, read in group.readers.items()}
            self._known[groups] = _ByUnit(self._encoding, readers)
        return self._known.get(groups)
