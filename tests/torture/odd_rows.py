"""Rows that the recorder would not write, which must be exported, or be among the rejected ones.

Each has a mark in a column that the recorder no longer uses and the integration does not read. By
that mark they are left out where all other rows are compared. A state is of an entity of its own,
and each row has a time of its own, so that it is known in BigQuery by what of it is not odd.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
import sqlite3
import time

from ulid_transform import ulid_at_time_bytes

from tests.home.comparison import Key, micros
from tests.home.recorded import STATES

from .kinds import Kind
from .odd_values import ODD, Place, Text, Value

type Columns = dict[str, Value]

MARKS: Mapping[str, str] = {"states": "last_updated", "events": "time_fired"}
"""The column of the mark, by table."""
NAMES: Mapping[str, tuple[str, str]] = {
    "states": (STATES, "state_id"),
    "events": ("events", "event_id"),
}
"""The table in BigQuery, and the id, by the recorder's table."""
TIMES = ("last_updated_ts", "time_fired_ts")
"""The columns by which rows are known."""
ENTITY = "sensor.odd_"
EVENT_TYPE = "logbook_entry"
MOST = 6
SECONDS_OF_ROWS = 60.0
_SHARED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "states": {
        "states_meta": ("metadata_id", "entity_id"),
        "state_attributes": ("attributes_id", "shared_attrs"),
    },
    "events": {
        "event_types": ("event_type_id", "event_type"),
        "event_data": ("data_id", "shared_data"),
    },
}
"""What rows refer to: the id, which both tables have, and the text."""


@dataclass(frozen=True, slots=True)
class OddRow:
    """An odd row that the recorder has."""

    table: str
    """The recorder's name of it."""
    id: int
    number: int
    place: str
    exported: bool
    """Whether it is of those that are exported at all."""

    def __str__(self) -> str:
        """Return what is odd about it."""
        return f"{self.table} with an odd {self.place}"


class OddRows:
    """Adds odd rows to a recorder that rests, and knows them again in BigQuery."""

    def __init__(self, database: Path, random: Random) -> None:
        """Add nothing yet."""
        self._database = database
        self._random = random
        self._numbers = count(1)
        self._times: dict[int, int] = {}
        """Microseconds since 1970, by the number of the row."""
        self._odd_times: set[int] = set()
        """Of rows whose odd value is a time that there is."""
        self.added = dict.fromkeys(ODD, 0)
        """How many rows there were of each kind."""

    def add(self, kind: Kind) -> str:
        """Add some rows of a kind, and say what is odd about them."""
        places = self._random.choices(list(ODD[kind]), k=self._random.randint(1, MOST))
        with closing(sqlite3.connect(self._database)) as recorder, recorder:
            for place in places:
                self.insert(recorder, place, self._random.choice(ODD[kind][place]))
        self.added[kind] += len(places)
        return f"odd rows: {', '.join(map(str, places))}"

    def insert(self, recorder: sqlite3.Connection, place: Place, value: Value) -> int:
        """Add one row, and return its number."""
        number = next(self._numbers)
        if isinstance(value, Text):
            value = Text(value.replace(b"%d", str(number).encode()))
        at = round(time.time() - self._random.random() * SECONDS_OF_ROWS, 6)
        self._times[number] = micros(at)
        if place.column in TIMES and isinstance(value, float) and 0 <= value < at:
            self._odd_times.add(micros(value))
        rows = _state(number, at) if place.table.startswith("state") else _event(number, at)
        rows[place.table][place.column] = value
        table = next(name for name in MARKS if name in rows)
        for shared, (id_, text) in _SHARED[table].items():
            if id_ not in rows[table]:
                rows[table][id_] = _shared_id(recorder, shared, id_, text, rows[shared])
        rows[table][MARKS[table]] = f"{number} {int(place.exported)} {place}"
        _insert(recorder, table, rows[table])
        return number

    def is_odd(self, table: str, key: Key) -> bool:
        """Return whether a row of BigQuery, by its key, is one of the odd ones."""
        if table == STATES and key[0].startswith(ENTITY):
            return True
        if table not in (STATES, "events"):
            return False
        return key[1] in self._odd_times or key[1] in self._times.values()

    def is_row(self, odd: OddRow, text: str, at: int | None) -> bool:
        """Return whether a row with the id of an odd one is that one, and none with its old id."""
        return at == self._times.get(odd.number) or f"odd_{odd.number}_" in text


def odd_rows(database: Path) -> list[OddRow]:
    """Return the odd rows that a recorder has."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as recorder:
        return [
            _marked(table, id_, mark)
            for table, column in MARKS.items()
            for id_, mark in recorder.execute(
                f"SELECT {NAMES[table][1]}, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
            )
        ]


def _marked(table: str, id_: int, mark: str) -> OddRow:
    number, exported, place = mark.split(" ")
    return OddRow(table, id_, int(number), place, bool(int(exported)))


def _state(number: int, at: float) -> dict[str, Columns]:
    return {
        "states_meta": {"entity_id": f"{ENTITY}{number}_"},
        "state_attributes": {"shared_attrs": f'{{"friendly_name": "odd_{number}_"}}', "hash": 0},
        "states": {
            "state": "21.5",
            "last_updated_ts": at,
            "last_reported_ts": at,
            "origin_idx": 0,
            "context_id_bin": ulid_at_time_bytes(at),
        },
    }


def _event(number: int, at: float) -> dict[str, Columns]:
    return {
        "event_types": {"event_type": EVENT_TYPE},
        "event_data": {"shared_data": f'{{"name": "odd_{number}_"}}', "hash": 0},
        "events": {
            "time_fired_ts": at,
            "origin_idx": 0,
            "context_id_bin": ulid_at_time_bytes(at),
        },
    }


def _shared_id(
    recorder: sqlite3.Connection, table: str, id_: str, text: str, columns: Columns
) -> int:
    """Return the id of a row that has the text, and add it if there is none."""
    found: tuple[int] | None = recorder.execute(
        f"SELECT {id_} FROM {table} WHERE {text} = {_parameter(columns[text])}",  # noqa: S608
        (_bytes_or_value(columns[text]),),
    ).fetchone()
    return found[0] if found else _insert(recorder, table, columns)


def _insert(recorder: sqlite3.Connection, table: str, columns: Columns) -> int:
    id_ = recorder.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - our own names
        f" VALUES ({', '.join(map(_parameter, columns.values()))})",
        [_bytes_or_value(value) for value in columns.values()],
    ).lastrowid
    assert id_ is not None
    return id_


def _parameter(value: Value) -> str:
    return "CAST(? AS TEXT)" if isinstance(value, Text) else "?"


def _bytes_or_value(value: Value) -> Value:
    return bytes(value) if isinstance(value, Text) else value
