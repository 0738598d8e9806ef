"""Tests of the comparison of all other tables: what is wrong must be found, and nothing else."""

from collections import Counter
from contextlib import closing
from datetime import datetime
import json
from pathlib import Path
import re
import sqlite3

import pytest

from .compare_recorded import Versions, compare_recorded
from .comparison import Comparison, Difference, IncompleteAnswerError, Key, Values, reading
from .home_assistant import PLACE
from .local_time import local_values
from .recorded import EVENTS, RECORDED, Kind, RecordedTable, newest_ids, parsed
from .recorder_database import make

DATASET = "project.dataset"
TABLES = {table.name: table for table in RECORDED}
ON_EACH_TABLE = pytest.mark.parametrize("table", RECORDED, ids=lambda table: table.name)


class Answers:
    """A table of BigQuery that understands the comparison's own queries."""

    def __init__(self, table: RecordedTable, rows: list[Values], limit: int | None = None) -> None:
        """Hold the rows; with a limit, leave some out of long answers without a word."""
        self.table = table
        self.rows = rows
        self.limit = limit

    def query(self, sql: str) -> list[Values]:
        """Answer as the REST API does: everything but NULL is text."""
        assert f"`{DATASET}.{self.table.name}`" in sql
        ids = [row[self.table.id] for row in self.rows]
        if f"DIV({self.table.id}, 1000)" in sql:
            blocks = Counter(id_ // 1000 for id_ in ids)
            return [
                {"block": str(block), "number_of_rows": str(number)}
                for block, number in sorted(blocks.items())
            ]
        between = re.search(rf"{self.table.id} BETWEEN (\d+) AND (\d+)", sql)
        assert between is not None
        wanted = range(int(between[1]), int(between[2]) + 1)
        return [self._answer(row) for row in self.rows if row[self.table.id] in wanted][
            : self.limit
        ]

    def _answer(self, row: Values) -> Values:
        return {
            name: None
            if row[name] is None
            else str(row[name]).lower()
            if kind is Kind.BOOL
            else str(row[name])
            for name, kind in self.table.columns.items()
        }


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recorder database of some hours, with meters that are reset, and many runs."""
    path = tmp_path_factory.mktemp("recorder") / "home-assistant_v2.db"
    make(path, states=100, events=1_000, entities=20, days=0.2, statistics_days=2)
    with closing(sqlite3.connect(path)) as recorder, recorder:
        recorder.execute("UPDATE statistics SET last_reset_ts = start_ts - 0.25 WHERE id % 2 = 0")
        recorder.executemany(
            'INSERT INTO recorder_runs (start, "end", closed_incorrect, created)'
            ' SELECT datetime(start, ?) || ".000001", "end", TRUE, created FROM recorder_runs'
            " WHERE run_id = 1",
            [(f"-{days} days",) for days in range(1, 6)],
        )
        recorder.executemany(
            "INSERT INTO schema_changes (schema_version, changed)"
            ' SELECT schema_version + ?, datetime(changed, ?) || ".000001" FROM schema_changes'
            " WHERE change_id = 1",
            [(versions, f"+{versions} minutes") for versions in range(1, 6)],
        )
    return path


@pytest.fixture
def rows(database: Path, table: RecordedTable) -> list[Values]:
    """Return all rows that BigQuery must hold of a table."""
    with reading(database) as recorder:
        return list(table.rows(recorder, PLACE))


def compare_with(
    database: Path,
    table: RecordedTable,
    rows: list[Values],
    *,
    up_to: int | None = None,
    limit: int | None = None,
    versions: Versions | None = None,
) -> Comparison:
    """Compare the database with a table of these rows."""
    return compare_recorded(
        database,
        Answers(table, rows, limit).query,
        DATASET,
        table,
        up_to=newest_ids(database)[table.name] if up_to is None else up_to,
        place=PLACE,
        versions=versions,
    )


def wrong(kind: Kind, value: object) -> object:
    """Return another value for a column, as little away as can be."""
    match value:
        case None if kind is Kind.JSON:
            return "{}"
        case None:
            return {Kind.FLOAT: 1.0, Kind.TEXT: "", Kind.TIME: 0}[kind]
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * (1 + 2**-50)
        case datetime():
            return value.replace(microsecond=(value.microsecond + 1) % 1_000_000)
        case str() if kind is Kind.JSON:
            return json.dumps(json.loads(value) | {"other": None}, sort_keys=True)
    return f"{value} "


def a_column(table: RecordedTable) -> str:
    """Return a column by which a row is not known."""
    return next(name for name in ("end", "origin", "schema_version") if name in table.columns)


@ON_EACH_TABLE
def test_equal_is_ok(database: Path, table: RecordedTable, rows: list[Values]) -> None:
    """All rows are there, and every value of every row is right."""
    comparison = compare_with(database, table, rows)
    assert comparison.ok
    assert comparison.recorder == comparison.bigquery == comparison.sampled == len(rows) > 0


@ON_EACH_TABLE
def test_a_missing_row_is_lost(database: Path, table: RecordedTable, rows: list[Values]) -> None:
    """A row that BigQuery does not have is named."""
    missing = rows.pop(len(rows) // 2)
    comparison = compare_with(database, table, rows)
    assert not comparison.ok
    assert comparison.lost == Counter([table.key(missing)])
    assert comparison.bigquery == comparison.recorder - 1


@ON_EACH_TABLE
def test_a_row_twice_is_duplicated(
    database: Path, table: RecordedTable, rows: list[Values]
) -> None:
    """A row that BigQuery has three times counts twice, under whatever id of the recorder."""
    rows += [rows[0], rows[0] | {table.id: rows[-1][table.id] + 1}]
    comparison = compare_with(database, table, rows)
    assert not comparison.ok
    assert comparison.duplicated == Counter([table.key(rows[0])] * 2)
    assert not comparison.lost + comparison.foreign


@ON_EACH_TABLE
def test_a_row_of_another_database_is_foreign(
    database: Path, table: RecordedTable, rows: list[Values]
) -> None:
    """A row that the recorder never had is found."""
    time = table.identity[1]
    rows.append(rows[0] | {time: rows[0][time] + 1})
    comparison = compare_with(database, table, rows)
    assert not comparison.ok
    assert comparison.foreign == Counter([table.key(rows[-1])])
    assert not comparison.duplicated


@ON_EACH_TABLE
def test_later_rows_may_be_there_or_not(
    database: Path, table: RecordedTable, rows: list[Values]
) -> None:
    """What the recorder wrote after the export began is neither lost nor too much, but right."""
    up_to = rows[-3][table.id]
    comparison = compare_with(database, table, rows[:-1], up_to=up_to)
    assert comparison.ok
    assert comparison.recorder == comparison.bigquery == len(rows) - 2

    column = a_column(table)
    rows[-2] = rows[-2] | {column: wrong(table.columns[column], rows[-2][column])}
    assert compare_with(database, table, rows[:-1], up_to=up_to).differences


@ON_EACH_TABLE
def test_a_wrong_value_is_a_difference(
    database: Path, table: RecordedTable, rows: list[Values]
) -> None:
    """One wrong value in one row is found, in each column."""
    columns = [name for name in table.columns if name not in (*table.identity, table.id)]
    expected = []
    for number, column in enumerate(columns):
        right = rows[number]
        rows[number] = right | {column: wrong(table.columns[column], right[column])}
        expected.append(Difference(table.key(right), column, right[column], rows[number][column]))
    comparison = compare_with(database, table, rows)
    assert comparison.differences == expected
    assert not comparison.ok


@ON_EACH_TABLE
def test_a_wrong_id_is_a_difference(
    database: Path, table: RecordedTable, rows: list[Values]
) -> None:
    """The recorder's id is a value, too."""
    rows[-1] = rows[-1] | {table.id: rows[-1][table.id] + 1}
    comparison = compare_with(database, table, rows)
    assert [difference.column for difference in comparison.differences] == [table.id]


def test_of_two_rows_with_one_key_each_must_be_there(database: Path, tmp_path: Path) -> None:
    """That one of them is there twice is not that both are."""
    table = TABLES["events"]
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as recorder:
        source.backup(recorder)
        with recorder:
            recorder.execute("UPDATE events SET time_fired_ts = 1790000000.5")
        rows = list(table.rows(recorder, PLACE))
    assert compare_with(copy, table, rows).ok
    same = [row for row in rows if row["event_type"] == "zha_event"]
    rows[rows.index(same[1])] = same[0]
    comparison = compare_with(copy, table, rows)
    assert not comparison.lost + comparison.duplicated + comparison.foreign
    columns = {difference.column for difference in comparison.differences}
    assert {"event_id", "context_id"} <= columns


@ON_EACH_TABLE
def test_a_row_may_be_as_it_was(database: Path, table: RecordedTable, rows: list[Values]) -> None:
    """A version that the recorder has had is right, and no other."""
    column = a_column(table)
    before = rows[1] | {column: wrong(table.columns[column], rows[1][column])}
    key = table.key(before)
    now = [rows[0], before, *rows[2:]]
    assert compare_with(database, table, now, versions={key: {table.tuple(before)}}).ok
    assert not compare_with(database, table, now, versions={key: {table.tuple(rows[0])}}).ok


def test_an_answer_that_is_cut_short_is_noticed(database: Path) -> None:
    """Rows that BigQuery has but did not return are not taken for lost ones."""
    table = TABLES["statistics"]
    with reading(database) as recorder:
        rows = list(table.rows(recorder, PLACE))
    with pytest.raises(IncompleteAnswerError):
        compare_with(database, table, rows, limit=100)


def test_only_chosen_events_are_wanted(database: Path) -> None:
    """Of the actions those of scenes alone; all others by their type."""
    with reading(database) as recorder:
        rows = list(TABLES["events"].rows(recorder, PLACE))
        numbers = dict(
            recorder.execute(
                "SELECT types.event_type, count(*) FROM events"
                " JOIN event_types AS types USING (event_type_id) GROUP BY types.event_type"
            )
        )
    found = Counter(row["event_type"] for row in rows)
    assert 0 < found["call_service"] < numbers["call_service"]
    assert {row["domain"] for row in rows if row["event_type"] == "call_service"} == {"scene"}
    assert found.keys() - {"call_service"} == set(EVENTS) - {"call_service.scene"}
    assert all(found[name] == numbers[name] for name in found.keys() - {"call_service"})


def test_runs_from_the_first_that_has_not_ended_on_are_not_wanted(
    database: Path, tmp_path: Path
) -> None:
    """The current run, and all behind it, are neither wanted nor the newest."""
    table = TABLES["recorder_runs"]
    with closing(sqlite3.connect(database)) as source:
        copy = sqlite3.connect(tmp_path / "copy.db")
        source.backup(copy)
    with closing(copy), copy:
        copy.execute("DELETE FROM recorder_runs")
        copy.executemany(
            'INSERT INTO recorder_runs VALUES (?, ?, ?, FALSE, "2026-11-20 08:00:00.000001")',
            [
                (4, "2026-11-20 08:00:00.000000", "2026-11-20 09:00:00.000000"),
                (5, "2026-11-20 09:00:20.000000", None),
                (6, "2026-11-20 10:00:00.000000", "2026-11-20 11:00:00.000000"),
            ],
        )
    with reading(tmp_path / "copy.db") as recorder:
        (row,) = table.rows(recorder, PLACE)
    assert row == {
        "start": 1_795_161_600_000_000,
        "end": 1_795_165_200_000_000,
        "closed_incorrect": False,
        "created": 1_795_161_600_000_001,
        "run_id": 4,
    }
    assert newest_ids(tmp_path / "copy.db")["recorder_runs"] == 4


def test_keys(database: Path) -> None:
    """A statistic is known by its id and time, an event by type and time, others by their time."""
    firsts: dict[str, Key] = {}
    with reading(database) as recorder:
        for table in RECORDED:
            values = next(table.rows(recorder, PLACE))
            firsts[table.name] = table.key(values)
            time = values[table.identity[1]]
            assert firsts[table.name][1] == time
    assert firsts["statistics"][0] == "sensor.wind_direction"
    assert firsts["events"][0] in ("call_service", *EVENTS)
    assert firsts["recorder_runs"][0] == "recorder_runs"
    assert firsts["schema_changes"][0] == "schema_changes"


def test_values_of_an_answer() -> None:
    """What the REST API has as text becomes what it stands for."""
    row = dict.fromkeys(TABLES["events"].columns, None) | {
        "event_data": '{"b": 1, "a": [null]}',
        "time_fired": "1795161600000000",
        "local_time": "2026-11-20T09:00:00",
        "is_weekend": "false",
        "hour_of_day": "9",
    }
    assert {k: v for k, v in parsed(TABLES["events"], row).items() if v is not None} == {
        "event_data": '{"a": [null], "b": 1}',
        "time_fired": 1_795_161_600_000_000,
        "local_time": datetime(2026, 11, 20, 9),
        "is_weekend": False,
        "hour_of_day": 9,
    }


@pytest.mark.parametrize(
    ("time", "values"),
    [
        # 2026-10-25 00:59:59.000001 UTC is the last second before the clocks were changed.
        (
            1_792_889_999_000_001,
            (datetime(2026, 10, 25, 2, 59, 59, 1), 2, 7, 10, True, False, "night", "autumn"),
        ),
        (
            1_792_890_000_000_000,
            (datetime(2026, 10, 25, 2), 2, 7, 10, True, False, "night", "autumn"),
        ),
        # Sunrise is at 08:20:30 on 2026-11-23, a Monday.
        (
            1_795_418_999_999_999,
            (
                datetime(2026, 11, 23, 8, 29, 59, 999_999),
                8,
                1,
                11,
                False,
                False,
                "morning",
                "autumn",
            ),
        ),
        (
            1_795_419_000_000_000,
            (datetime(2026, 11, 23, 8, 30), 8, 1, 11, False, True, "morning", "autumn"),
        ),
        (
            1_781_978_400_000_000,
            (datetime(2026, 6, 20, 20), 20, 6, 6, True, True, "evening", "summer"),
        ),
    ],
)
def test_local_values(time: int, values: tuple[object, ...]) -> None:
    """They are those of a clock and the sky in Amsterdam."""
    assert tuple(local_values(time, PLACE).values()) == values
