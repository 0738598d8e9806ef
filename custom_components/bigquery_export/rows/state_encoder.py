"""Encoding the recorder's states as rows of `sensor_data`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from homeassistant.util.ulid import bytes_to_ulid

from ..source.states import Piece, StateRow
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .fragments import MAX_BYTES, Fragments, encode_each
from .local_time import DAY, MAX_QUARTERS, QUARTER, Place, Quarters, microseconds
from .sensor_data import attributes_values, entity_values, is_available, state_numeric

__all__ = ["Place", "StateEncoder"]

_microseconds = microseconds
_MAX_QUARTERS = MAX_QUARTERS
_MAX_ATTRIBUTES_BYTES = MAX_BYTES


class StateEncoder:
    """Encodes states for one run, each scope of columns once."""

    def __init__(self, encoding: Encoding, run_values: Mapping[str, Any], place: Place) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._run = encoding.fragment(run_values)
        self._entities = Fragments[str](self._entity)
        self._attributes = Fragments[str | None](self._attributes_of, _MAX_ATTRIBUTES_BYTES)
        self._quarters = Quarters(encoding, place, _MAX_QUARTERS)

    def encode(self, piece: Piece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is refused and stops no other."""
        return encode_each(piece.rows, partial(self._row, piece), partial(_readable, piece))

    def _row(self, piece: Piece, row: StateRow) -> tuple[RowKey, bytes]:
        (
            state_id,
            metadata_id,
            state,
            changed_ts,
            updated_ts,
            attributes_id,
            own_attributes,
            context,
            user,
            parent,
        ) = row
        entity_id = None if metadata_id is None else piece.entity_ids.get(metadata_id)
        if entity_id is None:
            raise ValueError("the recorder no longer knows its entity")
        if updated_ts is None:
            raise ValueError("the recorder has no time for it")
        updated = microseconds(updated_ts)
        changed = updated if changed_ts is None else microseconds(changed_ts)
        quarter_number, in_quarter = divmod(updated, QUARTER)
        quarter = self._quarters[quarter_number]
        attributes = (
            own_attributes if attributes_id is None else piece.attributes.get(attributes_id)
        )
        data = self._encoding.row(
            self._run,
            self._entities[entity_id],
            self._attributes[attributes],
            quarter.fragment,
            self._encoding.fragment(
                {
                    "state": state,
                    "last_changed": changed,
                    "last_updated": updated,
                    "context_id": context and bytes_to_ulid(context),
                    "context_user_id": user and user.hex(),
                    "context_parent_id": parent and bytes_to_ulid(parent),
                    "state_numeric": state_numeric(state),
                    "state_changed": changed == updated,
                    "is_available": is_available(state),
                    "local_time": quarter.clock(in_quarter),
                    "state_id": state_id,
                }
            ),
        )
        return RowKey(entity_id, updated, changed // DAY), data

    def _entity(self, entity_id: str) -> bytes:
        return self._encoding.fragment(entity_values(entity_id))

    def _attributes_of(self, text: str | None) -> bytes:
        return self._encoding.fragment(attributes_values(text))


def _readable(piece: Piece, row: StateRow) -> dict[str, Any]:
    """Return a row of the recorder under its own names, for a person to read."""
    (state_id, metadata_id, state, changed, updated, attributes_id, own, context, user, parent) = (
        row
    )
    return {
        "state_id": state_id,
        "entity_id": piece.entity_ids.get(metadata_id) if metadata_id else None,
        "state": state,
        "last_changed_ts": changed,
        "last_updated_ts": updated,
        "attributes": piece.attributes.get(attributes_id) if attributes_id else own,
        "context_id": context and context.hex(),
        "context_user_id": user and user.hex(),
        "context_parent_id": parent and parent.hex(),
    }
