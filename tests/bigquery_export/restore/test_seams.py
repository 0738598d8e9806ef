"""Sums fit at each seam: they grow by as much as the meter did, and no bar is negative."""

from collections.abc import Iterable

import pytest

from custom_components.bigquery_export.bigquery.listed_statistics import StatisticMetadata
from custom_components.bigquery_export.restore.request import Seam
from custom_components.bigquery_export.restore.seams import (
    Before,
    HoursPlan,
    plan,
    seam_target,
)
from custom_components.bigquery_export.restore.versions import Hour
from custom_components.bigquery_export.source.recorded_hours import RecordedHour

_METADATA = StatisticMetadata("recorder", None, "kWh", "energy", "none", True)


def hour(start: float, total: float, state: float | None, reset: float | None = None) -> Hour:
    """Return an hour of BigQuery."""
    return Hour(start, None, None, None, None, reset, state, total, _METADATA)


def own(
    start: float, total: float | None, state: float | None, reset: float | None = None
) -> RecordedHour:
    """Return an hour of the recorder."""
    return RecordedHour(1, start, reset, state, total)


def planned(
    theirs: Iterable[Hour], ours: Iterable[RecordedHour], before: Before | None = None
) -> HoursPlan:
    """Return the plan of a meter."""
    return plan(list(theirs), list(ours), before or Before(), has_sum=True)


def sums(result: HoursPlan) -> list[tuple[float, float | None]]:
    """Return the imports of a plan."""
    return [(one.start, one.sum) for one in result.imports]


def test_a_new_database_behind_the_old_one() -> None:
    """What the new one has counted from 0 on is shifted: the bar is what the meter has grown."""
    result = planned([hour(1, 90, 1_000), hour(2, 91, 1_001)], [own(4, 0, 1_005), own(5, 2, 1_007)])
    assert sums(result) == [(1, 90), (2, 91)]
    assert result.targets == [(4, 95)]
    assert result.seam is None


def test_a_gap_between_two_parts_of_the_recorder() -> None:
    """Hours in between fit both, whatever BigQuery's sums begin with; then nothing is shifted."""
    theirs = [hour(at, 500 + at, at) for at in range(1, 6)]
    result = planned(theirs, [own(1, 11, 1), own(5, 15, 5)])
    assert sums(result) == [(2, 12), (3, 13), (4, 14)]
    assert (result.targets, result.present) == ([], 2)


def test_a_meter_that_was_reset_between() -> None:
    """Where the meter begins anew, only what the new database has counted itself is known."""
    assert planned([hour(1, 90, 1_000)], [own(2, 0.5, 3)]).targets == [(2, 90.5)]
    assert planned([hour(1, 90, 10, 7)], [own(2, 1.5, 12, 8)]).targets == [(2, 91.5)]
    assert planned([hour(1, 90, None)], [own(2, 700, 3)]).targets == [(2, 90)]


def test_a_sum_that_fits_already() -> None:
    """What differs only because floats are rounded is left as it is."""
    assert planned([hour(1, 0.1 + 0.2, 1)], [own(2, 1.3, 2)]).targets == []


def test_the_last_hour_of_a_month_is_remembered() -> None:
    """The seam is where the first hour of the recorder comes, in whatever month that is."""
    first = planned([hour(1, 90, 1_000)], [])
    assert first.seam == Seam(1, 90, 1_000, None)
    second = planned(
        [hour(3, 92, 1_002)],
        [own(4, 3, 1_003)],
        Before(theirs=first.last, seam=first.seam),
    )
    assert sums(second) == [(3, 92)]
    assert second.targets == [(4, 93)]
    # Or there were hours in a month that BigQuery has nothing of.
    between = planned(
        [hour(9, 95, 1_009)],
        [],
        Before(
            ours=own(3, 5, 1_003), theirs=first.last, seam=first.seam, following=own(2, 4, 1_002)
        ),
    )
    assert between.targets == [(2, 92)]
    # Its last hour has 93 by then, so the next one, of which the meter shows 6 more, has 99.
    assert sums(between) == [(9, 99)]


def test_what_was_interrupted() -> None:
    """Hours that were imported before are no seam to those that come now."""
    theirs = [hour(at, 90 + at, 1_000 + at) for at in range(1, 5)]
    before = Before(seam=Seam(4, 94, 1_004, None))
    result = planned(theirs, [own(1, 91, 1_001), own(2, 92, 1_002)], before)
    assert sums(result) == [(3, 93), (4, 94)]
    assert result.targets == []
    # Or none of them was imported, or the last one was.
    assert sums(planned(theirs, [], before)) == [(1, 91), (2, 92), (3, 93), (4, 94)]
    last = planned(theirs, [own(4, 94, 1_004), own(6, 0.5, 1_006)], before)
    assert sums(last) == [(1, 91), (2, 92), (3, 93)]
    assert last.targets == [(6, 96)]


@pytest.mark.parametrize(
    ("after", "target"),
    [
        (own(2, None, 1), None),
        (own(2, 92, 1_002), None),
        (own(2, 0.25, 1_002), (2, 92)),
        (own(2, -3, 900), (2, 90)),
    ],
)
def test_a_row_behind_a_seam(after: RecordedHour, target: tuple[float, float] | None) -> None:
    """Also the first five minutes are shifted, before an hour is compiled."""
    assert seam_target(Seam(1, 90, 1_000, None), after) == target
