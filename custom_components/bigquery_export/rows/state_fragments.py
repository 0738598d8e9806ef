"""The fragments of states, each made once: of entities, attributes, quarters, states and users."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import NoneType
from typing import NamedTuple

from ..source.ambient_states import StatesAtOnce
from .ambient import ambient_values
from .attributes_encoder import AttributesEncoder, RowSets
from .context import RowContext
from .encoding import Encoding
from .fragments import Fragments
from .known_states import KnownStates, State
from .local_time import MAX_QUARTERS, Quarters
from .own_rows import OwnRows
from .sensor_data import entity_values, state_columns

_MAX_QUARTERS = MAX_QUARTERS
_MAX_AMBIENT_BYTES = 1024 * 1024  # They come one after another, and seldom again.


class StateEntity(NamedTuple):
    """What all rows of an entity share."""

    name: str
    """Its id in BigQuery."""
    fragment: bytes
    own_rules: str | None
    """The entity, if its attributes have privacy rules of their own, else None."""


class StateFragments:
    """The fragments of one run, made when they are needed."""

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Begin with empty caches; all rows carry the values of the run."""
        self._encoding = encoding
        self._row_context = run
        self._version = 0
        self._entity_ids: Mapping[int, str] = {}
        self._entities: dict[int | None, StateEntity | None] = {}
        """Entities by metadata_id; None stands for one that is not exported."""
        self.names: dict[int | None, str] = {}
        """What those that are exported are called in BigQuery, by metadata_id."""
        self.entity_fragments: dict[int | None, bytes] = {}
        """Their fragments, likewise."""
        self._states = KnownStates(self._make_states)
        self._own = OwnRows(encoding, run, self._states) if run.choice.own_columns else None
        self.attributes = AttributesEncoder(encoding, run.privacy, self._own)
        """The cache of attributes, which need not be read again."""
        self.quarters = Quarters(encoding, run.place, _MAX_QUARTERS)
        self.users = Fragments[bytes](self._user)
        self._context_entities = [
            context_entity.name for context_entity in run.choice.context_entities
        ]
        self.ambient = Fragments[StatesAtOnce](self._ambient_of, _MAX_AMBIENT_BYTES)

    def begin(self, entity_ids: Mapping[int, str]) -> None:
        """Begin with a piece that has these entity ids, by metadata_id."""
        version = self._row_context.registry.version
        is_full = self._own is not None and self._own.states.is_full
        if self._version != version or self._entity_ids is not entity_ids or is_full:
            self._entities.clear()
            self.names.clear()
            self.entity_fragments.clear()
            self._version, self._entity_ids = version, entity_ids
            if self._own:
                self._own.forget_entities()

    def entities_of(self, metadata_ids: Sequence[int | None]) -> list[StateEntity | None]:
        """Return the entity of each row, None for one that is not exported; raises ValueError."""
        self.learn_entities(metadata_ids)
        return list(map(self._entities.__getitem__, metadata_ids))

    def learn_entities(self, metadata_ids: Iterable[int | None]) -> None:
        """Find out about the entities of a piece that are new. Raises ValueError."""
        for metadata_id in set(metadata_ids).difference(self._entities):
            entity_id = None if metadata_id is None else self._entity_ids.get(metadata_id)
            if entity_id is None:
                raise ValueError("the recorder no longer knows its entity")
            self._entities[metadata_id] = entity = self._entity(entity_id)
            if entity is not None:
                self.names[metadata_id] = entity.name
                self.entity_fragments[metadata_id] = entity.fragment
                if self._own:
                    self._own.learn_entity(metadata_id, entity_id)

    def own_rules(self, metadata_ids: Sequence[int | None]) -> Sequence[str | None]:
        """Return the entity of each row if its attributes have rules of their own, else None."""
        if not self._row_context.privacy.has_own_rules:
            return [None] * len(metadata_ids)
        return [entity and entity.own_rules for entity in self.entities_of(metadata_ids)]

    def unfit(self, states: Sequence[State], sets: RowSets) -> Counter[str]:
        """Return how many values of rows do not fit an own column, and are NULL, by column."""
        if self._own is None:
            return Counter()
        return self._own.unfit(sets.metadata_ids, states, partial(self.attributes.keys, sets))

    def _entity(self, entity_id: str) -> StateEntity | None:
        """Return what all rows of an entity share, or None if it is not exported."""
        run = self._row_context
        registry_values = run.registry.of(entity_id)
        if not run.choice.entities.includes(entity_id, registry_values):
            return None
        values = run.privacy.registry_values(
            entity_id, {**entity_values(entity_id), **registry_values.values}
        )
        fragment = self._encoding.fragment({**run.run_values, **values})
        return StateEntity(
            run.privacy.entity(entity_id), fragment, run.privacy.own_rules(entity_id)
        )

    def known_states(self, sets: RowSets) -> list[KnownStates]:
        """Return for each row the fragments of which it has one, if its state has just changed."""
        if self._own is None:
            return [self._states] * len(sets.ids)
        return self._own.states.known(sets.metadata_ids, partial(self.attributes.keys, sets))

    def _make_states(self, states: Sequence[State], changed: bool) -> list[bytes]:
        """Return the fragments of states, all of which have just changed, or have not."""
        if not {str, NoneType}.issuperset(map(type, states)):
            raise TypeError("a state is no text")  # float and protobuf take bytes, too.
        return self._encoding.fragments(state_columns(states, changed=changed))

    def _user(self, user: bytes) -> bytes:
        name = self._row_context.privacy.user(user.hex())
        return self._encoding.fragment({"context_user_id": name})

    def _ambient_of(self, states: StatesAtOnce) -> bytes:
        return self._encoding.fragment(ambient_values(self._context_entities, states))
