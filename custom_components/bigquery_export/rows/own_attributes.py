"""Own columns that are made of attributes, each encoded once for a set of these.

A set often has none of them, and what all entities have of it is put together with its other
columns at once. What some entities have is put together for those that have the same groups.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from itertools import compress, count
from operator import getitem

from .encoding import Encoding
from .entity_filter import Selection
from .own_columns import OwnColumn
from .own_groups import Group, Groups, Key, Readers, grouped, groups_of, values_of
from .own_values import Attributes, attribute_reader, names_of
from .registry import RegistryValues

_MAX_WANTED = 1_000
_BESIDES = 140
"""Overhead of a fragment in bytes: the object, and a place in a dictionary."""

_ALL = Selection()


class _Sets(dict[Key, bytes]):
    """Fragments of sets of attributes with some groups of columns, made when they are needed."""

    def __init__(self, encoding: Encoding, groups: Groups, others: Mapping[Key, bytes]) -> None:
        """Begin empty; `others` are the fragments of sets without these groups."""
        super().__init__()
        self._encoding = encoding
        self._groups = groups
        self._others = others
        self.size = 0

    def __missing__(self, key: Key) -> bytes:
        """Put the columns of a set together; raises KeyError for one that is not kept."""
        self[key] = found = self.together(key, self._others[key])
        self.size += len(found) + _BESIDES
        return found

    def together(self, key: Key, others: bytes) -> bytes:
        """Return the fragment of a set with the columns of these groups."""
        own = [found for group in self._groups if (found := group.fragments.get(key))]
        return self._encoding.together(others, *own) if own else others

    def forget(self, keys: Iterable[Key]) -> None:
        """Remove sets."""
        for key in keys:
            if (found := self.pop(key, None)) is not None:
                self.size -= len(found) + _BESIDES


class OwnAttributes:
    """Own columns that are made of attributes."""

    def __init__(self, encoding: Encoding, columns: Sequence[OwnColumn], zone: tzinfo) -> None:
        """Begin with nothing that was learned; a time without a zone is one of `zone`."""
        self._encoding = encoding
        self.sets: dict[Key, bytes] = {}
        """Fragments without what only some entities have, which `AttributesEncoder` puts in."""
        groups = grouped(columns, partial(attribute_reader, zone=zone))
        self._for_all = groups.pop(_ALL, Group(_ALL))
        self._groups = tuple(groups.values())
        self._names = {column.name: names_of(column) for column in columns}
        self._all_names = frozenset[str]().union(*self._names.values())
        self._wanted: dict[frozenset[str], list[tuple[Group, Readers]]] = {}
        """The columns of sets that have some of these attributes, by their names."""
        self._unfit: set[Key] = set()
        """Sets with values that do not fit."""
        self._size = 0
        self._sets_with: dict[Groups, _Sets] = {}
        self._of_entities: dict[int | None, Groups] = {}
        """What entities have besides that of all, by metadata_id."""
        self._sets_of_entities: dict[int | None, Mapping[Key, bytes]] = {}

    @property
    def are_selective(self) -> bool:
        """Return whether some entities have columns that others do not."""
        return bool(self._groups)

    @property
    def has_unfit(self) -> bool:
        """Return whether there are sets with values that do not fit."""
        return bool(self._unfit)

    @property
    def size(self) -> int:
        """Return how many bytes are kept, besides those of `sets`."""
        return self._size + sum(sets.size for sets in self._sets_with.values())

    def forget_entities(self) -> None:
        """Forget what entities have, which may have changed."""
        self._of_entities.clear()
        self._sets_of_entities.clear()

    def learn_entity(
        self,
        metadata_id: int | None,
        entity_id: str,
        registry_values: RegistryValues,
        *,
        hidden: bool,
    ) -> None:
        """Find out which columns an entity has."""
        groups = groups_of(self._groups, entity_id, registry_values, hidden=hidden)
        self._of_entities[metadata_id] = groups
        if groups and groups not in self._sets_with:
            self._sets_with[groups] = _Sets(self._encoding, groups, self.sets)
        self._sets_of_entities[metadata_id] = self._sets_with.get(groups, self.sets)

    def learn(
        self, keys: Sequence[Key], sets: Sequence[Attributes], fragments: list[bytes]
    ) -> None:
        """Encode the columns of sets of attributes.

        `fragments` are those of their other columns, and get what all entities have.
        """
        for place, attributes in enumerate(sets):
            if not (names := self._all_names.intersection(attributes)):
                continue
            key = keys[place]
            for group, readers in self._wanted.get(names) or self._want(names):
                values, unfit = values_of(readers, attributes)
                if unfit:
                    group.unfit[key] = unfit
                    self._unfit.add(key)
                if not values:
                    continue
                fragment = self._encoding.fragment(values)
                if group is self._for_all:
                    fragments[place] = self._encoding.together(fragments[place], fragment)
                else:
                    self._size += len(fragment) - len(group.fragments.get(key, b""))
                    group.fragments[key] = fragment

    def _want(self, names: frozenset[str]) -> list[tuple[Group, Readers]]:
        """Find out which columns are made of attributes with these names."""
        if len(self._wanted) >= _MAX_WANTED:
            self._wanted.clear()
        found: list[tuple[Group, Readers]] = [
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

    def forget(self, keys: Sequence[Key]) -> None:
        """Remove what was learned of sets."""
        self._unfit.difference_update(keys)
        for sets in self._sets_with.values():
            sets.forget(keys)
        for group in (self._for_all, *self._groups):
            for key in keys:
                self._size -= len(group.fragments.pop(key, b""))
                group.unfit.pop(key, None)

    def kept(self, metadata_ids: Sequence[int | None], keys: Sequence[Key]) -> list[bytes]:
        """Return the fragments of rows whose sets are kept; raises KeyError if one is not."""
        return list(
            map(getitem, map(self._sets_of_entities.__getitem__, metadata_ids), keys, strict=True)
        )

    def together(
        self, metadata_ids: Sequence[int | None], keys: Sequence[Key], others: Sequence[bytes]
    ) -> list[bytes]:
        """Return the fragments of rows whose sets need not be kept."""
        return [
            self._sets_with[groups].together(key, fragment)
            if (groups := self._of_entities[metadata_id])
            else fragment
            for metadata_id, key, fragment in zip(metadata_ids, keys, others, strict=True)
        ]

    def unfit(self, metadata_ids: Sequence[int | None], keys: Sequence[Key]) -> Counter[str]:
        """Return how many values of rows do not fit, by column."""
        found = Counter[str]()
        for place in compress(count(), map(self._unfit.__contains__, keys)):
            key = keys[place]
            for group in (self._for_all, *self._of_entities[metadata_ids[place]]):
                found.update(group.unfit.get(key, ()))
        return found
