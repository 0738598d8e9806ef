"""Encoding the recorder's states as rows of `sensor_data`."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from homeassistant.util.ulid import bytes_to_ulid

from ..source.states import Piece, StateRow
from ..source.surroundings import StatesAtOnce
from .circumstances import Circumstances
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .fragments import MAX_BYTES, Fragments, encode_each
from .local_time import DAY, MAX_QUARTERS, QUARTER, Quarters, microseconds
from .sensor_data import attributes_values, entity_values, is_available, state_numeric
from .surroundings import ambient_values

_MAX_QUARTERS = MAX_QUARTERS
_MAX_ATTRIBUTES_BYTES = MAX_BYTES
_MAX_OWN_BYTES = 1024 * 1024
_MAX_AMBIENT_BYTES = 1024 * 1024  # They come one after another, and seldom again.


class _Entity(NamedTuple):
    """What all rows of an entity share."""

    name: str
    """How it is called in BigQuery."""
    fragment: bytes
    attributes: Fragments[str | None]
    """Fragments of its attributes, which it shares with all that have no rules of their own."""


class _Entities(dict[str, _Entity | None]):
    """Entities by their ids, made by need; None stands for one that is not exported."""

    def __init__(self, make: Callable[[str], _Entity | None]) -> None:
        """Know none yet."""
        super().__init__()
        self._make = make

    def __missing__(self, entity_id: str) -> _Entity | None:
        """Make an entity that is not known."""
        entity = self[entity_id] = self._make(entity_id)
        return entity


class StateEncoder:
    """Encodes states for one run, each scope of columns once."""

    def __init__(self, encoding: Encoding, run: Circumstances) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._run = encoding.fragment(run.run_values)
        self._circumstances = run
        self._user = run.privacy.user
        self._entities = _Entities(self._new_entity)
        self._version = 0
        self._attributes = self._attributes_of(None)
        self._quarters = Quarters(encoding, run.place, _MAX_QUARTERS)
        self._surroundings = [surrounding.name for surrounding in run.choice.surroundings]
        self._ambient = Fragments[StatesAtOnce](self._ambient_of, _MAX_AMBIENT_BYTES)

    def encode(self, piece: Piece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is refused and stops no other."""
        if self._version != (version := self._circumstances.facts.version):
            self._entities.clear()
            self._version = version
        return encode_each(piece.rows, partial(self._row, piece), partial(_readable, piece))

    def _row(self, piece: Piece, row: StateRow) -> tuple[RowKey, bytes] | None:
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
        entity = self._entities[entity_id]
        if entity is None:
            return None
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
            entity.fragment,
            entity.attributes[attributes],
            quarter.fragment,
            self._encoding.fragment(
                {
                    "state": state,
                    "last_changed": changed,
                    "last_updated": updated,
                    "context_id": context and bytes_to_ulid(context),
                    "context_user_id": user and self._user(user.hex()),
                    "context_parent_id": parent and bytes_to_ulid(parent),
                    "state_numeric": state_numeric(state),
                    "state_changed": changed == updated,
                    "is_available": is_available(state),
                    "local_time": quarter.clock(in_quarter),
                    "state_id": state_id,
                }
            ),
            *self._ambient_at(piece, updated_ts),
        )
        return RowKey(entity.name, updated, changed // DAY), data

    def _new_entity(self, entity_id: str) -> _Entity | None:
        """Return what all rows of an entity share, or None if it is not exported."""
        run = self._circumstances
        facts = run.facts.of(entity_id)
        if not run.choice.entities.includes(entity_id, facts):
            return None
        values = {**entity_values(entity_id), **facts.values}
        fragment = self._encoding.fragment(run.privacy.facts(entity_id, values))
        own_rules = run.privacy.own_rules(entity_id)
        attributes = self._attributes if own_rules is None else self._attributes_of(own_rules)
        return _Entity(run.privacy.entity(entity_id), fragment, attributes)

    def _attributes_of(self, own_rules: str | None) -> Fragments[str | None]:
        """Return the fragments of attributes, for an entity with rules of its own or all others."""
        allowed = partial(self._circumstances.privacy.attributes, own_rules)

        def fragment(text: str | None) -> bytes:
            return self._encoding.fragment(attributes_values(text, allowed))

        return Fragments(fragment, _MAX_ATTRIBUTES_BYTES if own_rules is None else _MAX_OWN_BYTES)

    def _ambient_at(self, piece: Piece, time: float) -> tuple[bytes, ...]:
        """Return what surrounded a row, if anything was to."""
        if piece.surroundings is None:
            return ()
        return (self._ambient[piece.surroundings.at(time)],)

    def _ambient_of(self, states: StatesAtOnce) -> bytes:
        return self._encoding.fragment(ambient_values(self._surroundings, states))


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
