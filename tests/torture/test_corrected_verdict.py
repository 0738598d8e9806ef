"""Tests of the verdict on statistics: what is wrong is found, and what may be so is not."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
import sqlite3

import pytest

from tests.home.comparison import Key
from tests.home.recorded import TABLES
from tests.home.recorder_database import make

from . import recorder_damage
from .corrected_ledger import CORRECTED
from .corrected_verdict import Found, Sent, Version, judge_corrected, recorded
from .ledger import Ledger, rows_by_id
from .verdict import Verdict

LONG = "statistics"
SHORT = "statistics_short_term"
LAST = 1 << 62
END = 1_795_266_060.0
"""2026-11-21 13:01, UTC: what is left of a day after a purge depends on the time of day."""


@pytest.fixture(name="home")
def home_fixture(tmp_path: Path) -> Home:
    """Return a recorder whose statistics were exported, and are shown as they are."""
    return Home(tmp_path / "home-assistant_v2.db")


class Home:
    """A recorder, what is remembered of it, and what BigQuery has of its statistics."""

    def __init__(self, database: Path) -> None:
        """Make the recorder, and export it once with a check for corrections."""
        make(database, states=100, entities=20, days=1, statistics_days=1, end=END)
        self.database = database
        self.ledger = Ledger()
        self.ledger.look_at(database)
        self.shown: dict[str, dict[Key, Version]] = {LONG: {}, SHORT: {}}
        self.sent: dict[str, list[Sent]] = {LONG: [], SHORT: []}
        for table, rows in self.rows().items():
            self.shown[table] = dict(rows)
            self.sent[table] = [self.as_sent(table, *row, "run") for row in rows.items()]
        self.ledger.exported_up_to = dict.fromkeys(TABLES, LAST)
        for corrected in self.ledger.corrected.values():
            corrected.looked_up_to = LAST
        self.ledger.look_at(database)

    def rows(self) -> dict[str, dict[Key, Version]]:
        """Return the rows that the recorder has now."""
        return {
            name: {key: row.version for key, row in recorded(self.database, table, LAST).items()}
            for name, table in CORRECTED.items()
        }

    def as_sent(self, table: str, key: Key, version: Version, export_id: str) -> Sent:
        """Return a row as an export has sent it."""
        columns = [*CORRECTED[table].columns]
        id_ = version[columns.index("id")]
        assert isinstance(id_, int)
        return Sent(key, id_, version, export_id)

    def execute(self, statement: str, *parameters: object) -> None:
        """Change the recorder, which is looked at before and afterwards."""
        before = rows_by_id(self.database)
        with closing(sqlite3.connect(self.database)) as recorder, recorder:
            recorder.execute(statement, parameters)
        self.ledger.corrected_since(before, rows_by_id(self.database))
        self.ledger.look_at(self.database)

    def show(self, table: str) -> None:
        """Show what the recorder has now, as a check for corrections would."""
        new = self.rows()[table]
        changed = {key: row for key, row in new.items() if self.shown[table].get(key) != row}
        self.sent[table] += [self.as_sent(table, *row, "look") for row in changed.items()]
        self.shown[table] = new

    def judge(self, table: str, *, up_to: int = LAST, twice: Iterable[Key] = ()) -> Verdict:
        """Judge what is shown, some of it twice."""
        found = Found(
            rows=len(self.sent[table]),
            shown=[
                *self.shown[table].items(),
                *((key, self.shown[table][key]) for key in twice),
            ],
            sent=self.sent[table],
            runs={"run", "other run"},
        )
        return judge_corrected(
            CORRECTED[table],
            recorded(self.database, CORRECTED[table], up_to),
            found,
            self.ledger.corrected[table],
        )

    def some(self, table: str) -> Key:
        """Return one of the rows that are shown."""
        return sorted(self.shown[table])[len(self.shown[table]) // 2]


@pytest.mark.parametrize("table", CORRECTED)
def test_what_is_as_it_should_be_is_right(home: Home, table: str) -> None:
    """Nothing is found where nothing is wrong, before a correction and after it was looked for."""
    assert home.judge(table).ok
    home.execute(f"UPDATE {table} SET sum = sum + 5, state = state + 5")  # noqa: S608
    assert not home.judge(table).ok
    home.show(table)
    assert home.judge(table).ok


@pytest.mark.parametrize("table", CORRECTED)
def test_a_wrong_value_is_found(home: Home, table: str) -> None:
    """The value of a row that was corrected, but not sent again, is named."""
    home.execute(f"UPDATE {table} SET mean = 47.11 WHERE id = 7")  # noqa: S608
    verdict = home.judge(table)
    assert len(verdict.different) == 1
    assert "column='mean', recorder=47.11" in verdict.different[0]


def test_a_value_that_never_was_is_found_under_the_view(home: Home) -> None:
    """A version that the recorder never had must not have been sent, even if it is not shown."""
    key = home.some(LONG)
    version = (*home.shown[LONG][key][:-1], "never")
    home.sent[LONG].append(home.as_sent(LONG, key, version, "look"))
    assert "was never like that" in home.judge(LONG).different[0]


@pytest.mark.parametrize("table", CORRECTED)
def test_a_missing_row_is_found(home: Home, table: str) -> None:
    """A row of the recorder that is not shown is lost."""
    key = home.some(table)
    del home.shown[table][key]
    assert home.judge(table).lost == {key: 1}


def test_a_row_that_was_not_exported_yet_may_be_missing(home: Home) -> None:
    """A row that is newer than the last export is not lost."""
    newest = max(home.sent[LONG], key=lambda sent: sent.id)
    del home.shown[LONG][newest.key]
    assert home.judge(LONG, up_to=newest.id - 1).ok


def test_a_row_that_was_exported_and_is_gone_is_looked_for(home: Home) -> None:
    """A row that Home Assistant has cleared is still in the table under the view."""
    key = home.some(LONG)
    home.execute("DELETE FROM statistics WHERE id = ?", row_id(home, key))
    del home.shown[LONG][key]
    assert home.judge(LONG).ok
    home.sent[LONG] = [sent for sent in home.sent[LONG] if sent.key != key]
    assert home.judge(LONG).lost == {key: 1}


@pytest.mark.parametrize("table", CORRECTED)
def test_a_row_too_many_is_found(home: Home, table: str) -> None:
    """A row that is shown twice, or was never in the recorder, is named."""
    key = home.some(table)
    assert home.judge(table, twice=[key]).duplicated == {key: 1}
    home.shown[table]["sensor.made_up", key[1]] = home.shown[table][key]
    assert home.judge(table).invented == {("sensor.made_up", key[1]): 1}


def test_a_row_that_was_sent_twice_is_found(home: Home) -> None:
    """Two exports must not send the same; a check for corrections may, but only once."""
    key = home.some(LONG)
    sent = next(sent for sent in home.sent[LONG] if sent.key == key)
    home.sent[LONG].append(replace(sent, export_id="look"))
    assert home.judge(LONG).ok
    home.sent[LONG].append(replace(sent, export_id="look"))
    assert home.judge(LONG).duplicated == {key: 1}
    home.sent[LONG][-1] = replace(sent, export_id="other run")
    assert home.judge(LONG).duplicated == {key: 1}


@pytest.mark.parametrize("table", CORRECTED)
def test_a_cleared_row_that_is_still_shown_is_found(home: Home, table: str) -> None:
    """What Home Assistant has cleared must not be shown any more."""
    key = home.some(table)
    home.execute(f"DELETE FROM {table} WHERE id = ?", row_id(home, key, table))  # noqa: S608
    assert home.judge(table).outlived == {key: 1}
    home.show(table)
    assert home.judge(table).ok


def test_a_former_name_that_is_still_shown_is_found(home: Home) -> None:
    """A renamed statistic is shown under its new id, and under the old one no more."""
    home.execute("UPDATE statistics_meta SET statistic_id = 'sensor.new' WHERE id = 3")
    verdict = home.judge(LONG)
    assert verdict.outlived.total() == verdict.lost.total() > 0
    assert {key[0] for key in verdict.lost} == {"sensor.new"}
    home.show(LONG)
    assert home.judge(LONG).ok


def test_a_new_name_that_was_never_looked_at_is_not_owed(home: Home) -> None:
    """What was renamed and then cleared, with no check in between, was never sent by that name."""
    home.execute("UPDATE statistics_meta SET statistic_id = 'sensor.new' WHERE id = 3")
    home.execute("DELETE FROM statistics WHERE metadata_id = 3")
    home.show(LONG)
    assert home.judge(LONG).ok


def test_what_another_database_had_may_be_shown(home: Home, tmp_path: Path) -> None:
    """A database that takes the place of another one is no correction."""
    recorder_damage.remove(home.database)
    home.ledger.replaced()
    make(home.database, states=100, entities=20, days=0.1, statistics_days=0.2, seed=2)
    home.ledger.exported_up_to = dict.fromkeys(TABLES, 0)
    home.ledger.look_at(home.database)
    old = home.shown[LONG]
    home.show(LONG)
    home.shown[LONG] = old | home.shown[LONG]
    assert home.judge(LONG).ok

    # What was found in the new one by a check is known again.
    home.ledger.corrected[LONG].looked_up_to = LAST
    home.ledger.look_at(home.database)
    key = max(home.rows()[LONG], key=lambda key: key[1])
    home.execute("DELETE FROM statistics WHERE id = ?", row_id(home, key))
    assert home.judge(LONG).outlived == {key: 1}


def test_what_was_purged_must_be_shown(home: Home) -> None:
    """Five minutes that the recorder has purged after an export stay as they were."""
    assert recorder_damage.purge(home.database, SHORT, 500, up_to=LAST)
    home.ledger.look_at(home.database)
    purged = home.shown[SHORT].keys() - home.rows()[SHORT].keys()
    assert home.judge(SHORT).ok

    key = min(purged, key=lambda key: key[1])
    del home.shown[SHORT][key]
    assert home.judge(SHORT).lost == {key: 1}


def test_what_is_left_of_a_day_after_a_purge_may_be_older(home: Home) -> None:
    """It cannot be compared by itself; what is of another day, and of hours, can."""
    recorder_damage.purge(home.database, SHORT, 500, up_to=LAST)
    home.ledger.look_at(home.database)
    home.execute("UPDATE statistics_short_term SET state = 1, mean = 1")
    home.execute("UPDATE statistics SET state = 1, mean = 1")
    days = {wrong_day(text) for text in home.judge(SHORT).different}
    purged_day = min(key[1] for key in home.rows()[SHORT]) // 86_400_000_000
    assert days
    assert purged_day not in days
    assert home.judge(LONG).different


def restore_digests(home: Home, looks: int) -> None:
    """Restore the integration's files as they were after so many looks."""
    home.ledger.others_sent(looks)


@pytest.mark.parametrize("table", CORRECTED)
def test_what_changed_since_older_digests_may_be_shown_as_it_was(home: Home, table: str) -> None:
    """Digests of a backup can be like the recorder, while BigQuery was sent something else."""
    looks = home.ledger.looks
    home.execute(f"UPDATE {table} SET created_ts = created_ts + 5 WHERE id = 7")  # noqa: S608
    home.show(table)
    home.execute(f"UPDATE {table} SET created_ts = created_ts - 5 WHERE id = 7")  # noqa: S608
    assert home.judge(table).different
    restore_digests(home, looks)
    assert home.judge(table).ok


def test_what_changed_since_older_digests_may_be_hidden_but_must_be_there(home: Home) -> None:
    """A row that was deleted, and came back with a backup, is still under the view."""
    key = home.some(LONG)
    looks = home.ledger.looks
    home.execute("UPDATE statistics SET id = -id WHERE id = ?", row_id(home, key))
    home.execute("UPDATE statistics SET id = -id WHERE id < 0")
    del home.shown[LONG][key]
    assert home.judge(LONG).lost == {key: 1}
    restore_digests(home, looks)
    assert home.judge(LONG).ok
    home.sent[LONG] = [sent for sent in home.sent[LONG] if sent.key != key]
    assert home.judge(LONG).lost == {key: 1}


def test_what_is_sent_since_older_digests_may_be_shown_when_it_is_gone(home: Home) -> None:
    """The digests do not know of a row that was added since, nor that it was deleted."""
    looks = home.ledger.looks
    home.execute(
        "INSERT INTO statistics (metadata_id, start_ts, sum) SELECT 3, max(start_ts) + 3600, 1"
        " FROM statistics"
    )
    home.show(LONG)
    added = max(home.sent[LONG], key=lambda sent: sent.id)
    home.execute("DELETE FROM statistics WHERE id = ?", added.id)
    assert home.judge(LONG).outlived == {added.key: 1}
    restore_digests(home, looks)
    assert home.judge(LONG).ok


@pytest.mark.parametrize("table", CORRECTED)
def test_what_has_not_changed_since_older_digests_is_judged(home: Home, table: str) -> None:
    """It must be shown as it is, and what was deleted before must not be shown."""
    key, deleted = sorted(home.shown[table])[5], home.some(table)
    home.execute(f"DELETE FROM {table} WHERE id = ?", row_id(home, deleted, table))  # noqa: S608
    restore_digests(home, home.ledger.looks)
    assert home.judge(table).outlived == {deleted: 1}
    home.show(table)
    del home.shown[table][key]
    assert home.judge(table).lost == {key: 1}


def test_a_change_before_the_next_check_is_uncertain_and_one_after_it_is_not(home: Home) -> None:
    """The database may be restored after the digests; a check then compares both."""
    restore_digests(home, home.ledger.looks)
    home.execute("UPDATE statistics SET created_ts = created_ts + 5 WHERE id = 7")
    assert home.judge(LONG).ok
    home.ledger.corrected[LONG].looked_up_to = LAST
    home.ledger.look_at(home.database)
    home.execute("UPDATE statistics SET created_ts = created_ts + 5 WHERE id = 8")
    assert len(home.judge(LONG).different) == 1


def test_a_second_machine_may_have_the_last_word(home: Home, tmp_path: Path) -> None:
    """What it has changed may be shown, and what it had alone must be there."""
    copy = tmp_path / "copy.db"
    recorder_damage.back_up(home.database, copy)
    looks, second = home.ledger.looks, home.ledger.of_copy()
    with closing(sqlite3.connect(copy)) as recorder, recorder:
        recorder.execute("UPDATE statistics SET created_ts = created_ts + 5 WHERE id = 7")
        recorder.execute(
            "INSERT INTO statistics (metadata_id, start_ts, sum) SELECT 3, max(start_ts) + 3600, 1"
            " FROM statistics"
        )
    second.look_at(copy)
    home.ledger.others_sent(looks, second)
    rows = recorded(copy, CORRECTED[LONG], LAST)
    new = next(key for key in rows if key not in home.shown[LONG])
    assert home.judge(LONG).lost == {new: 1}

    for key, row in rows.items():
        if home.shown[LONG].get(key) != row.version:
            home.shown[LONG][key] = row.version
            home.sent[LONG].append(home.as_sent(LONG, key, row.version, "other run"))
    assert home.judge(LONG).duplicated  # A correction is one of a check.
    home.sent[LONG] = [
        replace(sent, export_id="look") if sent.export_id == "other run" else sent
        for sent in home.sent[LONG]
    ]
    assert home.judge(LONG).ok
    assert home.judge(LONG, twice=[new]).duplicated == {new: 1}


def wrong_day(text: str) -> int:
    """Return the day of a difference, in days since 1970."""
    return int(text.partition("key=(")[2].partition(")")[0].split(", ")[1]) // 86_400_000_000


def row_id(home: Home, key: Key, table: str = LONG) -> int:
    """Return the recorder's id of a row."""
    return {key: id_ for id_, key in rows_by_id(home.database)[table].items()}[key]
