"""Tests of overwritten pages, and of what can still be read around them."""

from contextlib import closing
from pathlib import Path
from random import Random
import sqlite3

import pytest

from tests.home.recorder_database import make

from .ledger import Ledger
from .page_damage import overwrite_page
from .salvage import is_damaged, legible

STATES = 3_000


@pytest.fixture(name="database")
def database_fixture(tmp_path: Path) -> Path:
    """Return a recorder with some hundred pages of rows."""
    database = tmp_path / "home-assistant_v2.db"
    make(database, states=STATES, events=3_000, entities=5, days=0.1, statistics_days=0.1)
    return database


def ids(database: Path, table: str) -> set[int]:
    """Return the ids that an independent reader gets, when it asks for each alone."""
    found: set[int] = set()
    id_ = {"states": "state_id", "events": "event_id"}[table]
    with closing(sqlite3.connect(database)) as recorder:
        recorder.text_factory = bytes
        for number in range(1, STATES + 1):
            try:
                sql = f"SELECT * FROM {table} WHERE {id_} = ?"  # noqa: S608
                found.update(row[0] for row in recorder.execute(sql, (number,)))
            except sqlite3.DatabaseError:
                continue
    return found


@pytest.mark.parametrize("table", ["states", "events"])
@pytest.mark.parametrize("seed", range(4))
def test_a_page_takes_its_rows_and_no_others(database: Path, table: str, seed: int) -> None:
    """What can be read row by row is in the copy, and the page's rows are not."""
    before = ids(database, table)
    said = overwrite_page(database, table, Random(seed))  # noqa: S311 - repeatable
    assert said is not None
    assert table in said
    assert is_damaged(database)
    with closing(sqlite3.connect(database)) as recorder, pytest.raises(sqlite3.DatabaseError):
        recorder.execute(f"SELECT sum(origin_idx) FROM {table}").fetchone()  # noqa: S608
    after = ids(database, table)
    assert 0 < len(before - after) < 150
    with legible(database) as copy:
        assert ids(copy, table) == after
        assert not is_damaged(copy)
        Ledger().look_at(copy)
    assert not copy.exists()


def test_the_newest_rows_are_spared(database: Path) -> None:
    """The recorder goes on to write; a table of a few pages is left alone."""
    for seed in range(20):
        overwrite_page(database, "states", Random(seed))  # noqa: S311
    left = ids(database, "states")
    assert left >= set(range(STATES - 500, STATES + 1))
    assert len(left) < STATES - 300
    assert overwrite_page(database, "recorder_runs", Random(1)) is None  # noqa: S311


def test_nothing_is_damaged_at_first(database: Path) -> None:
    """A sound recorder is copied as a whole."""
    assert not is_damaged(database)
    with legible(database) as copy:
        assert ids(copy, "states") == ids(database, "states") == set(range(1, STATES + 1))
