"""Own columns that are made of states, each encoded once for a state and its unit.

Entities that have the same groups of columns share fragments of states, as all others do theirs.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from itertools import compress, count
from operator import getitem

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT

from .encoding import Encoding
from .known_states import KnownStates, State
from .own_columns import OwnColumn
from .own_groups import Groups, Key, Unfit, grouped, groups_of, values_of
from .own_values import Attributes, state_reader
from .registry import RegistryValues

_MAX_UNITS = 100
"""Of states of entities that have the same columns."""
_MAX_UNFIT = 10_000

type _Unit = str | None


class _ByUnit(dict[_Unit, KnownStates]):
    """Fragments of states by their unit."""

    def __init__(self, begin: Callable[[_Unit], KnownStates]) -> None:
        """Begin without any."""
        super().__init__()
        self._begin = begin

    def __missing__(self, unit: _Unit) -> KnownStates:
        """Begin with another unit."""
        if len(self) >= _MAX_UNITS:
            self.clear()
        self[unit] = found = self._begin(unit)
        return found


class OwnStates:
    """Own columns that are made of states."""

    def __init__(
        self, encoding: Encoding, columns: Sequence[OwnColumn], zone: tzinfo, others: KnownStates
    ) -> None:
        """Begin with nothing that was encoded; a time without a zone is one of `zone`.

        `others` are the fragments of states without own columns.
        """
        self._encoding = encoding
        self._others = others
        self._groups = tuple(grouped(columns, partial(state_reader, zone=zone)).values())
        self._have_units = any(column.unit for column in columns)
        """Whether the unit of a state is needed, too: otherwise it counts as None."""
        self._units: dict[Key, _Unit] = {}
        """The units of states, by their sets of attributes, if they are needed."""
        self._of_entities: dict[int | None, Groups] = {}
        """What entities have, by metadata_id."""
        self._known: dict[Groups, _ByUnit] = {}
        self._by_unit: dict[int | None, _ByUnit] = {}
        self._without_unit: dict[int | None, KnownStates] = {}
        """Which of these are of entities, by metadata_id: one of the two, as units are needed."""
        self._unfit: dict[State, dict[tuple[Groups, _Unit], Unfit]] = {}
        """What does not fit of states: of entities that have some groups, and of a unit."""

    @property
    def is_full(self) -> bool:
        """Return whether entities should be forgotten before the next piece, to save memory."""
        return len(self._unfit) > _MAX_UNFIT

    def has_unfit_of(self, states: Sequence[State]) -> bool:
        """Return whether some of these states do not fit a column, perhaps of other entities."""
        # Mostly nothing is unfit, and to look for each state in nothing takes as long as in much.
        return bool(self._unfit) and not self._unfit.keys().isdisjoint(states)

    def forget_entities(self) -> None:
        """Forget what entities have, which may have changed, and all that was encoded."""
        self._of_entities.clear()
        self._known.clear()
        self._by_unit.clear()
        self._without_unit.clear()
        self._unfit.clear()

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
        if groups not in self._known:
            self._known[groups] = _ByUnit(partial(self._begin, groups))
        if self._have_units:
            self._by_unit[metadata_id] = self._known[groups]
        else:
            self._without_unit[metadata_id] = self._known[groups][None]

    def learn(self, keys: Sequence[Key], sets: Sequence[Attributes]) -> None:
        """Remember the units that are in sets of attributes."""
        if self._have_units:
            for key, attributes in zip(keys, sets, strict=True):
                unit = attributes.get(ATTR_UNIT_OF_MEASUREMENT)
                self._units[key] = unit if isinstance(unit, str) else None

    def forget(self, keys: Sequence[Key]) -> None:
        """Remove what was learned of sets of attributes."""
        for key in keys:
            self._units.pop(key, None)

    def _begin(self, groups: Groups, unit: _Unit) -> KnownStates:
        """Begin with states of a unit, of entities that have some groups."""
        if not groups:
            return self._others
        readers = {name: read for group in groups for name, read in group.readers.items()}

        def make(states: Sequence[State], changed: bool) -> list[bytes]:
            return [
                self._encoding.together(others, own(state))
                for state, others in zip(states, self._others.make(states, changed), strict=True)
            ]

        def own(state: State) -> bytes:
            values, unfit = values_of(readers, state, unit)
            if unfit:
                self._unfit.setdefault(state, {})[groups, unit] = unfit
            return self._encoding.fragment(values) if values else b""

        return KnownStates(make)

    def known(
        self, metadata_ids: Sequence[int | None], keys: Callable[[], Sequence[Key]]
    ) -> list[KnownStates]:
        """Return for each row the fragments of which it has one.

        `keys` returns which sets of attributes the rows have.
        """
        if not self._groups:
            return [self._others] * len(metadata_ids)
        if not self._have_units:
            return list(map(self._without_unit.__getitem__, metadata_ids))
        by_unit = map(self._by_unit.__getitem__, metadata_ids)
        return list(map(getitem, by_unit, map(self._units.get, keys()), strict=True))

    def unfit(
        self, metadata_ids: Sequence[int | None], keys: Sequence[Key], states: Sequence[State]
    ) -> Counter[str]:
        """Return how many values of rows do not fit, by column."""
        found = Counter[str]()
        for place in compress(count(), map(self._unfit.__contains__, states)):
            unit = self._units.get(keys[place]) if self._have_units else None
            kind = self._of_entities[metadata_ids[place]], unit
            found.update(self._unfit[states[place]].get(kind, ()))
        return found
