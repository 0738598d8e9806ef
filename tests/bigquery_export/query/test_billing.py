"""The bytes of a day and a month, whatever the clock says."""

from datetime import date, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.query.billing import Billing, Booking

LAST_OF_MONTH = date(2027, 1, 31)


def billed(billing: Billing, size: int) -> Billing:
    """Return a billing with one more query."""
    return billing.book(Booking("job", size, 0.0, {})).settle("job", size, {})


@given(
    st.dates(date(2027, 1, 1), date(2028, 12, 31)),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 100)), max_size=20),
)
def test_a_clock_that_is_put_back(day: date, queries: list[tuple[int, int]]) -> None:
    """The sums of a day and its month never shrink while the clock is put back and forth."""
    billing = billed(Billing().on(day), 7)
    expected = 7
    for back, size in queries:
        billing = billed(billing.on(day - timedelta(days=back)), size)
        expected += size
        assert (billing.day_bytes, billing.month_bytes) == (expected, expected)
    billing = billing.on(day)
    assert (billing.day_bytes, billing.month_bytes) == (expected, expected)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), max_size=60))
def test_days_that_go_by(steps: list[tuple[int, int]]) -> None:
    """What is billed since a day began counts on it, wherever the clock was meanwhile."""
    day, billing, of_day, of_month = LAST_OF_MONTH, Billing().on(LAST_OF_MONTH), 0, 0
    for days, back in steps:
        month, day = day.month, day + timedelta(days=days)
        billing = billed(billing.on(day).on(day - timedelta(days=back)), 1)
        of_day = 1 if days else of_day + 1
        of_month = 1 if day.month != month else of_month + 1
        assert (billing.on(day).day_bytes, billing.on(day).month_bytes) == (of_day, of_month)


@pytest.mark.parametrize(
    ("last", "now", "of_day", "of_month"),
    [
        ("2027-01-31", "2027-01-31", 7, 7),
        ("2027-01-30", "2027-01-31", 0, 7),
        ("2027-01-31", "2027-02-01", 0, 0),
        ("2027-02-01", "2027-01-31", 7, 7),
        ("2027-02-02", "2027-01-31", 7, 7),
        ("2027-02-03", "2027-01-31", 0, 0),
        ("2027-01-31", "2027-01-28", 0, 7),
        ("2036-02-07", "2027-01-31", 0, 0),
    ],
)
def test_other_days(last: str, now: str, of_day: int, of_month: int) -> None:
    """The sums of an earlier day are over, and those of one that is far ahead."""
    billing = billed(Billing().on(date.fromisoformat(last)), 7).on(date.fromisoformat(now))
    assert (billing.day_bytes, billing.month_bytes) == (of_day, of_month)
    assert billing.on(date.fromisoformat(now)) == billing
