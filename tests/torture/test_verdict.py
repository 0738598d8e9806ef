"""Tests of the verdict: what is wrong after damage is found, and what damage explains is not."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
import sqlite3

import pytest

from tests.home.comparison import Comparison, Difference, Key
from tests.home.recorded import RECORDED, TABLES
from tests.home.recorder_database import make

from . import recorder_damage
from .judgement import without_told
from .ledger import Ledger
from .table_ledger import TableLedger
from .verdict import judge_table

KEY: Key = ("sensor.kitchen", 1_790_000_000_000_000)


def found(
    *, lost: int = 0, duplicated: int = 0, foreign: int = 0, different: int = 0
) -> Comparison:
    """Return what a comparison finds of one key."""
    return Comparison(
        recorder=1,
        bigquery=1,
        lost=+Counter({KEY: lost}),
        duplicated=+Counter({KEY: duplicated}),
        foreign=+Counter({KEY: foreign}),
        sampled=1,
        differences=[Difference(KEY, "mean", 1.0, 2.0)] * different,
    )


def ledger(*looks: int, exported_up_to: int = 0) -> TableLedger:
    """Return a ledger that saw so many rows of one key each time it was looked at."""
    remembered = TableLedger()
    remembered.exported_up_to = exported_up_to
    for number in looks:
        remembered.look_at((id_, KEY) for id_ in range(1, number + 1))
    return remembered


@pytest.mark.parametrize(
    ("comparison", "remembered"),
    [
        (found(), ledger(1)),
        (found(), ledger(1, 0)),  # it was never exported, and is gone
        (found(foreign=1), ledger(1, 0, exported_up_to=1)),
        (found(duplicated=1), ledger(2, 1)),
    ],
)
def test_what_damage_explains_is_right(comparison: Comparison, remembered: TableLedger) -> None:
    """What the recorder had once may be in BigQuery, and must be if it was exported."""
    assert judge_table(comparison, remembered, rows=1).ok


@pytest.mark.parametrize(
    ("comparison", "remembered", "wrong"),
    [
        (found(lost=1), ledger(1), "lost"),
        (found(), ledger(1, 0, exported_up_to=1), "lost"),
        (found(duplicated=1), ledger(1), "duplicated"),
        (found(duplicated=2), ledger(2, 1), "duplicated"),
        (found(foreign=2), ledger(1, 0), "duplicated"),
        (found(foreign=1), ledger(), "invented"),
        (found(different=1), ledger(1), "different"),
    ],
)
def test_what_is_wrong_is_found(
    comparison: Comparison, remembered: TableLedger, wrong: str
) -> None:
    """Each kind is named."""
    verdict = judge_table(comparison, remembered, rows=1)
    assert not verdict.ok
    assert getattr(verdict, wrong)


@pytest.mark.parametrize(
    ("comparison", "remembered", "lost", "destroyed"),
    [
        (found(), ledger(1, 0), 0, 1),
        (found(foreign=1), ledger(1, 0), 0, 0),  # it was exported in time
        (found(), ledger(1, 0, exported_up_to=1), 1, 1),
        (found(lost=1), ledger(1, 0, 1), 1, 0),  # a backup has brought it back
    ],
)
def test_what_cannot_be_read_any_more_is_destroyed(
    comparison: Comparison, remembered: TableLedger, lost: int, destroyed: int
) -> None:
    """It is no loss, unless it was exported or can be read again."""
    remembered.destroyed = Counter({KEY: 1})
    verdict = judge_table(comparison, remembered, rows=1)
    assert (verdict.lost.total(), verdict.destroyed.total()) == (lost, destroyed)
    assert verdict.ok is not bool(lost)


@pytest.mark.parametrize(
    ("gaps", "told"),
    [
        ({}, False),
        ({"events": (KEY[1] / 1e6 - 5, KEY[1] / 1e6 + 5)}, False),
        ({"sensor_data": (KEY[1] / 1e6 - 500, KEY[1] / 1e6 - 300)}, False),
        ({"sensor_data": (KEY[1] / 1e6 - 5, KEY[1] / 1e6 + 5)}, True),
    ],
)
def test_what_is_destroyed_is_told(gaps: dict[str, tuple[float, float]], told: bool) -> None:
    """It lies in a gap of its table; what was lost otherwise need not."""
    remembered = ledger(1, 0)
    remembered.destroyed = Counter({KEY: 1})
    assert judge_table(found(), remembered, rows=1).ok
    remembered.untold = Counter({KEY: 1})
    verdicts = {"sensor_data": judge_table(found(), remembered, rows=1)}
    assert without_told(verdicts, gaps)["sensor_data"].ok is told


def test_what_a_second_machine_had_is_owed(tmp_path: Path) -> None:
    """Its rows were never in the recorder that is judged, and must be in BigQuery."""
    database, copy = tmp_path / "home-assistant_v2.db", tmp_path / "copy.db"
    make(database, states=50, events=20, entities=5, days=0.1, statistics_days=0.1)
    ledger = Ledger()
    ledger.look_at(database)
    recorder_damage.back_up(database, copy)
    second = ledger.of_copy()
    with closing(sqlite3.connect(copy)) as recorder, recorder:
        recorder.execute(
            "INSERT INTO states (metadata_id, state, last_updated_ts)"
            " SELECT metadata_id, '1', last_updated_ts + 0.125 FROM states WHERE state_id = 7"
        )
    second.exported_up_to = dict.fromkeys(TABLES, 1_000)
    second.look_at(copy)
    (new,) = second["sensor_data"].now.keys() - ledger["sensor_data"].now.keys()
    assert ledger["sensor_data"].owed[new] == ledger["sensor_data"].ever[new] == 1
    assert ledger["sensor_data"].exported_up_to == 0

    comparison = replace(found(), foreign=Counter({new: 1}))
    ledger["sensor_data"].owed = Counter({new: 1})
    assert judge_table(comparison, ledger["sensor_data"], rows=1).ok
    assert judge_table(found(), ledger["sensor_data"], rows=1).lost == {new: 1}
    comparison = replace(found(), foreign=Counter({new: 2}))
    assert judge_table(comparison, ledger["sensor_data"], rows=1).duplicated == {new: 1}


def test_a_ledger_remembers_what_damage_takes(tmp_path: Path) -> None:
    """Rows of all tables are remembered, with what they were like, and what of them is owed."""
    database = tmp_path / "home-assistant_v2.db"
    make(database, states=500, events=500, entities=20, days=0.1, statistics_days=1)
    ledger = Ledger()
    ledger.exported_up_to = dict.fromkeys(TABLES, 100)
    ledger.look_at(database)
    assert all(remembered.now for remembered in ledger.values())
    before = {table: remembered.now for table, remembered in ledger.items()}

    for table in ("sensor_data", "statistics", "statistics_short_term", "events"):
        # Five minutes are purged by their time, and these are all of the first period.
        assert recorder_damage.purge(database, table, 10, up_to=7) == 7
        recorder_damage.delete_newest(database, table, 20)
    with closing(sqlite3.connect(database)) as recorder, recorder:
        recorder.execute("UPDATE statistics SET sum = 1.5 WHERE id = 50")
        recorder.execute("UPDATE recorder_runs SET closed_incorrect = TRUE")
    ledger.look_at(database)

    for table in ("sensor_data", "statistics", "statistics_short_term", "events"):
        remembered = ledger[table]
        assert remembered.now.total() < before[table].total()
        assert remembered.ever == before[table]
        purged = remembered.owed - remembered.now
        assert 0 < purged.total() <= 7
    for recorded in RECORDED:
        versions = ledger[recorded.name].versions
        assert versions.keys() == before[recorded.name].keys()
        changed = sum(len(rows) - 1 for rows in versions.values())
        assert changed == (recorded.name in ("statistics", "recorder_runs"))
