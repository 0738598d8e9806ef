"""Reading the recorder's states."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
import logging
from typing import override

from homeassistant.components.recorder.db_schema import StateAttributes, StatesMeta
from homeassistant.core import HomeAssistant
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from .ambient_states import AmbientReader, AmbientStates
from .lookup_cache import MetaRows, Missing, MissingTexts, TextsByIds
from .plan import PIECE_ROWS
from .reader import TableReader
from .state_columns import ColumnReader, StateColumns
from .statements import as_text, is_damaged
from .states import STATES, StateRow, StatesPiece

_LOGGER = logging.getLogger(__name__)

_ENTITY_IDS = select(StatesMeta.metadata_id, StatesMeta.entity_id).where(
    StatesMeta.entity_id.is_not(None)
)
_ATTRIBUTES = TextsByIds(StateAttributes.attributes_id, StateAttributes.shared_attrs)


class StatesReader(TableReader[StateRow]):
    """Reads states for one run."""

    def __init__(self, hass: HomeAssistant, context_entities: Sequence[str] = ()) -> None:
        """Make a reader with an empty cache; `context_entities` are entity ids."""
        super().__init__(hass, STATES)
        self._ambient = AmbientReader(context_entities) if context_entities else None
        self._entity_ids = MetaRows(_ENTITY_IDS, lambda entity_id: as_text(entity_id) or "")
        self._attributes = MissingTexts(_ATTRIBUTES)
        self._columns: ColumnReader | None = None

    def bring_only(self, missing: Missing) -> None:
        """Read only those attributes from now on that `missing` says the encoder lacks."""
        self._attributes.missing = missing

    def read_columns(self) -> None:
        """Read column by column from now on, wherever that is possible."""
        self._columns = ColumnReader()

    @override
    def narrow(self, first: float, last: float) -> None:
        """Read few rows outside the partitions between two times, in seconds, and read by row."""
        super().narrow(first, last)
        self._columns = None

    def read(
        self, after: int, until: int, limit: int = PIECE_ROWS
    ) -> StatesPiece | StateColumns | None:
        """Return the next states with `after` < id <= `until`, or None when there are none.

        There may be fewer than asked for, because of the context entities.
        """
        with self._database.connected() as connection:
            piece: StatesPiece | StateColumns | None = None
            if self._columns:
                piece = self._columns.read(connection, after, until, limit)
            if piece is None and (rows := self._next_rows(connection, after, until, limit)):
                piece = StatesPiece(rows)
            return piece and self._with_references(connection, piece)

    def _with_references(
        self, connection: Connection, piece: StatesPiece | StateColumns
    ) -> StatesPiece | StateColumns:
        """Return a piece with what its rows refer to, less rows that must be read again."""
        entity_ids = self._entity_ids.learn(connection, set(piece.metadata_ids))
        ambient = None
        if self._ambient:
            ambient, known = self._read_ambient(self._ambient, connection, piece.times, entity_ids)
            piece = piece.first(known)
        attributes = self._attributes.read(connection, set(piece.attributes_ids))
        return replace(piece, entity_ids=entity_ids, attributes=attributes, ambient=ambient)

    def _read_ambient(
        self,
        reader: AmbientReader,
        connection: Connection,
        times: Sequence[float | None],
        entity_ids: Mapping[int, str],
    ) -> tuple[AmbientStates | None, int]:
        """Return the states of the context entities, and for how many rows they suffice."""
        try:
            return reader.learn(connection, times, entity_ids)
        except DBAPIError as err:
            if not is_damaged(err.orig):
                raise
            _LOGGER.warning(
                "The states of the context entities cannot be read, because the recorder's"
                " database is damaged; the column ambient stays empty"
            )
            self._ambient = None
            return None, len(times)
