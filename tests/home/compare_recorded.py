"""Compare the recorder's statistics, events and runs with BigQuery: every row, value by value."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
import operator
from pathlib import Path

from .compare import compare
from .comparison import (
    Comparison,
    Comparisons,
    Difference,
    Key,
    Query,
    Values,
    compare_keys,
    reading,
    rows_by_id,
)
from .local_time import Place
from .recorded import RECORDED, STATES, Kind, RecordedTable, parsed

type Versions = Mapping[Key, Collection[tuple[object, ...]]]
"""Rows as they were at some time, as `RecordedTable.tuple` has them."""


def compare_all(
    database: Path,
    query: Query,
    dataset: str,
    *,
    up_to: Mapping[str, int],
    place: Place,
    sample: int,
    versions: Mapping[str, Versions] | None = None,
) -> Comparisons:
    """Compare all tables of `project.dataset`, of the states a sample value by value.

    `up_to` is the highest id of each table that must have been exported.
    """
    states = compare(
        database,
        query,
        f"{dataset}.{STATES}",
        up_to=up_to[STATES],
        time_zone=place.time_zone,
        sample=sample,
    )
    return {STATES: states} | {
        table.name: compare_recorded(
            database,
            query,
            dataset,
            table,
            up_to=up_to[table.name],
            place=place,
            versions=(versions or {}).get(table.name),
        )
        for table in RECORDED
    }


def compare_recorded(
    database: Path,
    query: Query,
    dataset: str,
    table: RecordedTable,
    *,
    up_to: int,
    place: Place,
    versions: Versions | None = None,
) -> Comparison:
    """Compare one table of `project.dataset` with the recorder at `database`.

    `up_to` is the highest id that must have been exported. A row may also be as one of its
    `versions` was, which the recorder had before.
    """
    must: Counter[Key] = Counter()
    may: Counter[Key] = Counter()
    expected: defaultdict[Key, list[tuple[object, ...]]] = defaultdict(list)
    with reading(database) as recorder:
        for values in table.rows(recorder, place):
            key = table.key(values)
            expected[key].append(table.tuple(values))
            (must if values[table.id] <= up_to else may)[key] += 1
    there: Counter[Key] = Counter()
    differences: list[Difference] = []
    for values in _found(query, dataset, table):
        key = table.key(values)
        there[key] += 1
        differences += _differences(table, key, expected[key], table.tuple(values), versions or {})
    sampled = sum(n for key, n in there.items() if key in must or key in may)
    return compare_keys(must, may, there, sampled=sampled, differences=differences)


def _found(query: Query, dataset: str, table: RecordedTable) -> Iterator[Values]:
    """Yield all rows of a table in BigQuery."""
    columns = ", ".join(
        f"UNIX_MICROS(`{name}`) AS `{name}`" if kind is Kind.TIME else f"`{name}`"
        for name, kind in table.columns.items()
    )
    for rows in rows_by_id(query, f"{dataset}.{table.name}", table.id, columns):
        for row in rows:
            yield parsed(table, row)


def _differences(
    table: RecordedTable,
    key: Key,
    expected: list[tuple[object, ...]],
    found: tuple[object, ...],
    versions: Versions,
) -> Iterator[Difference]:
    """Yield the values that differ from the row of the recorder that is most like the found one.

    Each of the rows that are expected is found once, and taken out. If none is left, the found
    row is too much, or of another recorder.
    """
    if found in expected:
        expected.remove(found)
    elif expected and found not in versions.get(key, ()):
        right = max(expected, key=lambda row: sum(map(operator.eq, row, found, strict=True)))
        for name, recorder, bigquery in zip(table.columns, right, found, strict=True):
            if recorder != bigquery:
                yield Difference(key, name, recorder, bigquery)
