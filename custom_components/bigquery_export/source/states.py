"""The recorder's states: what is read of them, and a piece that was read row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from homeassistant.components.recorder.db_schema import States

from .ambient_states import AmbientStates
from .source_table import Anchor, SourceTable

type StateRow = tuple[
    int,  # state_id
    int | None,  # metadata_id
    str | None,  # state
    float | None,  # last_changed_ts, None = last_updated_ts
    float | None,  # last_updated_ts, seconds since 1970
    int | None,  # attributes_id
    str | None,  # attributes, where rows from before 2022 still have their own
    bytes | None,  # context_id_bin, a ULID
    bytes | None,  # context_user_id_bin, a UUID
    bytes | None,  # context_parent_id_bin, a ULID
]

STATES = SourceTable(
    columns=(
        States.state_id,
        States.metadata_id,
        States.state,
        States.last_changed_ts,
        States.last_updated_ts,
        States.attributes_id,
        States.attributes,
        States.context_id_bin,
        States.context_user_id_bin,
        States.context_parent_id_bin,
    ),
    fingerprint=(States.last_updated_ts, States.context_id_bin),
    identity=(States.metadata_id, States.last_updated_ts),
    times=(States.last_changed_ts, States.last_updated_ts),
    purged_by=States.last_updated_ts,
)


@dataclass(frozen=True, slots=True)
class StatesPiece:
    """Up to 1,250 states, and the rows that their foreign keys refer to."""

    rows: Sequence[StateRow]
    entity_ids: Mapping[int, str] = field(default_factory=dict)
    """Entity ids by metadata_id."""
    attributes: Mapping[int, str | None] = field(default_factory=dict)
    """JSON text by attributes_id: at least of those that the encoder lacks."""
    ambient: AmbientStates | None = None
    """States of the context entities, if the user has chosen any."""

    @property
    def last(self) -> Anchor:
        """Return the last row, after which the next read begins."""
        return STATES.anchor(self.rows[-1])

    @property
    def metadata_ids(self) -> Sequence[int | None]:
        """Return the column `metadata_id`."""
        return STATES.values(self.rows, "metadata_id")

    @property
    def attributes_ids(self) -> Sequence[int | None]:
        """Return the column `attributes_id`."""
        return STATES.values(self.rows, "attributes_id")

    @property
    def times(self) -> Sequence[float | None]:
        """Return the column `last_updated_ts`, in seconds since 1970."""
        return STATES.values(self.rows, "last_updated_ts")

    def first(self, number: int) -> StatesPiece:
        """Return a piece with the first rows alone."""
        return self if number == len(self.rows) else replace(self, rows=self.rows[:number])
