"""What own columns add to the rows of states, however these are read."""

from collections import Counter
from collections.abc import Callable, Sequence

from .context import RowContext
from .encoding import Encoding
from .known_states import KnownStates, State
from .own_attributes import OwnAttributes
from .own_groups import Key
from .own_states import OwnStates
from .own_values import Attributes


class OwnRows:
    """The own columns of one run: which entities have them, and what they are in each row."""

    def __init__(self, encoding: Encoding, run: RowContext, states: KnownStates) -> None:
        """Begin with nothing that was learned; `states` are fragments without own columns."""
        columns, zone = run.choice.own_columns, run.place.zone
        of_attributes = [column for column in columns if column.attribute]
        of_states = [column for column in columns if not column.attribute]
        self._run = run
        self.attributes = OwnAttributes(encoding, of_attributes, zone)
        self.states = OwnStates(encoding, of_states, zone, states)

    def forget_entities(self) -> None:
        """Forget what entities have, which may have changed."""
        self.attributes.forget_entities()
        self.states.forget_entities()

    def learn_entity(self, metadata_id: int | None, entity_id: str) -> None:
        """Find out which columns an entity has."""
        values = self._run.registry.of(entity_id)
        hidden = self._run.privacy.is_hidden(entity_id)
        self.attributes.learn_entity(metadata_id, entity_id, values, hidden=hidden)
        self.states.learn_entity(metadata_id, entity_id, values, hidden=hidden)

    def learn(
        self, keys: Sequence[Key], sets: Sequence[Attributes], fragments: list[bytes]
    ) -> None:
        """Encode the columns of sets of attributes as they are sent.

        `fragments` are those of their other columns, and get what all entities have.
        """
        self.attributes.learn(keys, sets, fragments)
        self.states.learn(keys, sets)

    def forget(self, keys: Sequence[Key]) -> None:
        """Remove what was learned of sets of attributes."""
        self.attributes.forget(keys)
        self.states.forget(keys)

    def unfit(
        self,
        metadata_ids: Sequence[int | None],
        states: Sequence[State],
        keys: Callable[[], Sequence[Key]],
    ) -> Counter[str]:
        """Return how many values of rows do not fit their column, and are NULL, by column.

        `keys` returns which sets of attributes they have, if that has to be known.
        """
        found = Counter[str]()
        if self.attributes.has_unfit:
            found += self.attributes.unfit(metadata_ids, keys())
        if self.states.has_unfit_of(states):
            found += self.states.unfit(metadata_ids, keys(), states)
        return found
