"""What rows depend on besides the recorder: the user's choice, the run and the home."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .ambient import ContextEntity
from .entity_filter import EntityFilter
from .events import EventChoice
from .local_time import Place
from .own_columns import OwnColumn
from .privacy import Privacy
from .registry import EmptyRegistry, Registry


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user has chosen to export of the recorder's rows."""

    events: EventChoice = field(default_factory=EventChoice)
    context_entities: tuple[ContextEntity, ...] = ()
    entities: EntityFilter = field(default_factory=EntityFilter)
    own_columns: tuple[OwnColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the rows of one run depend on, besides the recorder."""

    run_values: Mapping[str, Any]
    """The values that all rows of the run share."""
    place: Place
    choice: Choice = field(default_factory=Choice)
    registry: Registry = field(default_factory=EmptyRegistry)
    privacy: Privacy = field(default_factory=Privacy)

    def includes(self, entity_id: str) -> bool:
        """Return whether an entity is exported."""
        return self.choice.entities.includes(entity_id, self.registry.of(entity_id))
