"""Reading the recorder's states column by column, which is much quicker on SQLite than row by row.

`sqlite3` makes an object for each value, asks SQLite about twenty times for a row, and lets go of
Python's lock once a row. Here SQLite makes a JSON array of each column, in one step for a thousand
rows and without the lock; times come as whole numbers, context ids side by side, and what is rare
only where it is there. It takes 40 % less time.

What is odd is left to the rows as they are: a piece where any value has not the type or the range
that the recorder gives it, as SQLite keeps any value in any column.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, count
from struct import iter_unpack
from typing import Any, overload, override

import orjson
from sqlalchemy import Connection

from .ambient_states import AmbientStates
from .plan import PIECE_ROWS
from .source_table import Anchor
from .states import STATES, StateRow, StatesPiece

FRACTION_BITS = 22
"""Binary digits behind the point of seconds: a double of the years 2004 to 2038 has no more."""
_UNIT = 1 << FRACTION_BITS
_FIRST_SECOND = 1 << 52 - FRACTION_BITS
_LAST_SECOND = (1 << 53 - FRACTION_BITS) - 1
_CONTEXT_BYTES = 16

STATEMENT = f"""
SELECT json_group_array(state_id), json_group_array(metadata_id), json_group_array(attributes_id),
  json_group_array(state), json_group_array(CAST(last_updated_ts * {_UNIT} AS INTEGER)),
  CAST(group_concat(context_id_bin, '') AS BLOB),
  json_group_array(state_id) FILTER (WHERE last_changed_ts IS NOT NULL),
  json_group_array(CAST(last_changed_ts * {_UNIT} AS INTEGER))
    FILTER (WHERE last_changed_ts IS NOT NULL),
  json_group_array(json_array(state_id, hex(context_user_id_bin), context_user_id_bin >= x''))
    FILTER (WHERE context_user_id_bin IS NOT NULL),
  json_group_array(json_array(state_id, hex(context_parent_id_bin), context_parent_id_bin >= x''))
    FILTER (WHERE context_parent_id_bin IS NOT NULL),
  count(*) FILTER (WHERE last_updated_ts BETWEEN {_FIRST_SECOND} AND {_LAST_SECOND}
    AND (last_changed_ts IS NULL OR last_changed_ts BETWEEN {_FIRST_SECOND} AND {_LAST_SECOND})
    AND context_id_bin >= x'' AND length(context_id_bin) = {_CONTEXT_BYTES}
    AND metadata_id < '' AND attributes_id < '' AND (state < x'' OR state IS NULL))
FROM states WHERE state_id > :after AND state_id <= coalesce(
  (SELECT state_id FROM states WHERE state_id > :after AND state_id <= :until
    ORDER BY state_id LIMIT 1 OFFSET :limit - 1), :until)
"""  # noqa: S608
"""SQLite orders numbers before texts, and texts before bytes: `BETWEEN` and `< ''` are true of
numbers alone, and `>= x''` of bytes, which may be JSON in a form of SQLite's own ("JSONB"). Checks
of each row are a third of the time, so Python tells whether ids are whole, and the types of rare
columns are looked at where they have a value. The id of the last row is looked up first: as a
subquery with a limit, the rows would take a third longer, as each is copied.
"""
_AGAIN_AFTER = 10
"""Pieces after which it is tried again, where one was odd: its neighbors most often are, too."""


@dataclass(frozen=True, slots=True)
class StateColumns:
    """Up to 1,250 states, column by column, and the rows that their foreign keys refer to."""

    ids: Sequence[int]
    metadata_ids: Sequence[int]
    attributes_ids: Sequence[int]
    states: Sequence[str | None]
    updated: Sequence[int]
    """last_updated_ts in units of 2^-22 seconds."""
    contexts: bytes
    """16 bytes of each row, one after another."""
    changed: Mapping[int, int]
    """last_changed_ts in these units, by the row's place, where it is not NULL."""
    users: Mapping[int, bytes]
    """context_user_id_bin by the row's place, where it is not NULL."""
    parents: Mapping[int, bytes]
    """context_parent_id_bin likewise."""
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
    def rows(self) -> Sequence[StateRow]:
        """Return the rows as the recorder has them, each made when it is asked for."""
        return _Rows(self)

    def only(self, kept: Sequence[bool]) -> StateColumns:
        """Return those rows that are to be kept."""
        places = dict(zip(compress(count(), kept), count(), strict=False))

        def moved[T](rare: Mapping[int, T]) -> dict[int, T]:
            return {places[place]: value for place, value in rare.items() if kept[place]}

        contexts = [context for (context,) in iter_unpack(f"{_CONTEXT_BYTES}s", self.contexts)]
        return replace(
            self,
            ids=list(compress(self.ids, kept)),
            metadata_ids=list(compress(self.metadata_ids, kept)),
            attributes_ids=list(compress(self.attributes_ids, kept)),
            states=list(compress(self.states, kept)),
            updated=list(compress(self.updated, kept)),
            contexts=b"".join(compress(contexts, kept)),
            changed=moved(self.changed),
            users=moved(self.users),
            parents=moved(self.parents),
        )

    def by_row(self) -> StatesPiece:
        """Return the same piece as one that was read row by row."""
        return StatesPiece(list(self.rows), self.entity_ids, self.attributes, self.ambient)

    @property
    def times(self) -> Sequence[float]:
        """Return the column `last_updated_ts`, in seconds since 1970."""
        return [units / _UNIT for units in self.updated]

    def first(self, number: int) -> StatesPiece | StateColumns:
        """Return a piece with the first rows alone."""
        return self if number == len(self.ids) else self.by_row().first(number)


class _Rows(Sequence[StateRow]):
    """The rows of columns."""

    def __init__(self, columns: StateColumns) -> None:
        """Make no row yet."""
        self._columns = columns

    @override
    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._columns.ids)

    @overload
    def __getitem__(self, index: int) -> StateRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[StateRow]: ...

    @override
    def __getitem__(self, index: int | slice) -> StateRow | Sequence[StateRow]:
        """Make one row, or some."""
        places = range(len(self))[index]
        return self._row(places) if isinstance(places, int) else list(map(self._row, places))

    def _row(self, place: int) -> StateRow:
        columns = self._columns
        changed = columns.changed.get(place)
        at = place * _CONTEXT_BYTES
        return (
            columns.ids[place],
            columns.metadata_ids[place],
            columns.states[place],
            None if changed is None else changed / _UNIT,
            columns.updated[place] / _UNIT,
            columns.attributes_ids[place],
            None,
            columns.contexts[at : at + _CONTEXT_BYTES],
            columns.users.get(place),
            columns.parents.get(place),
        )


class ColumnReader:
    """Reads states of SQLite column by column, for one run."""

    def __init__(self) -> None:
        """Begin by trying it."""
        self._skipped = 0
        """Pieces that are not to be tried."""
        self._is_utf8: bool | None = None

    def read(
        self, connection: Connection, after: int, until: int, limit: int
    ) -> StateColumns | None:
        """Return the next states with `after` < id <= `until`; None where they must be read by row.

        That is if there are none, or something about them is odd.
        """
        if connection.dialect.name != "sqlite":
            return None
        if self._skipped:
            self._skipped -= 1
            return None
        driver: Any = connection.connection.driver_connection
        errors = connection.dialect.loaded_dbapi.Error
        try:
            if self._is_utf8 is None:
                ((encoding,),) = driver.execute("PRAGMA encoding")
                self._is_utf8 = encoding == "UTF-8"
            if self._is_utf8:
                bounds = {"after": after, "until": until, "limit": min(limit, PIECE_ROWS)}
                row = driver.execute(STATEMENT, bounds).fetchone()
                driver.execute("PRAGMA shrink_memory")  # As in `reader.py`.
                columns = _columns(*row)
                if columns or row[0] == "[]":
                    return columns
        except errors, TypeError, ValueError:
            pass  # It is text that is not UTF-8, no JSON, or damage; other errors come again.
        self._skipped = _AGAIN_AFTER
        return None


def _columns(
    ids: str,
    metadata_ids: str,
    attributes_ids: str,
    states: str,
    updated: str,
    contexts: bytes | None,
    changed_ids: str,
    changed: str,
    users: str,
    parents: str,
    regular: int,
) -> StateColumns | None:
    """Return what the statement has found, or None where not all rows are regular."""
    loads = orjson.loads
    found, entities, attributes = loads(ids), loads(metadata_ids), loads(attributes_ids)
    # SQLite does not promise in which order an aggregate takes rows.
    if contexts is None or regular != len(found) or found != sorted(found):
        return None
    # The sum of whole numbers alone is one.
    if not isinstance(sum(entities) + sum(attributes), int):
        return None
    return StateColumns(
        found,
        entities,
        attributes,
        loads(states),
        loads(updated),
        contexts,
        dict(zip(_places(found, loads(changed_ids)), loads(changed), strict=True)),
        _bytes_by_place(found, users),
        _bytes_by_place(found, parents),
    )


def _bytes_by_place(ids: Sequence[int], some: str) -> dict[int, bytes]:
    """Return the bytes that some rows have: id, digits, and whether they are bytes of each row.

    Raises ValueError where they are not.
    """
    if some == "[]":
        return {}
    having, digits, are_bytes = zip(*orjson.loads(some), strict=True)
    if not all(are_bytes):
        raise ValueError("they are text or a number")
    return dict(zip(_places(ids, having), map(bytes.fromhex, digits), strict=True))


def _places(ids: Sequence[int], some: Sequence[int]) -> list[int]:
    """Return the places of some ids; mostly no id is missing."""
    first = ids[0]
    if ids[-1] - first == len(ids) - 1:
        return [id_ - first for id_ in some]
    return [bisect_left(ids, id_) for id_ in some]
