"""Encoding the recorder's states as rows of `sensor_data`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from time import sleep
from typing import Any, NamedTuple, cast

from ..source.ambient_states import StatesAtOnce
from ..source.state_columns import StateColumns
from ..source.statements import as_text
from ..source.states import STATES, StateRow, StatesPiece
from .ambient import ambient_values
from .attributes_encoder import AttributesEncoder
from .context import RowContext
from .encoded_rows import EncodedRows, RejectedRow
from .encoding import Encoding
from .fragments import Fragments
from .local_time import (
    DAY,
    MAX_QUARTERS,
    QUARTER,
    SECOND,
    Quarters,
    all_microseconds,
    microseconds,
)
from .readable import readable
from .recorded_values import UNENCODABLE, blob, number, reason, ulid_bytes
from .sensor_data import entity_values, is_available, state_numeric
from .times import Times
from .ulids import Contexts, ulids

_METADATA_ID = STATES.names.index("metadata_id")
_MAX_QUARTERS = MAX_QUARTERS
_MAX_QUARTERS_TOGETHER = 96
_MAX_STATE_BYTES = 2 * 1024 * 1024
_MAX_AMBIENT_BYTES = 1024 * 1024  # They come one after another, and seldom again.


_BREATH = 0.0001
"""Seconds to sleep; with 0 the sleep would end before another thread has woken up."""


class _Entity(NamedTuple):
    """What all rows of an entity share."""

    name: str
    """Its id in BigQuery."""
    fragment: bytes
    own_rules: str | None
    """The entity, if its attributes have privacy rules of their own, else None."""


class StateEncoder:
    """Encodes states for one run, each scope of columns once.

    An export spends most of its time here. So a piece is encoded column by column: one step for all
    rows is much faster than all steps for each row.
    """

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._row_context = run
        self._version = 0
        self._entity_ids: Mapping[int, str] = {}
        self._entities: dict[int | None, _Entity | None] = {}
        """Entities by metadata_id; None stands for one that is not exported."""
        self.attributes = AttributesEncoder(encoding, run.privacy)
        """The cache of attributes, which need not be read again."""
        self._quarters = Quarters(encoding, run.place, _MAX_QUARTERS)
        self._changed = Fragments[str | None](partial(self._state, True), _MAX_STATE_BYTES)
        self._unchanged = Fragments[str | None](partial(self._state, False), _MAX_STATE_BYTES)
        self._users = Fragments[bytes](self._user)
        self._context_entities = [
            context_entity.name for context_entity in run.choice.context_entities
        ]
        self._ambient = Fragments[StatesAtOnce](self._ambient_of, _MAX_AMBIENT_BYTES)

    def encode(self, piece: StatesPiece | StateColumns) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is rejected and stops no other."""
        version = self._row_context.registry.version
        if self._version != version or self._entity_ids is not piece.entity_ids:
            self._entities.clear()
            self._version, self._entity_ids = version, piece.entity_ids
        self.attributes.learn(set(piece.attributes_ids), piece.attributes)
        _give_way()
        if isinstance(piece, StateColumns):
            try:
                return self._encode_together(piece)
            except UNENCODABLE:
                piece = piece.by_row()
        try:
            return self._encode_columns(piece)
        except UNENCODABLE:
            return self._encode_halves(replace(piece, rows=list(map(_typed, piece.rows))))

    def _encode_halves(self, piece: StatesPiece) -> EncodedRows:
        """Encode a piece as a whole, or in halves if one of its rows cannot be encoded."""
        rows = piece.rows
        try:
            return self._encode_columns(piece)
        except UNENCODABLE as err:
            if len(rows) == 1:
                rejected = RejectedRow(self._readable(piece, rows[0]), _why(rows[0], err))
                return EncodedRows(rejected=[rejected])
        middle = len(rows) // 2
        encoded = self._encode_halves(replace(piece, rows=rows[:middle]))
        encoded.extend(self._encode_halves(replace(piece, rows=rows[middle:])))
        return encoded

    def _encode_columns(self, piece: StatesPiece) -> EncodedRows:
        """Encode a piece column by column; raises if any of its rows cannot be encoded."""
        columns: list[tuple[Any, ...]] = list(zip(*piece.rows, strict=True))
        entities = self._entities_of(columns[_METADATA_ID])
        if None in entities:
            # There are rows of entities that are not exported.
            columns = [tuple(compress(column, entities)) for column in columns]
            entities = list(filter(None, entities))
            if not entities:
                return EncodedRows()
        names, entity_fragments, rules = zip(*entities, strict=True)
        ids, _, states, changed_ts, updated_ts, attributes_ids, texts, contexts, users, parents = (
            columns
        )
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
            "local_time": [
                time + quarter.offset for time, quarter in zip(updated, quarters, strict=True)
            ],
            "state_id": ids,
        }
        fragments = [
            entity_fragments,
            self.attributes.of(attributes_ids, texts, rules),
            [quarter.fragment for quarter in quarters],
            [
                first[state] if then == now else again[state]
                for state, then, now in zip(states, changed, updated, strict=True)
            ],
        ]
        _give_way()
        if None in contexts:
            fragments.append(self._few_ulids("context_id", contexts))
        else:
            values["context_id"] = _whole(ulids(contexts))
        fragments.append(self._encoding.fragments(values))
        if any(parents):
            fragments.append(self._few_ulids("context_parent_id", parents))
        if any(users):
            fragments.append([self._users[user] if user else b"" for user in users])
        if piece.ambient:
            at = piece.ambient.at
            fragments.append([self._ambient[at(ts)] for ts in updated_ts])
        data = self._encoding.rows(*fragments)
        repaired = self.attributes.repaired(ids, attributes_ids, texts)
        return EncodedRows(list(ids), list(names), updated, data, _days(changed), repaired=repaired)

    def _encode_together(self, piece: StateColumns) -> EncodedRows:
        """Encode a piece whose times and ids stay packed; raises if anything about it is odd."""
        entities = self._entities_of(piece.metadata_ids)
        if None in entities:
            piece = piece.only([entity is not None for entity in entities])
            entities = list(filter(None, entities))
            if not entities:
                return EncodedRows()
        names, entity_fragments, rules = zip(*entities, strict=True)
        nothing = [None] * len(piece.ids)
        updated = Times.of(piece.updated)
        times = changed_times = updated.microseconds().numbers()
        changed = updated
        states = list(map(self._changed.__getitem__, piece.states))
        if piece.changed:
            units = list(piece.updated)
            for place, time in piece.changed.items():
                units[place] = time
            changed = Times.of(units)
            changed_times = changed.microseconds().numbers()
            for place in piece.changed:
                if changed_times[place] != times[place]:
                    states[place] = self._unchanged[piece.states[place]]
        quarters, offset = self._quarters_of(updated, min(times), max(times))
        fragments: list[Sequence[bytes]] = [
            entity_fragments,
            self.attributes.of(piece.attributes_ids, nothing, rules),
            quarters,
            states,
        ]
        _give_way()
        fragments.append(
            self._encoding.fragments(
                {
                    "last_changed": changed,
                    "last_updated": updated,
                    "local_time": updated.moved(offset),
                    "state_id": piece.ids,
                    "context_id": Contexts(piece.contexts),
                }
            )
        )
        if parents := {place: parent for place, parent in piece.parents.items() if parent}:
            texts = _whole(ulids(list(parents.values())))
            made = self._encoding.fragments({"context_parent_id": texts})
            fragments.append(_placed(len(piece.ids), parents, made))
        if users := {place: user for place, user in piece.users.items() if user}:
            made = [self._users[user] for user in users.values()]
            fragments.append(_placed(len(piece.ids), users, made))
        if piece.ambient:
            at = piece.ambient.at
            fragments.append([self._ambient[at(time)] for time in piece.times])
        data = self._encoding.rows(*fragments)
        repaired = self.attributes.repaired(piece.ids, piece.attributes_ids, nothing)
        return EncodedRows(
            list(piece.ids), list(names), times, data, _days(changed_times), repaired=repaired
        )

    def _quarters_of(self, times: Times, first: int, last: int) -> tuple[list[bytes], int]:
        """Return the fragments of quarters of an hour, and the offset of local time in seconds.

        `first` and `last` are the earliest and the latest time, in microseconds. Raises ValueError
        where the offset changes, or they are far from each other.
        """
        number = first // QUARTER
        if last // QUARTER - number > _MAX_QUARTERS_TOGETHER:
            raise ValueError("the times of these rows are far from each other")
        quarters = [self._quarters[number] for number in range(number, last // QUARTER + 1)]
        offset, rest = divmod(quarters[0].offset, SECOND)
        if rest or any(quarter.offset != quarters[0].offset for quarter in quarters):
            raise ValueError("local time is set while these rows were written")
        if len(quarters) == 1:
            return [quarters[0].fragment] * times.seconds.size, offset
        fragments = [quarter.fragment for quarter in quarters]
        since = times.seconds.plus(-number * (QUARTER // SECOND))
        places = since.divided(QUARTER // SECOND).bytes_at(0)
        return list(map(fragments.__getitem__, places)), offset

    def _few_ulids(self, column: str, contexts: Sequence[bytes | None]) -> list[bytes]:
        """Return fragments of a column that is NULL in some rows."""
        present = _whole(ulids(list(filter(None, contexts))))
        made = iter(self._encoding.fragments({column: present}) if present else ())
        return [next(made) if context else b"" for context in contexts]

    def _entities_of(self, metadata_ids: Sequence[int | None]) -> list[_Entity | None]:
        known = self._entities
        for metadata_id in set(metadata_ids).difference(known):
            entity_id = None if metadata_id is None else self._entity_ids.get(metadata_id)
            if entity_id is None:
                raise ValueError("the recorder no longer knows its entity")
            known[metadata_id] = self._entity(entity_id)
        return [known[metadata_id] for metadata_id in metadata_ids]

    def _entity(self, entity_id: str) -> _Entity | None:
        """Return what all rows of an entity share, or None if it is not exported."""
        run = self._row_context
        registry_values = run.registry.of(entity_id)
        if not run.choice.entities.includes(entity_id, registry_values):
            return None
        values = run.privacy.registry_values(
            entity_id, {**entity_values(entity_id), **registry_values.values}
        )
        fragment = self._encoding.fragment({**run.run_values, **values})
        return _Entity(run.privacy.entity(entity_id), fragment, run.privacy.own_rules(entity_id))

    def _state(self, changed: bool, state: str | None) -> bytes:
        """Return the fragment of all rows with a state, whether or not it has just changed."""
        if not isinstance(state, str | None):
            raise TypeError("the state is no text")  # protobuf takes bytes, too.
        return self._encoding.fragment(
            {
                "state": state,
                "state_numeric": state_numeric(state),
                "state_changed": changed,
                "is_available": is_available(state),
            }
        )

    def _user(self, user: bytes) -> bytes:
        name = self._row_context.privacy.user(user.hex())
        return self._encoding.fragment({"context_user_id": name})

    def _ambient_of(self, states: StatesAtOnce) -> bytes:
        return self._encoding.fragment(ambient_values(self._context_entities, states))

    def _readable(self, piece: StatesPiece, row: StateRow) -> dict[str, Any]:
        """Return a row of the recorder under its own names, for a person to read."""
        recorded = STATES.named(row)
        metadata_id, attributes_id = recorded["metadata_id"], recorded["attributes_id"]
        attributes = (
            recorded["attributes"]
            if attributes_id is None
            else self.attributes.readable(attributes_id)
        )
        return readable(
            STATES,
            row,
            {
                "metadata_id": {"entity_id": piece.entity_ids.get(metadata_id)},
                "attributes_id": {"attributes": attributes},
                "attributes": {},
            },
        )


def _placed(count: int, places: Iterable[int], fragments: Iterable[bytes]) -> list[bytes]:
    """Return the fragments of a column that is NULL in all other rows."""
    column = [b""] * count
    for place, fragment in zip(places, fragments, strict=True):
        column[place] = fragment
    return column


def _typed(row: StateRow) -> StateRow:
    """Return a row with values of the types that its columns should have, as far as possible."""
    try:
        return _checked(row)
    except ValueError:
        return row


def _why(row: StateRow, err: BaseException) -> str:
    """Return why a row cannot be encoded, which has raised an error."""
    try:
        _checked(row)
    except ValueError as wrong:
        return str(wrong)
    return reason(err)


def _checked(row: StateRow) -> StateRow:
    """Return a row with values of the types that its columns should have; raises ValueError."""
    id_, metadata_id, state, changed, updated, attributes_id, attributes, context, user, parent = (
        row
    )
    return (
        id_,
        metadata_id,
        as_text(state),
        number("last_changed_ts", changed),
        number("last_updated_ts", updated),
        attributes_id,
        as_text(attributes),
        ulid_bytes("context_id", context),
        blob("context_user_id", user),
        ulid_bytes("context_parent_id", parent),
    )


def _give_way() -> None:
    """Let another thread run: Python would otherwise make it wait for 5 ms."""
    sleep(_BREATH)


def _days(times: Sequence[int]) -> set[int]:
    """Return the days of times in microseconds, since 1970: mostly one."""
    first, last = min(times) // DAY, max(times) // DAY
    return {first} if first == last else {time // DAY for time in times}


def _whole(converted: Sequence[str | None]) -> Sequence[str]:
    """Return ULIDs of which none is missing. Raises ValueError."""
    if None in converted:
        raise ValueError("its context has not 16 bytes")
    return cast(Sequence[str], converted)
