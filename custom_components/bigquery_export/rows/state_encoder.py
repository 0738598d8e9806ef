"""Encoding the recorder's states as rows of `sensor_data`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

from ..source.state_columns import StateColumns
from ..source.statements import as_text
from ..source.states import STATES, StateRow, StatesPiece
from .attributes_encoder import RowSets
from .context import RowContext
from .encoded_rows import EncodedRows, RejectedRow
from .encoding import Encoding
from .known_states import fragments_of
from .local_time import DAY, QUARTER, all_microseconds, microseconds
from .readable import readable
from .recorded_values import UNENCODABLE, blob, number, reason, ulid_bytes
from .state_column_encoder import StateColumnEncoder
from .state_fragments import StateFragments
from .ulids import whole_ulids
from .yielding import give_way

_METADATA_ID = STATES.names.index("metadata_id")


class StateEncoder:
    """Encodes states for one run, each scope of columns once.

    An export spends most of its time here. So a piece is encoded column by column: one step for all
    rows is much faster than all steps for each row.
    """

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._fragments = StateFragments(encoding, run)
        self._columns = StateColumnEncoder(encoding, self._fragments)
        self.attributes = self._fragments.attributes
        """The cache of attributes, which need not be read again."""

    def encode(self, piece: StatesPiece | StateColumns) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is rejected and stops no other."""
        self._fragments.begin(piece.entity_ids)
        self.attributes.learn(piece.attributes_ids, piece.attributes)
        give_way()
        if isinstance(piece, StateColumns):
            try:
                return self._columns.encode(piece)
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
        entities = self._fragments.entities_of(columns[_METADATA_ID])
        if None in entities:
            # There are rows of entities that are not exported.
            columns = [tuple(compress(column, entities)) for column in columns]
            entities = list(filter(None, entities))
            if not entities:
                return EncodedRows()
        names, entity_fragments, rules = zip(*entities, strict=True)
        ids, metadata_ids, states, changed_ts, updated_ts, *others = columns
        attributes_ids, texts, contexts, users, parents = others
        if None in updated_ts:
            raise ValueError("the recorder has no time for it")
        updated = all_microseconds(updated_ts)
        changed = [
            time if ts is None else microseconds(ts)
            for time, ts in zip(updated, changed_ts, strict=True)
        ]
        quarters = [self._fragments.quarters[time // QUARTER] for time in updated]
        values = {
            "last_changed": changed,
            "last_updated": updated,
            "local_time": [
                time + quarter.offset for time, quarter in zip(updated, quarters, strict=True)
            ],
            "state_id": ids,
        }
        sets = RowSets(metadata_ids, attributes_ids, texts, rules)
        of_attributes = self.attributes.of(sets)
        of_states = fragments_of(
            states,
            [
                known if then == now else known.unchanged
                for known, then, now in zip(
                    self._fragments.known_states(sets), changed, updated, strict=True
                )
            ],
        )
        fragments = [
            entity_fragments,
            of_attributes,
            [quarter.fragment for quarter in quarters],
            of_states,
        ]
        give_way()
        if None in contexts:
            fragments.append(self._few_ulids("context_id", contexts))
        else:
            values["context_id"] = whole_ulids(contexts)
        fragments.append(self._encoding.fragments(values))
        if any(parents):
            fragments.append(self._few_ulids("context_parent_id", parents))
        if any(users):
            fragments.append([self._fragments.users[user] if user else b"" for user in users])
        if piece.ambient:
            at = piece.ambient.at
            fragments.append([self._fragments.ambient[at(ts)] for ts in updated_ts])
        data = self._encoding.rows(*fragments)
        repaired = self.attributes.repaired(ids, attributes_ids, texts)
        return EncodedRows(
            *(list(ids), list(names), updated, data, _days(changed)),
            repaired=repaired,
            unfit=self._fragments.unfit(states, sets),
        )

    def _few_ulids(self, column: str, contexts: Sequence[bytes | None]) -> list[bytes]:
        """Return fragments of a column that is NULL in some rows."""
        present = whole_ulids(list(filter(None, contexts)))
        made = iter(self._encoding.fragments({column: present}) if present else ())
        return [next(made) if context else b"" for context in contexts]

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


def _days(times: Sequence[int]) -> set[int]:
    """Return the days of times in microseconds, since 1970: mostly one."""
    first, last = min(times) // DAY, max(times) // DAY
    return {first} if first == last else {time // DAY for time in times}
