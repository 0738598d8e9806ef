"""What of a recorder's database can still be read, by SQLite alone and row by row."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
import sqlite3
from typing import Any

from .odd_rows import MARKS

NAME = "legible.db"
_IDS: Mapping[str, str] = {
    "states": "state_id",
    "states_meta": "metadata_id",
    "state_attributes": "attributes_id",
    "events": "event_id",
    "event_types": "event_type_id",
    "event_data": "data_id",
    "statistics": "id",
    "statistics_short_term": "id",
    "statistics_meta": "id",
    "statistics_runs": "run_id",
    "recorder_runs": "run_id",
    "schema_changes": "change_id",
}
"""The tables that are exported, and those that they refer to, with their ids."""


@contextmanager
def legible(database: Path, *, odd: bool = False) -> Iterator[Path]:
    """Yield a copy of a recorder that rests, with all rows that can be read, less the odd ones.

    A row that cannot be read is one that SQLite does not give when it is asked for its id alone.
    With `odd` the copy has the odd rows, too; what of their texts is not UTF-8 is replaced.
    """
    path = database.with_name(NAME)
    path.unlink(missing_ok=True)
    try:
        with _reading(database) as recorder, closing(sqlite3.connect(path)) as copy:
            for table in _IDS:
                sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
                copy.execute(recorder.execute(sql, (table,)).fetchone()[0])
                rows = _Rows(recorder, table, odd=odd)
                for readable in rows.readable():
                    copy.executemany(rows.insert, readable)
            copy.commit()
        yield path
    finally:
        path.unlink(missing_ok=True)


def is_damaged(database: Path) -> bool:
    """Return whether there are pages of states or events that cannot be read."""
    with _reading(database) as recorder:
        try:
            for table in MARKS:
                recorder.execute(f"SELECT count(*) FROM {table} NOT INDEXED").fetchone()  # noqa: S608
        except sqlite3.DatabaseError:
            return True
    return False


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as recorder:
        recorder.text_factory = lambda text: text.decode(errors="replace")
        yield recorder


class _Rows:
    """The rows of a table that can be read."""

    def __init__(self, recorder: sqlite3.Connection, table: str, *, odd: bool) -> None:
        self._recorder = recorder
        id_ = _IDS[table]
        plain = "TRUE" if odd or table not in MARKS else f"{MARKS[table]} IS NULL"
        self._some = f"SELECT * FROM {table} WHERE {id_} BETWEEN ? AND ? AND {plain}"  # noqa: S608
        self._one = f"SELECT * FROM {table} WHERE {id_} = ? AND {plain}"  # noqa: S608
        self._ends = f"SELECT min({id_}), max({id_}) FROM {table}"  # noqa: S608
        columns = len(recorder.execute(f"SELECT * FROM {table} LIMIT 0").description)  # noqa: S608
        self.insert = f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608

    def readable(self) -> Iterator[list[Any]]:
        """Yield them by their ids, many at once as far as that goes."""
        first, last = self._recorder.execute(self._ends).fetchone()
        if first is not None:
            yield from self._between(first, last)

    def _between(self, first: int, last: int) -> Iterator[list[Any]]:
        # A range reads beyond its last row, which may be where it cannot.
        select, ids = (self._some, (first, last)) if first < last else (self._one, (first,))
        try:
            rows = self._recorder.execute(select, ids).fetchall()
        except sqlite3.DatabaseError:
            if first < last:
                middle = (first + last) // 2
                yield from self._between(first, middle)
                yield from self._between(middle + 1, last)
        else:
            yield rows
