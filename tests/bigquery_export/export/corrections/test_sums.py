"""Sums by statistic and period, and what is known of them."""

from typing import Any

import pytest

from custom_components.bigquery_export.export.corrections.digests import Digests, Periods, day
from custom_components.bigquery_export.export.corrections.sums import (
    Known,
    Sums,
    known_from_json,
    known_of,
)
from custom_components.bigquery_export.source.statistics_sums import DaySum
from tests.bigquery_export.support.digests import DAY, METER, START, digests, piece, row

STATISTICS = {1: METER, 2: METER, 3: METER._replace(statistic_id="sensor.other")}
ID = METER.statistic_id


def sums(*days: DaySum, statistics: Any = STATISTICS) -> Sums:
    """Return sums by day."""
    found = Sums(Periods(day), statistics)
    found.add(days)
    return found


def of(found: Sums, statistic_id: str = ID) -> list[int | None]:
    """Return the sums of a statistic in the order of periods."""
    return [period.sum for _, period in sorted(found.by_statistic.get(statistic_id, {}).items())]


def test_added() -> None:
    """Sums of one statistic and period are added, be it in any order or of other metadata."""
    one, two = DaySum(1, START, START + 5, 2, 7), DaySum(2, START + 6, START + 9, 3, 8)
    assert of(sums(one, two)) == of(sums(two, one)) == of(sums(DaySum(1, START, START, 5, 15)))
    ((_, _, period),) = sums(two, one).periods()
    assert (period.rows, period.first, period.last) == (5, START, START + 9)
    assert sums(one, two).total == 15
    assert len(of(sums(one, DaySum(1, START + DAY, START + DAY, 1, 1)))) == 2
    assert of(sums(one)) != of(sums(DaySum(3, START, START, 2, 7)), "sensor.other")


@pytest.mark.parametrize("name", ["unit_of_measurement", "name", "mean_type"])
def test_metadata(name: str) -> None:
    """What the statistic is shows in its sums, though not in that of all rows."""
    other = {**STATISTICS, 1: METER._replace(**{name: "other"})}  # type: ignore[arg-type]
    one = DaySum(1, START, START, 2, 7)
    assert of(sums(one)) != of(sums(one, statistics=other))
    assert sums(one).statistics != sums(one, statistics=other).statistics
    assert sums(one).total == sums(one, statistics=other).total


@pytest.mark.parametrize(
    "odd",
    [
        DaySum(1, START - 1, START + 5, 2, 7),
        DaySum(1, START, 1e300, 2, 7),
        DaySum(1, START, START, 2, None),
    ],
)
def test_not_known(odd: DaySum) -> None:
    """Where it is not known which rows a sum is of, all periods that it may be of have none."""
    found = sums(DaySum(1, START, START + 5, 1, 7), DaySum(1, START - 1, START - 1, 1, 7), odd)
    assert of(found)[-1] is None
    if odd.first != START:
        assert of(found) == [None, None]
    assert (found.total is None) == (odd.sum is None)


def test_rows_of_no_digest() -> None:
    """Rows without a statistic, or without a time, are in the sum of all rows alone."""
    found = sums(DaySum(0, START, START, 1, 5), DaySum(1, None, None, 1, 6), DaySum(9, 1, 1, 1, 7))
    assert (found.by_statistic, found.total) == ({}, 18)


def known(exported: Digests, found: Sums, current: Digests) -> Known:
    """Return what is known, after it was written and read."""
    before = known_of(found, current, exported, 9, "statement", 5.5)
    again = known_from_json(before.as_json(), 9, exported)
    assert again == before
    return before


def test_known() -> None:
    """A sum is known where the rows are as they were sent, and all rows are if each of them is."""
    current = digests(piece(row(1)), piece(row(25)), by=day)
    found = sums(
        DaySum(1, START + 3600, START + 3600, 1, 5), DaySum(1, START + DAY, START + DAY, 1, 6)
    )
    number = min(found.by_statistic[ID])
    whole = known(current, found, current)
    assert (whole.get(ID, number), whole.get(ID, number + 1)) == tuple(of(found))
    assert (whole.total, whole.get(ID, number + 2), whole.get("other", 0)) == (11, None, None)

    other = digests(piece(row(1, sum=7.0)), piece(row(25)), by=day)
    part = known(other, found, current)
    assert (part.get(ID, number), part.get(ID, number + 1)) == (None, of(found)[1])
    assert part.total is None
    more = digests(piece(row(1)), piece(row(25)), piece(row(70)), by=day)
    assert known(more, found, current).total is None

    again = sums()
    again.include(whole)
    again.add([DaySum(1, START + DAY, START + DAY, 1, 3)])
    assert of(again)[0] == of(found)[0]
    assert of(again)[1] == of(sums(DaySum(1, START + DAY, START + DAY, 2, 9)))[0]
    assert again.total == 14
    assert known_from_json(None, 9, current) is None
