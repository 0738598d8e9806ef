"""Tests of the comparison: what is wrong in BigQuery must be found, and nothing else."""

from collections import Counter
from contextlib import closing
from datetime import datetime
import json
from pathlib import Path
import re
import sqlite3
from zoneinfo import ZoneInfo

import pytest

from .compare import compare, expected_rows, newest_state_id, number
from .comparison import Comparison, Difference, IncompleteAnswerError, Key, Values
from .recorder_database import make

TABLE = "project.dataset.sensor_data"
ZONE = "Europe/Amsterdam"
STATES = 3_000


class Table:
    """A table of BigQuery that understands the comparison's own queries."""

    def __init__(self, rows: list[Values], limit: int | None = None) -> None:
        """Hold the rows; with a limit, leave some out of long answers without a word."""
        self.rows = rows
        self.limit = limit

    def query(self, sql: str) -> list[Values]:
        """Answer as the REST API does: everything but NULL is text."""
        if "DIV(state_id, 1000)" in sql:
            blocks = Counter(row["state_id"] // 1000 for row in self.rows)
            return [
                {"block": str(block), "number_of_rows": str(number)}
                for block, number in sorted(blocks.items())
            ]
        if between := re.search(r"BETWEEN (\d+) AND (\d+)", sql):
            wanted = range(int(between[1]), int(between[2]) + 1)
            rows = [row for row in self.rows if row["state_id"] in wanted]
            return [
                {"entity_id": row["entity_id"], "updated": str(row["last_updated"])}
                for row in rows[: self.limit]
            ]
        ids = {int(text) for text in re.findall(r"\d+", sql.partition(" IN ")[2])}
        return [
            {name: self._text(value) for name, value in row.items()}
            for row in self.rows
            if row["state_id"] in ids
        ]

    @staticmethod
    def _text(value: object) -> str | None:
        if isinstance(value, dict):
            return json.dumps(value)
        return None if value is None else str(value)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recorder database of a day."""
    path = tmp_path_factory.mktemp("recorder") / "home-assistant_v2.db"
    make(path, states=STATES, days=1, statistics_days=1)
    return path


@pytest.fixture
def rows(database: Path) -> list[Values]:
    """Return all rows that BigQuery must hold."""
    with closing(sqlite3.connect(database)) as recorder:
        ids = [state_id for (state_id,) in recorder.execute("SELECT state_id FROM states")]
        return [row for _, row in expected_rows(recorder, ids, ZoneInfo(ZONE))]


def compare_with(database: Path, rows: list[Values], up_to: int = STATES) -> Comparison:
    """Compare the database with a table of these rows."""
    return compare(database, Table(rows).query, TABLE, up_to=up_to, time_zone=ZONE, sample=STATES)


def key_of(row: Values) -> Key:
    """Return what identifies a row."""
    return row["entity_id"], row["last_updated"]


def test_equal_is_ok(database: Path, rows: list[Values]) -> None:
    """All rows are there, and every value of every row is right."""
    comparison = compare_with(database, rows)
    assert comparison.ok
    assert (comparison.recorder, comparison.bigquery, comparison.sampled) == (STATES,) * 3


def test_a_missing_row_is_lost(database: Path, rows: list[Values]) -> None:
    """A row that BigQuery does not have is named."""
    missing = rows.pop(17)
    comparison = compare_with(database, rows)
    assert not comparison.ok
    assert comparison.lost == Counter([key_of(missing)])
    assert comparison.bigquery == STATES - 1


def test_a_row_twice_is_duplicated(database: Path, rows: list[Values]) -> None:
    """A row that BigQuery has three times counts twice."""
    rows += [rows[5], rows[5]]
    comparison = compare_with(database, rows)
    assert not comparison.ok
    assert comparison.duplicated == Counter([key_of(rows[5])] * 2)
    assert comparison.bigquery == STATES + 2
    assert not comparison.lost


def test_a_row_of_another_database_is_foreign(database: Path, rows: list[Values]) -> None:
    """A row that the recorder never had is found."""
    rows.append(rows[0] | {"last_updated": rows[0]["last_updated"] + 1})
    comparison = compare_with(database, rows)
    assert not comparison.ok
    assert comparison.foreign == Counter([key_of(rows[-1])])
    assert not comparison.duplicated


def test_later_rows_may_be_there_or_not(database: Path, rows: list[Values]) -> None:
    """What the recorder wrote after the export began is neither lost nor too much."""
    later = [row for row in rows if row["state_id"] > STATES - 10]
    comparison = compare_with(
        database, [row for row in rows if row not in later[:5]], up_to=STATES - 10
    )
    assert comparison.ok
    assert (comparison.recorder, comparison.bigquery) == (STATES - 10,) * 2


def test_a_later_row_twice_is_duplicated(database: Path, rows: list[Values]) -> None:
    """Nothing may be there twice, however late it came."""
    rows.append(rows[-1])
    comparison = compare_with(database, rows, up_to=STATES - 10)
    assert comparison.duplicated == Counter([key_of(rows[-1])])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "other"),
        ("attributes", {"friendly_name": "Other"}),
        ("friendly_name", None),
        ("context_id", "01M7YHNE2YEZ440E92MWPV94HA"),
        ("state_numeric", 1.0000001),
        ("is_available", None),
        ("local_time", datetime(2026, 1, 1)),
    ],
)
def test_a_wrong_value_is_a_difference(
    database: Path, rows: list[Values], column: str, value: object
) -> None:
    """One wrong value in one row is found, in its column."""
    right = rows[3][column]
    rows[3] = rows[3] | {column: value}
    comparison = compare_with(database, rows)
    assert comparison.differences == [Difference(key_of(rows[3]), column, right, value)]
    assert not comparison.ok


@pytest.mark.parametrize(
    ("state", "value"),
    [
        ("21.5", 21.5),
        ("-0", 0.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("007", 7.0),
        ("1e400", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("1,5", None),
        ("0x1F", None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_number_is(state: str | None, value: float | None) -> None:
    """A finite decimal number is one, what only Python reads as one is not."""
    assert number(state) == value


def test_an_answer_that_is_cut_short_is_noticed(database: Path, rows: list[Values]) -> None:
    """Rows that BigQuery has but did not return are not taken for lost ones."""
    with pytest.raises(IncompleteAnswerError):
        compare(database, Table(rows, limit=900).query, TABLE, up_to=STATES, time_zone=ZONE)


def test_newest_state_id(database: Path) -> None:
    """The newest id is the highest."""
    assert newest_state_id(database) == STATES
