"""Reading the recorder's states in the order of their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homeassistant.components.recorder.db_schema import StateAttributes, States, StatesMeta
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from sqlalchemy import Connection, bindparam, func, select

PIECE_ROWS = 1_000
"""Rows in one read at most: what Python does to them in one go stays within milliseconds."""
_CACHE_CHARACTERS = 8 * 1024 * 1024

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

_STATES = (
    select(
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
    )
    .where(States.state_id > bindparam("after"), States.state_id <= bindparam("until"))
    .order_by(States.state_id)
    .limit(bindparam("limit"))
)
_OLDEST = select(func.min(States.state_id))
_NEWEST = select(func.max(States.state_id))
_MARKS = select(States.state_id, States.last_updated_ts, States.context_id_bin).where(
    States.state_id.in_(bindparam("ids", expanding=True))
)
_WAITING = select(func.count()).where(States.state_id > bindparam("after"))
_ENTITY_IDS = select(StatesMeta.metadata_id, StatesMeta.entity_id)
_ATTRIBUTES = select(StateAttributes.attributes_id, StateAttributes.shared_attrs).where(
    StateAttributes.attributes_id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row by which the recorder's history is known again: its id, and what no other row has."""

    id: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Up to 1,000 states, and what their foreign keys stand for."""

    rows: Sequence[StateRow]
    entity_ids: Mapping[int, str]
    """Entity ids by metadata_id."""
    attributes: Mapping[int, str | None]
    """JSON text by attributes_id; the same text is the same object throughout a run."""

    @property
    def last(self) -> Anchor:
        """Return the last row, from where the next read goes on."""
        row = self.rows[-1]
        return Anchor(row[0], _fingerprint(row[4], row[7]))


class StatesReader:
    """Reads states for one run.

    The recorder re-uses ids of purged attributes and entities, so what a reader remembers must
    not outlive the run. Its methods block, and belong on the recorder's own executor.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Make a reader that remembers nothing yet."""
        self._hass = hass
        self._entity_ids: dict[int, str] = {}
        self._attributes: dict[int, str | None] = {}
        self._characters = 0

    def newest_id(self) -> int:
        """Return the highest id, or 0 when there is no state at all."""
        with session_scope(hass=self._hass, read_only=True) as session:
            return session.connection().execute(_NEWEST).scalar() or 0

    def oldest_id(self) -> int | None:
        """Return the lowest id, or None when there is no state at all."""
        with session_scope(hass=self._hass, read_only=True) as session:
            return session.connection().execute(_OLDEST).scalar()

    def fingerprints(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the fingerprints of those rows that there are, by id."""
        with session_scope(hass=self._hass, read_only=True) as session:
            rows = session.connection().execute(_MARKS, {"ids": list(ids)}).tuples()
            return {id_: _fingerprint(updated, context) for id_, updated, context in rows}

    def count(self, after: int) -> int:
        """Return how many states have a higher id than `after`."""
        with session_scope(hass=self._hass, read_only=True) as session:
            return session.connection().execute(_WAITING, {"after": after}).scalar_one()

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> Piece | None:
        """Return the next states with `after` < id <= `until`, or None when there are none.

        One short read transaction: a longer one would hold up the recorder's checkpoints.
        """
        bounds = {"after": after, "until": until, "limit": min(limit, PIECE_ROWS)}
        with session_scope(hass=self._hass, read_only=True) as session:
            connection = session.connection()
            rows: Sequence[StateRow] = connection.execute(_STATES, bounds).tuples().all()
            if not rows:
                return None
            self._learn_entity_ids(connection, {row[1] for row in rows})
            self._learn_attributes(connection, {row[5] for row in rows})
        return Piece(rows, self._entity_ids, self._attributes)

    def _learn_entity_ids(self, connection: Connection, ids: set[int | None]) -> None:
        if ids - self._entity_ids.keys() - {None}:
            self._entity_ids = {
                metadata_id: entity_id
                for metadata_id, entity_id in connection.execute(_ENTITY_IDS).tuples()
                if entity_id is not None
            }

    def _learn_attributes(self, connection: Connection, ids: set[int | None]) -> None:
        if self._characters > _CACHE_CHARACTERS:
            self._attributes = {}
            self._characters = 0
        if missing := [id_ for id_ in ids if id_ is not None and id_ not in self._attributes]:
            for attributes_id, text in connection.execute(_ATTRIBUTES, {"ids": missing}).tuples():
                self._attributes[attributes_id] = text
                self._characters += len(text or "")


def _fingerprint(updated: float | None, context: bytes | None) -> str:
    """Return what tells a row from the one that SQLite gives the same id to later."""
    return f"{updated!r} {context.hex() if context else None}"
