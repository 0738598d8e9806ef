"""A history of a home: its rows, value by value, wherever they are.

Times are microseconds since 1970, and JSON has its keys in order.
"""

from collections import Counter
import json
from typing import Any, NamedTuple

type Rows = Counter[Any]
type History = dict[str, Rows]
"""Rows by what they are of, each as often as it is there."""

STATISTICS = frozenset({"statistics", "statistics_short_term"})


class StateRow(NamedTuple):
    """A state, as `history` returns it: one that was removed is an empty text."""

    entity_id: str
    state: str
    attributes: str
    last_changed: int
    last_updated: int
    domain: str
    friendly_name: str | None
    unit_of_measurement: str | None
    device_class: str | None
    state_class: str | None


class ContextRow(NamedTuple):
    """What `history` leaves out of a state."""

    entity_id: str
    last_updated: int
    state: str | None
    context_id: str | None
    context_user_id: str | None
    context_parent_id: str | None


class StatisticRow(NamedTuple):
    """A row of statistics, in the unit that the recorder has it in, and with its metadata."""

    statistic_id: str
    start: int
    end: int
    mean: float | None
    min: float | None
    max: float | None
    last_reset: int | None
    state: float | None
    sum: float | None
    change: float | None
    mean_weight: float | None
    created: int
    statistic_source: str
    name: str | None
    unit_of_measurement: str | None
    unit_class: str | None
    mean_type: str
    has_sum: bool


class EventRow(NamedTuple):
    """An event."""

    event_type: str
    time_fired: int
    event_data: str | None
    origin: str
    context_id: str | None
    context_user_id: str | None
    context_parent_id: str | None


class RunRow(NamedTuple):
    """A run of the recorder that has ended."""

    start: int
    end: int
    closed_incorrect: bool
    created: int


class SchemaChangeRow(NamedTuple):
    """A migration of the recorder's database."""

    changed: int
    schema_version: int | None


class StatisticsRunRow(NamedTuple):
    """Five minutes of which there are statistics."""

    start: int


def canonical(value: object) -> str:
    """Return JSON as the one text that says the same."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def counts(history: History) -> Counter[str]:
    """Return how many rows each table has."""
    return Counter({table: rows.total() for table, rows in history.items() if table != "contexts"})


def differences(expected: History, found: History) -> dict[str, tuple[Rows, Rows]]:
    """Return the rows that are missing, and those that are too many, of what has either."""
    return {
        name: (expected[name] - found[name], found[name] - expected[name])
        for name in expected.keys() | found.keys()
        if expected[name] != found[name]
    }


def together(*histories: History) -> History:
    """Return all that several histories have, a row as often as the one that has most of it.

    Of statistics it is the newest version of each, which is the one of the last history.
    """
    merged: History = {}
    for history in histories:
        for name, rows in history.items():
            before = merged.get(name, Counter())
            merged[name] = _latest(before, rows) if name in STATISTICS else before | rows
    return merged


def _latest(before: Rows, after: Rows) -> Rows:
    """Return the newest version of each row of statistics, with the change that it then is."""
    versions = {row[:2]: StatisticRow(*row) for rows in (before, after) for row in rows}
    latest: Rows = Counter()
    sums: dict[str, float] = {}
    for _, row in sorted(versions.items()):
        change = None if row.sum is None else row.sum - sums.get(row.statistic_id, 0)
        latest[row._replace(change=change)] += 1
        if row.sum is not None:
            sums[row.statistic_id] = row.sum
    return latest
