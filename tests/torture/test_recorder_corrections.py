"""Tests of the corrections: each changes what Home Assistant would change, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
import sqlite3
from typing import Any

import pytest

from tests.home.recorder_database import make
from tests.home.recorder_statistics import HOUR

from .ledger import rows_by_id
from .recorder_corrections import TABLES, Corrections, Statistic, statistics_of

type Rows = dict[int, dict[str, Any]]

ENERGY = "sensor.kitchen_energy"
VALUES = ("mean", "min", "max", "last_reset_ts", "state", "sum")


@pytest.fixture(name="database")
def database_fixture(tmp_path: Path) -> Path:
    """Return a recorder's database with statistics of a day."""
    database = tmp_path / "home-assistant_v2.db"
    make(database, states=100, entities=20, days=0.2, statistics_days=1)
    return database


@pytest.fixture(name="recorder")
def recorder_fixture(database: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to it."""
    with closing(sqlite3.connect(database)) as recorder:
        recorder.row_factory = sqlite3.Row
        yield recorder


@pytest.fixture(name="corrections")
def corrections_fixture(database: Path) -> Corrections:
    """Return what corrects it."""
    return Corrections(database, Random(1))  # noqa: S311 - repeatable


@pytest.fixture(name="statistic")
def statistic_fixture(recorder: sqlite3.Connection) -> Statistic:
    """Return a statistic with a sum and a unit."""
    return next(
        statistic for statistic in statistics_of(recorder) if statistic.statistic_id == ENERGY
    )


def rows(recorder: sqlite3.Connection, table: str) -> Rows:
    """Return all rows of a table by their ids."""
    return {row["id"]: dict(row) for row in recorder.execute(f"SELECT * FROM {table}")}  # noqa: S608


def changed(before: Rows, after: Rows) -> dict[int, set[str]]:
    """Return which columns have changed of the rows that are there before and after."""
    return {
        id_: columns
        for id_ in before.keys() & after.keys()
        if (columns := {name for name in after[id_] if after[id_][name] != before[id_][name]})
    }


def test_a_sum_is_adjusted_from_some_time_on(
    recorder: sqlite3.Connection, corrections: Corrections, statistic: Statistic
) -> None:
    """All sums of the statistic change by the same from then on, in both tables."""
    before = {table: rows(recorder, table) for table in TABLES}
    assert corrections.adjust_sum(recorder, statistic) == f"adjusted sums of {ENERGY}"

    by = set()
    starts = set()
    for table in TABLES:
        after = rows(recorder, table)
        differences = changed(before[table], after)
        assert after.keys() == before[table].keys()
        assert all(columns == {"sum"} for columns in differences.values())
        assert {after[id_]["metadata_id"] for id_ in differences} <= {statistic.metadata_id}
        by |= {round(after[id_]["sum"] - before[table][id_]["sum"], 6) for id_ in differences}
        starts |= {after[id_]["start_ts"] for id_ in differences}
        same = after.keys() - differences.keys()
        later = [row for id_ in same if (row := after[id_])["metadata_id"] == statistic.metadata_id]
        assert all(row["start_ts"] < min(starts) for row in later)
    assert len(by) == 1


def test_a_unit_is_converted(
    recorder: sqlite3.Connection, corrections: Corrections, statistic: Statistic
) -> None:
    """All values of the statistic are in the other unit, in both tables, and nothing else."""
    before = {table: rows(recorder, table) for table in TABLES}
    meta = rows(recorder, "statistics_meta")
    assert corrections.convert_unit(recorder, statistic) == f"converted {ENERGY} to Wh"

    for table in TABLES:
        after = rows(recorder, table)
        differences = changed(before[table], after)
        assert {after[id_]["metadata_id"] for id_ in differences} == {statistic.metadata_id}
        assert all(columns == {"state", "sum"} for columns in differences.values())
        for id_ in differences:
            assert after[id_]["sum"] == pytest.approx(before[table][id_]["sum"] * 1_000)
    assert changed(meta, rows(recorder, "statistics_meta")) == {
        statistic.metadata_id: {"unit_of_measurement"}
    }


def test_a_unit_that_nothing_is_known_of_stays(
    recorder: sqlite3.Connection, corrections: Corrections
) -> None:
    """A statistic of euros cannot be converted, and nothing is said to have been done."""
    assert corrections.convert_unit(recorder, Statistic(1, "energy_provider:cost", "EUR")) is None


def test_rows_are_imported_into_the_past(
    recorder: sqlite3.Connection, corrections: Corrections, statistic: Statistic
) -> None:
    """They are earlier than all of their statistic, and have ids above all others."""
    before = {table: rows(recorder, table) for table in TABLES}
    assert corrections.import_into_the_past(recorder, statistic).endswith("into the past")

    after = rows(recorder, "statistics")
    new = after.keys() - before["statistics"].keys()
    first = min(
        row["start_ts"]
        for row in before["statistics"].values()
        if row["metadata_id"] == statistic.metadata_id
    )
    assert new
    assert min(new) > max(before["statistics"])
    assert all(after[id_]["start_ts"] < first for id_ in new)
    assert all((first - after[id_]["start_ts"]) % HOUR == 0 for id_ in new)
    assert not changed(before["statistics"], after)
    assert rows(recorder, "statistics_short_term") == before["statistics_short_term"]


def test_rows_are_overwritten_by_an_import(
    recorder: sqlite3.Connection, corrections: Corrections, statistic: Statistic
) -> None:
    """Hours get other values, and keep their ids and the times at which they were written."""
    before = rows(recorder, "statistics")
    assert "overwrote" in (corrections.overwrite(recorder, statistic) or "")

    after = rows(recorder, "statistics")
    differences = changed(before, after)
    assert differences
    assert after.keys() == before.keys()
    assert all(columns <= {*VALUES} for columns in differences.values())
    assert {after[id_]["metadata_id"] for id_ in differences} == {statistic.metadata_id}


def test_a_statistic_is_renamed(recorder: sqlite3.Connection, corrections: Corrections) -> None:
    """It gets an id that no statistic has, now and then one that another one had before."""
    before = {table: rows(recorder, table) for table in TABLES}
    names = ids_of_statistics(recorder)
    taken_over = False
    for _ in range(5):
        for statistic in statistics_of(recorder):
            said = corrections.rename(recorder, statistic)
            new = ids_of_statistics(recorder)[statistic.metadata_id]
            assert said == f"renamed {statistic.statistic_id} to {new}"
            assert new != statistic.statistic_id
            taken_over |= new in names.values() and names[statistic.metadata_id] != new

    assert taken_over
    assert len({*ids_of_statistics(recorder).values()}) == len(names)
    assert {table: rows(recorder, table) for table in TABLES} == before


def ids_of_statistics(recorder: sqlite3.Connection) -> dict[int, str]:
    """Return what statistics are called."""
    return {id_: row["statistic_id"] for id_, row in rows(recorder, "statistics_meta").items()}


def test_a_statistic_is_cleared(
    recorder: sqlite3.Connection, corrections: Corrections, statistic: Statistic
) -> None:
    """All of its rows are gone from both tables, and what describes it; no other row is."""
    before = {table: rows(recorder, table) for table in TABLES}
    corrections.clear(recorder, statistic)

    assert statistic.metadata_id not in rows(recorder, "statistics_meta")
    for table in TABLES:
        assert rows(recorder, table) == {
            id_: row
            for id_, row in before[table].items()
            if row["metadata_id"] != statistic.metadata_id
        }


def test_a_range_of_time_is_cleared(
    recorder: sqlite3.Connection, corrections: Corrections, statistic: Statistic
) -> None:
    """Rows of the statistic that follow each other are gone, and some are left."""
    before = rows(recorder, "statistics")
    gone: set[int] = set()
    while not gone:
        assert "in a range" in (corrections.clear_range(recorder, statistic) or "")
        gone = before.keys() - rows(recorder, "statistics").keys()

    after = rows(recorder, "statistics")
    assert {before[id_]["metadata_id"] for id_ in gone} == {statistic.metadata_id}
    assert any(row["metadata_id"] == statistic.metadata_id for row in after.values())
    assert statistic.metadata_id in rows(recorder, "statistics_meta")
    assert not changed(before, after)


@pytest.mark.parametrize(
    "correct",
    [
        Corrections.adjust_sum,
        Corrections.overwrite,
        Corrections.clear_range,
    ],
)
def test_a_statistic_without_rows_is_left_alone(
    recorder: sqlite3.Connection,
    corrections: Corrections,
    correct: Callable[[Corrections, sqlite3.Connection, Statistic], str | None],
) -> None:
    """Nothing is said to have been done where there was nothing to do."""
    assert correct(corrections, recorder, Statistic(4_711, "sensor.none", None)) is None


def test_all_kinds_are_made_at_random(database: Path) -> None:
    """Some rounds make each kind, and what they did is in the database."""
    corrections = Corrections(database, Random(3))  # noqa: S311 - repeatable
    before = rows_by_id(database)
    said = [what for _ in range(30) for what in corrections.correct()]

    kinds = {what.split()[0] for what in said}
    assert kinds == {"adjusted", "converted", "imported", "overwrote", "renamed", "cleared"}
    assert rows_by_id(database) != before
