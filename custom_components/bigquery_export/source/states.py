"""Reading the recorder's states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import logging

from homeassistant.components.recorder.db_schema import StateAttributes, States, StatesMeta
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from .ambient_states import AmbientReader, AmbientStates
from .lookup_cache import MetaRows, Missing, MissingTexts, texts_by_ids
from .plan import PIECE_ROWS
from .reader import TableReader
from .source_table import Anchor, SourceTable
from .statements import as_text, is_damaged

_LOGGER = logging.getLogger(__name__)

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
_ENTITY_IDS = select(StatesMeta.metadata_id, StatesMeta.entity_id).where(
    StatesMeta.entity_id.is_not(None)
)
_ATTRIBUTES = texts_by_ids(StateAttributes.attributes_id, StateAttributes.shared_attrs)


@dataclass(frozen=True, slots=True)
class StatesPiece:
    """Up to 1,000 states, and the rows that their foreign keys refer to."""

    rows: Sequence[StateRow]
    entity_ids: Mapping[int, str]
    """Entity ids by metadata_id."""
    attributes: Mapping[int, str | None]
    """JSON text by attributes_id: at least of those that the encoder lacks."""
    ambient: AmbientStates | None = None
    """States of the context entities, if the user has chosen any."""

    @property
    def last(self) -> Anchor:
        """Return the last row, after which the next read begins."""
        return STATES.anchor(self.rows[-1])


class StatesReader(TableReader[StateRow]):
    """Reads states for one run."""

    def __init__(self, hass: HomeAssistant, context_entities: Sequence[str] = ()) -> None:
        """Make a reader with an empty cache; `context_entities` are entity ids."""
        super().__init__(hass, STATES)
        self._ambient = AmbientReader(context_entities) if context_entities else None
        self._entity_ids = MetaRows(_ENTITY_IDS, lambda entity_id: as_text(entity_id) or "")
        self._attributes = MissingTexts(_ATTRIBUTES)

    def bring_only(self, missing: Missing) -> None:
        """Read only those attributes from now on that `missing` says the encoder lacks."""
        self._attributes.missing = missing

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> StatesPiece | None:
        """Return the next states with `after` < id <= `until`, or None when there are none.

        There may be fewer than asked for, because of the context entities.
        """
        with session_scope(hass=self._hass, read_only=True) as session:
            connection = session.connection()
            if not (rows := self._next_rows(connection, after, until, limit)):
                return None
            entity_ids = self._entity_ids.learn(connection, set(STATES.values(rows, "metadata_id")))
            ambient = None
            if self._ambient:
                times = STATES.values(rows, "last_updated_ts")
                try:
                    ambient, known = self._ambient.learn(connection, times, entity_ids)
                    rows = rows[:known]
                except DBAPIError as err:
                    if not is_damaged(err.orig):
                        raise
                    _LOGGER.warning(
                        "The states of the context entities cannot be read, because the recorder's"
                        " database is damaged; the column ambient stays empty"
                    )
                    self._ambient = None
            attributes = self._attributes.read(
                connection, set(STATES.values(rows, "attributes_id"))
            )
            return StatesPiece(rows, entity_ids, attributes, ambient)
