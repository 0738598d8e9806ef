"""Comparing rows by their hashes, and by their counts."""

from collections import Counter
from typing import Any

from custom_components.bigquery_export.export.reconcile.comparison import (
    Comparison,
    Counts,
    Keys,
    compared,
)
from custom_components.bigquery_export.export.reconcile.row_counts import CHECK, CountedRows, Tally
from custom_components.bigquery_export.export.reconcile.row_selection import RowSelection
from custom_components.bigquery_export.export.row_index import key_of
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows, RowKey
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS

type Row = tuple[str, int, int]


def compare(
    recorder: list[Row],
    bigquery: list[Row],
    *,
    newer: tuple[Row, ...] = (),
    rejected: tuple[Row, ...] = (),
    renamed: bool = True,
    corrected: bool = False,
) -> Comparison:
    """Compare rows; `newer` are in BigQuery, too, and beyond what is compared."""
    ours, theirs = Keys(), Keys()
    for row in recorder:
        ours.add(*row)
    for row in bigquery:
        theirs.add(*row)
    for row in newer:
        theirs.add(*row, ours=False)
    keys = Counter(key_of(name, time) for name, time, _ in rejected)
    return compared(ours, theirs, renamed=renamed, corrected=corrected, rejected=keys)


def test_rows_are_known_by_name_and_time() -> None:
    """What is missing, twice, or there alone is counted, whatever ids the rows have."""
    recorder = [("a", time, time) for time in range(200)]
    found = compare(recorder, [("a", time, time + 7) for time in range(200)])
    assert found.counts == Counts(recorder=200, bigquery=200)
    assert not +found.lacking
    found = compare(
        [*recorder, ("twin", 5, 900), ("twin", 5, 901)],
        [*recorder[3:], recorder[9], ("twin", 5, 900), ("gone", 1, 999), ("gone", 1, 999)],
    )
    assert found.counts == Counts(202, 201, missing=4, duplicated=2, only_in_bigquery=1)
    lacking = {key_of("a", time) for time in range(3)} | {key_of("twin", 5)}
    assert +found.lacking == Counter(lacking)


def test_renamed_rows() -> None:
    """A row under an older name is known by its time and id, where the recorder renames rows."""
    recorder, bigquery = [("new", 1, 1), ("new", 2, 2)], [("old", 1, 1), ("old", 2, 3)]
    found = compare(recorder, bigquery)
    assert found.counts == Counts(2, 2, missing=1, only_in_bigquery=1)
    assert +found.lacking == Counter([key_of("new", 2)])
    assert compare(recorder, bigquery, renamed=False).counts.missing == 2
    # The same row under both names is a row and another one that is not looked for.
    found = compare([("new", 1, 1)], [("new", 1, 1), ("old", 1, 1)])
    assert found.counts == Counts(1, 2, only_in_bigquery=1)


def test_rows_that_are_newer() -> None:
    """Rows that are exported meanwhile are no surplus, and still count where they are wanted."""
    row, other = ("a", 1, 1), ("b", 1, 90)
    assert compare([row], [row], newer=(other, row)).counts == Counts(1, 2)
    assert compare([row], [], newer=(("a", 1, 99),)).counts == Counts(1, 1)


def test_rejected_and_corrected_rows() -> None:
    """Rejected rows are not missing, and rows of statistics that were sent again not twice."""
    row = ("a", 1, 1)
    found = compare([row, ("b", 1, 2)], [], rejected=(row, row, ("c", 1, 3)))
    assert found.counts == Counts(2, missing=1, rejected=1)
    assert +found.lacking == Counter([key_of("b", 1)])
    found = compare([row], [row, row, row], corrected=True)
    assert found.counts == Counts(1, 3, corrected=2)


def test_sum() -> None:
    """Counts of several days are added one by one."""
    assert Counts.sum([Counts(1, 2, 3), Counts(4, rejected=5)]) == Counts(5, 2, 3, rejected=5)


def test_counts_by_name() -> None:
    """Counts and times that agree say that all is there; what they cannot say they leave open."""
    tally = Tally()
    for time in (10, CHECK + 20):
        tally.add("a", time)
    tally.add("b", 5)
    a, b = CountedRows(0, "a", 2, 2, 30), CountedRows(0, "b", 1, 1, 5)
    found = tally.agreement([a, b, CountedRows(0, "gone", 4, 4, 1)])
    assert found is not None
    assert found.counts == Counts(3, 7, only_in_bigquery=4)
    for others in (
        [a],
        [a, b._replace(rows=2)],
        [a, b._replace(checksum=6)],
        [a, b, CountedRows(0, "gone", 4, 3, 1)],
    ):
        assert tally.agreement(others) is None


def decoded(data: bytes) -> dict[str, Any]:
    """Return what a row holds."""
    return {"entity_id": data.decode()}


def test_selection() -> None:
    """Rows are selected by time and entity, of tables that tell of entities."""
    rows = EncodedRows()
    for id_, name in enumerate(("sensor.a", "sensor.b", "sensor.a", "sensor.a")):
        rows.add(id_, RowKey(name, id_, 0), name.encode())
    selection = RowSelection(start=1, end=3, entities=frozenset({"sensor.a"}))
    assert selection.of(rows, SENSOR_DATA, decoded).ids == [2]
    assert selection.of(rows, STATISTICS, decoded).ids == [2]
    told = selection.of(rows, EVENTS, decoded)
    assert told.ids == [2]
    assert RowSelection(start=2).of(rows, EVENTS, decoded).ids == [2, 3]
    assert RowSelection().of(rows, EVENTS, decoded) is rows
    tables = (SENSOR_DATA, STATISTICS, EVENTS, RECORDER_RUNS)
    assert [selection.may_have(table) for table in tables] == [True, True, True, False]
    assert RowSelection(start=1).may_have(RECORDER_RUNS)
