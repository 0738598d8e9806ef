"""Tests of the verdict's arithmetic, with seconds that are only computed."""

from collections.abc import Callable
import math

import pytest

from .samples import Sample, Waiting
from .verdict import MAX_RSS_GROWTH_MB, MB, Thirds, Verdict, judge

BEGAN = 1_000.0
SECONDS = 9

type Measure = Callable[[int], float]


def judged(
    *,
    rss_mb: Measure = lambda second: 300,
    lag_ms: Measure = lambda second: 1,
    rows: Measure = lambda second: 15_000,
    pace: float = 1,
) -> Verdict:
    """Return the verdict on nine seconds; `second` counts from 1 to 9."""
    seconds = range(1, SECONDS + 1)
    return judge(
        [
            Sample(
                at=BEGAN + second,
                changes=500 * second,
                backlog=0,
                rss_bytes=int(rss_mb(second) * MB),
                lags_ms=[lag_ms(second)] * 100,
                gc_ms=0,
            )
            for second in seconds
        ],
        [Waiting(BEGAN + second, int(rows(second))) for second in seconds],
        began=BEGAN,
        seconds=SECONDS,
        pace=pace,
    )


def test_what_stays_as_it_was_is_right() -> None:
    """Nothing grows, nothing is wrong."""
    verdict = judged()
    assert verdict.failures() == []
    assert verdict.rss_growth_mb == 0


def test_thirds_are_taken_apart() -> None:
    """Each second belongs to one third, and memory is a median: a peak in an export is not one."""
    verdict = judged(
        rss_mb=lambda second: 900 if second in (2, 5, 8) else 300 + second,
        lag_ms=lambda second: second,
    )
    assert verdict.rss_mb == Thirds(303, 306, 309)
    assert verdict.lag_p99_ms == Thirds(3, 6, 9)
    assert verdict.rss_growth_mb == 3


def test_the_first_third_may_grow() -> None:
    """What is loaded once is no growth."""
    assert judged(rss_mb=lambda second: 200 if second <= 3 else 300).failures() == []


def test_growing_memory_is_wrong() -> None:
    """From the second third to the last it may grow by the bound, and by no more."""

    def grown(megabytes: float) -> Verdict:
        return judged(rss_mb=lambda second: 300 + (megabytes if second > 6 else 0))

    assert grown(MAX_RSS_GROWTH_MB).failures() == []
    (failure,) = grown(MAX_RSS_GROWTH_MB + 1).failures()
    assert failure == "memory grew by 6.0 MB after the first third"


def test_memory_between_home_assistants_own_steps() -> None:
    """What Home Assistant keeps when it compiles statistics is no growth; all else is."""

    def growth(each_second: float) -> float:
        seconds = range(1, 901)
        samples = [
            Sample(
                at=BEGAN + second,
                changes=0,
                backlog=0,
                rss_bytes=int((300 + second // 300 * 60 + second * each_second) * MB),
                lags_ms=[],
                gc_ms=0,
            )
            for second in seconds
        ]
        steps = [BEGAN + second for second in (0, 300, 600, 900)]
        verdict = judge(samples, [], began=BEGAN, seconds=900, pace=1, steps=steps)
        return verdict.rss_growth_mb

    assert growth(0) == 0
    assert growth(0.1) == pytest.approx(27, abs=0.5)


@pytest.mark.parametrize(
    ("first", "last", "right"), [(1, 3.5, True), (1, 3.6, False), (20, 32, True), (20, 33, False)]
)
def test_growing_lag_is_wrong(first: float, last: float, right: bool) -> None:
    """The last third may be half as much again later, and two milliseconds."""
    verdict = judged(lag_ms=lambda second: first if second <= 6 else last)
    assert (verdict.failures() == []) is right


def test_one_late_call_in_a_hundred_is_left_out() -> None:
    """The 99th percentile is of all calls of a third, not of each second."""
    samples = [
        Sample(BEGAN + second, 500 * second, 0, 300 * MB, [1.0] * 99 + [late], gc_ms=0)
        for second, late in zip(range(1, 10), [1.0] * 6 + [50.0, 50.0, 50.0], strict=True)
    ]
    waiting = [Waiting(BEGAN + second, 0) for second in range(1, 10)]

    def p99() -> float:
        verdict = judge(samples, waiting, began=BEGAN, seconds=9, pace=1)
        return verdict.lag_p99_ms.last

    assert p99() == 1
    samples[-1] = Sample(BEGAN + 9, 4_500, 0, 300 * MB, [1.0] * 98 + [50.0] * 2, gc_ms=0)
    assert p99() == 50


def test_an_export_that_falls_behind_is_wrong() -> None:
    """Rows that wait may not become more; in a home that exports nothing they do."""
    verdict = judged(rows=lambda second: second * 10_000)
    assert verdict.failures() == ["the rows that wait grew from 50,000 to 80,000"]
    assert verdict.failures(compare_waiting=False) == []


def test_a_home_that_was_less_busy_proves_nothing() -> None:
    """A hundredth of the changes may be missing: the last are made up to the very end."""
    assert judged(pace=0.995).failures() == []
    assert judged(pace=0.9).failures() == ["only 90.0% of the state changes were made"]


def test_nothing_measured_is_wrong() -> None:
    """Without measurements there are no numbers, and that is not right."""
    verdict = judge([], [], began=BEGAN, seconds=SECONDS, pace=0)
    assert math.isnan(verdict.rss_growth_mb)
    assert len(verdict.failures()) == 4
