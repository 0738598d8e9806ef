"""Times and numbers of many rows at once are what they would be one by one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.rows.lanes import Lanes
from custom_components.bigquery_export.rows.local_time import microseconds
from custom_components.bigquery_export.rows.times import Times

UNIT = 1 << 22
YEARS = st.integers(1 << 52, (1 << 53) - 1)
"""Times of the years 2004 to 2038."""
DAYS = st.integers(1_700_000_000 * UNIT, 1_700_400_000 * UNIT)
WORDS = st.lists(st.integers(0, (1 << 64) - 1), min_size=1)


@given(WORDS, st.integers(0, 255))
def test_lanes(numbers: list[int], number: int) -> None:
    """Numbers are as they were put in, and keep their places."""
    lanes = Lanes.of(numbers)
    assert (lanes.size, lanes.numbers(), lanes.first()) == (len(numbers), numbers, numbers[0])
    assert lanes.bytes_at(3) == bytes(word >> 24 & 255 for word in numbers)
    assert lanes.has(1 << 63 | 1) == any(word & (1 << 63 | 1) for word in numbers)
    low = Lanes.of([word >> 1 for word in numbers])
    assert low.plus(number).numbers() == [(word >> 1) + number for word in numbers]
    assert low.plus(number).plus(-number) == low
    some = sorted(low.numbers())[len(numbers) // 2]
    assert low.are_at_least(some) == (min(low.numbers()) >= some)
    assert low.are_below(some) == (max(low.numbers()) < some)


@pytest.mark.parametrize("divisor", [10, 60, 100, 900, 1_000, 3_600, 86_400])
@given(numbers=st.lists(st.floats(0, 1), min_size=1))
def test_quotients(divisor: int, numbers: list[float]) -> None:
    """A division has no rest in the whole range in which it is exact."""
    highest = min((1 << 44) // divisor, divisor << 20) - 1
    dividends = [int(number * highest) for number in numbers]
    dividends += [dividend // divisor * divisor for dividend in dividends]
    dividends += [max(0, dividend // divisor * divisor - 1) for dividend in dividends]
    assert Lanes.of(dividends).divided(divisor).numbers() == [
        dividend // divisor for dividend in dividends
    ]


@pytest.mark.parametrize("wrong", [-1, 1 << 64, 1.5, "1", None])
def test_what_has_no_place(wrong: object) -> None:
    """What is no number of 64 bits is an error."""
    with pytest.raises((OverflowError, TypeError)):
        Lanes.of([1, wrong])  # type: ignore[list-item]


@given(st.lists(YEARS, min_size=1))
def test_microseconds(units: list[int]) -> None:
    """They are rounded as each alone, which is as Home Assistant shows them."""
    expected = [microseconds(time / UNIT) for time in units]
    times = Times.of(units)
    assert times.microseconds().numbers() == expected
    assert times.first * 1_000_000 <= min(expected)
    assert times.last * 1_000_000 >= max(expected)


@given(st.lists(st.tuples(YEARS, st.none() | YEARS), min_size=1))
def test_replaced(pairs: list[tuple[int, int | None]]) -> None:
    """Some times can be replaced by others, which keep their order."""
    places = [place for place, (_, other) in enumerate(pairs) if other is not None]
    others = [other for _, other in pairs if other is not None]
    if others:
        times = Times.of([time for time, _ in pairs]).replaced(places, Times.of(others))
        expected = Times.of([time if other is None else other for time, other in pairs])
        assert times[:2] == expected[:2]
        assert times.first <= expected.first
        assert times.last >= expected.last


@pytest.mark.parametrize("half", [(2 * n + 1) * (UNIT >> 7) for n in range(64)])
def test_halves(half: int) -> None:
    """A half of a microsecond is rounded to the even one, and at the end of a second up."""
    for second in (1_700_000_000, 1_700_000_001):
        units = [second * UNIT + half, (second + 1) * UNIT - 1]
        assert Times.of(units).microseconds().numbers() == [
            microseconds(time / UNIT) for time in units
        ]


@given(st.lists(DAYS, min_size=1), st.integers(-12, 14))
def test_clock(units: list[int], offset: int) -> None:
    """A clock shows days, hours, minutes and seconds, wherever it is."""
    times = Times.of(units).moved(offset * 3_600)
    clock = times.clock()
    moments = [
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time)
        for time in times.microseconds().numbers()
    ]
    days = [moment.toordinal() - datetime(1970, 1, 1).toordinal() for moment in moments]
    assert list(clock.days) in (days, days[:1])
    assert clock.hours.numbers() == [moment.hour for moment in moments]
    assert clock.minutes.numbers() == [moment.minute for moment in moments]
    assert clock.seconds.numbers() == [moment.second for moment in moments]
    assert times.days() == set(days)


def test_years_from_each_other() -> None:
    """Where a division would not be exact there is an error."""
    with pytest.raises(ValueError, match="years"):
        Times.of([1 << 52, (1 << 53) - 1]).clock()
