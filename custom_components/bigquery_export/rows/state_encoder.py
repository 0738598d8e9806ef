"""Encoding the recorder's states as rows of `sensor_data`."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from typing import Any, cast

from ..source.states import Piece, StateRow
from ..source.surroundings import StatesAtOnce
from .circumstances import Circumstances
from .encoded_rows import EncodedRows, RefusedRow
from .encoding import Encoding
from .fragments import MAX_BYTES, Fragments
from .local_time import DAY, MAX_QUARTERS, QUARTER, Quarters, all_microseconds, clocks, microseconds
from .sensor_data import attributes_values, entity_values, is_available, state_numeric
from .surroundings import ambient_values
from .ulids import ulids

_MAX_QUARTERS = MAX_QUARTERS
_MAX_PREFIX_BYTES = MAX_BYTES
_MAX_STATE_BYTES = 2 * 1024 * 1024
_MAX_AMBIENT_BYTES = 1024 * 1024  # They come one after another, and seldom again.

type _PrefixKey = tuple[int | None, int | str | None]
"""The ids of entity and attributes, or the attributes themselves if they are the row's own."""


type _Prefix = tuple[str, bytes, bytes]
"""What an entity is called in BigQuery, its fragment, and that of its attributes.

A plain tuple: Python's collector forgets about those, and there may be tens of thousands.
"""


class StateEncoder:
    """Encodes states for one run, each scope of columns once.

    This is where an export spends most of its time. So a piece is encoded column by column: one
    step for all rows costs a fraction of all steps for one row.
    """

    def __init__(self, encoding: Encoding, run: Circumstances) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._circumstances = run
        self._version = 0
        self._entities: dict[str, bytes | None] = {}
        self._prefixes: dict[_PrefixKey, _Prefix | None] = {}
        self._prefix_bytes = 0
        self._quarters = Quarters(encoding, run.place, _MAX_QUARTERS)
        self._changed = Fragments[str | None](partial(self._state, True), _MAX_STATE_BYTES)
        self._unchanged = Fragments[str | None](partial(self._state, False), _MAX_STATE_BYTES)
        self._users = Fragments[bytes](self._user)
        self._surroundings = [surrounding.name for surrounding in run.choice.surroundings]
        self._ambient = Fragments[StatesAtOnce](self._ambient_of, _MAX_AMBIENT_BYTES)

    def encode(self, piece: Piece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is refused and stops no other."""
        if self._version != (version := self._circumstances.facts.version):
            self._entities.clear()
            self._forget_prefixes()
            self._version = version
        return self._encode(piece)

    def _encode(self, piece: Piece) -> EncodedRows:
        """Encode a piece at once, or its halves where a row of it cannot be encoded."""
        rows = piece.rows
        try:
            return self._encode_columns(piece)
        except (ValueError, TypeError, OverflowError) as err:
            if len(rows) == 1:
                return EncodedRows(refused=[RefusedRow(_readable(piece, rows[0]), str(err))])
        middle = len(rows) // 2
        encoded = self._encode(replace(piece, rows=rows[:middle]))
        encoded.extend(self._encode(replace(piece, rows=rows[middle:])))
        return encoded

    def _encode_columns(self, piece: Piece) -> EncodedRows:
        """Encode a piece of which all rows can be."""
        columns: list[tuple[Any, ...]] = list(zip(*piece.rows, strict=True))
        prefixes = self._prefixes_of(piece, columns[1], columns[5], columns[6])
        if None in prefixes:
            # There are rows of entities that are not exported.
            columns = [tuple(compress(column, prefixes)) for column in columns]
            prefixes = list(filter(None, prefixes))
            if not prefixes:
                return EncodedRows()
        ids, _, states, changed_ts, updated_ts, _, _, contexts, users, parents = columns
        names, entities, attributes = zip(*prefixes, strict=True)
        if None in updated_ts:
            raise ValueError("the recorder has no time for it")
        updated = all_microseconds(updated_ts)
        changed = [
            time if ts is None else microseconds(ts)
            for time, ts in zip(updated, changed_ts, strict=True)
        ]
        first, again = self._changed, self._unchanged
        quarters = [self._quarters[time // QUARTER] for time in updated]
        values = {
            "last_changed": changed,
            "last_updated": updated,
            "local_time": clocks(quarters, updated),
            "state_id": ids,
        }
        fragments = [
            entities,
            attributes,
            [quarter.fragment for quarter in quarters],
            [
                first[state] if then == now else again[state]
                for state, then, now in zip(states, changed, updated, strict=True)
            ],
        ]
        if None in contexts:
            fragments.append(self._few_ulids("context_id", contexts))
        else:
            values["context_id"] = _whole(ulids(contexts))
        fragments.append(self._encoding.fragments(values))
        if any(parents):
            fragments.append(self._few_ulids("context_parent_id", parents))
        if any(users):
            fragments.append([self._users[user] if user else b"" for user in users])
        if piece.surroundings:
            at = piece.surroundings.at
            fragments.append([self._ambient[at(ts)] for ts in updated_ts])
        data = self._encoding.rows(*fragments)
        return EncodedRows(list(ids), list(names), updated, data, _days(changed))

    def _few_ulids(self, column: str, contexts: Sequence[bytes | None]) -> list[bytes]:
        """Return fragments of a column that not every row has."""
        present = _whole(ulids(list(filter(None, contexts))))
        made = iter(self._encoding.fragments({column: present}) if present else ())
        return [next(made) if context else b"" for context in contexts]

    def _prefixes_of(
        self,
        piece: Piece,
        metadata_ids: Sequence[int | None],
        attributes_ids: Sequence[int | None],
        own_attributes: Sequence[str | None],
    ) -> list[_Prefix | None]:
        """Return what each row shares with others of its entity and attributes."""
        attributes: Sequence[int | str | None] = attributes_ids
        if None in attributes:
            attributes = [
                own if id_ is None else id_
                for id_, own in zip(attributes_ids, own_attributes, strict=True)
            ]
        keys: list[_PrefixKey] = list(zip(metadata_ids, attributes, strict=True))
        known = self._prefixes
        try:
            return [known[key] for key in keys]
        except KeyError:
            if self._prefix_bytes > _MAX_PREFIX_BYTES:
                self._forget_prefixes()
            for key in set(keys).difference(known):
                known[key] = prefix = self._prefix(piece, *key)
                self._prefix_bytes += len(prefix[2]) if prefix else 0
                self._prefix_bytes += len(key[1]) if isinstance(key[1], str) else 0
        return [known[key] for key in keys]

    def _forget_prefixes(self) -> None:
        self._prefixes.clear()
        self._prefix_bytes = 0

    def _prefix(
        self, piece: Piece, metadata_id: int | None, attributes: int | str | None
    ) -> _Prefix | None:
        entity_id = None if metadata_id is None else piece.entity_ids.get(metadata_id)
        if entity_id is None:
            raise ValueError("the recorder no longer knows its entity")
        if entity_id not in self._entities:
            self._entities[entity_id] = self._entity(entity_id)
        if (entity := self._entities[entity_id]) is None:
            return None
        text = piece.attributes.get(attributes) if isinstance(attributes, int) else attributes
        privacy = self._circumstances.privacy
        allowed = partial(privacy.attributes, privacy.own_rules(entity_id))
        fragment = self._encoding.fragment(attributes_values(text, allowed))
        return privacy.entity(entity_id), entity, fragment

    def _entity(self, entity_id: str) -> bytes | None:
        """Return the fragment of all rows of an entity, or None if it is not exported."""
        run = self._circumstances
        facts = run.facts.of(entity_id)
        if not run.choice.entities.includes(entity_id, facts):
            return None
        values = run.privacy.facts(entity_id, {**entity_values(entity_id), **facts.values})
        return self._encoding.fragment({**run.run_values, **values})

    def _state(self, changed: bool, state: str | None) -> bytes:
        """Return the fragment of all rows with a state, that have changed it or not."""
        return self._encoding.fragment(
            {
                "state": state,
                "state_numeric": state_numeric(state),
                "state_changed": changed,
                "is_available": is_available(state),
            }
        )

    def _user(self, user: bytes) -> bytes:
        name = self._circumstances.privacy.user(user.hex())
        return self._encoding.fragment({"context_user_id": name})

    def _ambient_of(self, states: StatesAtOnce) -> bytes:
        return self._encoding.fragment(ambient_values(self._surroundings, states))


def _days(times: Sequence[int]) -> set[int]:
    """Return the days of times: mostly one."""
    first, last = min(times) // DAY, max(times) // DAY
    return {first} if first == last else {time // DAY for time in times}


def _whole(converted: Sequence[str | None]) -> Sequence[str]:
    """Return ULIDs of which none is missing. Raises ValueError."""
    if None in converted:
        raise ValueError("its context has not 16 bytes")
    return cast(Sequence[str], converted)


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
