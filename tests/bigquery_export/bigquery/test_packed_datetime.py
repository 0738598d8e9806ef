"""Packed times are those of BigQuery's int64 form of DATETIME."""

from datetime import datetime, timedelta

from hypothesis import example, given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.packed_datetime import (
    all_packed,
    as_text,
    packed,
)

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def number(local: datetime) -> int:
    """Return a time as BigQuery's page has it: each field has its bits."""
    fields = [
        (local.year, 46),
        (local.month, 42),
        (local.day, 37),
        (local.hour, 32),
        (local.minute, 26),
        (local.second, 20),
        (local.microsecond, 0),
    ]
    return sum(value << bits for value, bits in fields)


def test_known() -> None:
    """A time is the number that it is on BigQuery's page."""
    local = datetime(2026, 11, 21, 7, 45, 21, 123_456)
    expected = 2026 << 46 | 11 << 42 | 21 << 37 | 7 << 32 | 45 << 26 | 21 << 20 | 123_456
    assert packed((local - EPOCH) // MICROSECOND) == expected
    assert packed("2026-11-21 07:45:21.123456") == expected
    assert as_text(expected) == "2026-11-21 07:45:21.123456"


@given(st.lists(st.datetimes(), min_size=1))
@example([datetime.min, datetime.max])
@example([datetime(1969, 12, 31, 23, 59, 59, 999_999), EPOCH])
@example([datetime(2026, 11, 21, 7, 44, 59, 999_999), datetime(2026, 11, 21, 7, 45)])
def test_every_time(times: list[datetime]) -> None:
    """Times of all years are packed as the calendar has them, alone and together."""
    values = [(local - EPOCH) // MICROSECOND for local in times]
    expected = [number(local) for local in times]
    assert all_packed(values) == expected
    assert [packed(value) for value in values] == expected
    texts = [local.isoformat(" ", "microseconds") for local in times]
    assert [as_text(value) for value in expected] == texts
    assert [packed(text) for text in texts] == expected


def test_no_such_time() -> None:
    """What stands for no time is an error."""
    with pytest.raises(ValueError, match="month"):
        as_text(2026 << 46)
    with pytest.raises(ValueError, match="isoformat"):
        packed("yesterday")


@pytest.mark.parametrize(
    "value",
    [
        (datetime.min - EPOCH) // MICROSECOND - 1,
        (datetime.max - EPOCH) // MICROSECOND + 1,
        2**80,
    ],
)
def test_out_of_range(value: int) -> None:
    """A time before the year 1 or after 9999 is refused."""
    with pytest.raises(ValueError, match="not in the years 1 to 9999"):
        packed(value)
    with pytest.raises(ValueError, match="not in the years 1 to 9999"):
        all_packed([0, value])
