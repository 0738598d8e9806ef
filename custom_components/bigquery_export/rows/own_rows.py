"""What own columns add to the rows of states, however these are read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress, count

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT

from .context import RowContext
from .encoding import Encoding
from .own_fragments import Group, Key, OwnAttributes, OwnStates, StateFragments
from .own_values import Attributes


class OwnRows:
    """The own columns of one run: which entities have them, and what they are in each row."""

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Begin with nothing that was learned."""
        columns, zone = run.choice.own_columns, run.place.zone
        self._encoding = encoding
        self._run = run
        self._attributes = OwnAttributes(
            encoding, [column for column in columns if column.attribute], zone
        )
        self._states = OwnStates(
            encoding, [column for column in columns if not column.attribute], zone
        )
        self._units: dict[Key, str | None] = {}
        """The units of states, by their sets of attributes, if they are needed."""
        self._of_attributes: dict[int | None, Sequence[Group]] = {}
        self._of_states: dict[int | None, Mapping[str | None, StateFragments]] = {}
        """What entities have, by metadata_id, if they have anything."""

    def forget_entities(self) -> None:
        """Forget what entities have, which may have changed."""
        self._of_attributes.clear()
        self._of_states.clear()

    def learn_entity(self, metadata_id: int | None, entity_id: str) -> None:
        """Find out which columns an entity has."""
        values = self._run.registry.of(entity_id)
        hidden = self._run.privacy.is_hidden(entity_id)
        if groups := self._attributes.of(entity_id, values, hidden=hidden):
            self._of_attributes[metadata_id] = groups
        if (states := self._states.of(entity_id, values, hidden=hidden)) is not None:
            self._of_states[metadata_id] = states

    def learn(self, keys: Sequence[Key], sets: Sequence[Attributes], fragments: list[bytes]) -> int:
        """Encode the columns of sets of attributes as they are sent; return their size in bytes.

        `fragments` are those of their other columns, and get what all entities have.
        """
        if self._states.have_units:
            for key, attributes in zip(keys, sets, strict=True):
                unit = attributes.get(ATTR_UNIT_OF_MEASUREMENT)
                self._units[key] = unit if isinstance(unit, str) else None
        return self._attributes.learn(keys, sets, fragments)

    def forget(self, keys: Sequence[Key]) -> int:
        """Remove what was learned of sets of attributes; return how many bytes it had."""
        for key in keys:
            self._units.pop(key, None)
        return self._attributes.forget(keys)

    def put_in(
        self,
        metadata_ids: Sequence[int | None],
        states: Sequence[str | None],
        keys: Sequence[Key],
        of_attributes: list[bytes],
        of_states: list[bytes],
    ) -> Counter[str]:
        """Add the columns of rows to the fragments of their attributes, and of their states.

        `keys` say which sets of attributes they have. Returns how many values do not fit their
        column, and are NULL, by column.
        """
        unfit = self._put_in_attributes(metadata_ids, keys, of_attributes)
        if of := self._of_states:
            units, have_units = self._units, self._states.have_units
            for place in compress(count(), map(of.__contains__, metadata_ids)):
                unit = units.get(keys[place]) if have_units else None
                known, fragment = of[metadata_ids[place]][unit], of_states[place]
                found = known.get(fragment)
                of_states[place] = known.learn(states[place], fragment) if found is None else found
                if known.unfit:
                    unfit.update(known.unfit.get(fragment, ()))
        return unfit

    def _put_in_attributes(
        self,
        metadata_ids: Sequence[int | None],
        keys: Sequence[Key],
        of_attributes: list[bytes],
    ) -> Counter[str]:
        own, of, together = self._attributes, self._of_attributes, self._encoding.together
        unfit = Counter[str]()
        if selective := own.selective:
            for place in compress(count(), map(selective.__contains__, keys)):
                for group in of.get(metadata_ids[place], ()):
                    if fragment := group.fragments.get(keys[place]):
                        of_attributes[place] = together(of_attributes[place], fragment)
        # Mostly both are empty, and to look for each key in nothing takes as long as in much.
        of_all, of_some = own.unfit, own.selective_unfit
        if (of_all and not of_all.keys().isdisjoint(keys)) or (
            of_some and not of_some.isdisjoint(keys)
        ):
            for id_, key in zip(metadata_ids, keys, strict=True):
                unfit.update(own.unfit.get(key, ()))
                for group in of.get(id_, ()):
                    unfit.update(group.unfit.get(key, ()))
        return unfit
