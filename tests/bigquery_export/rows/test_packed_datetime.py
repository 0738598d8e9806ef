"""Packed local times are those of BigQuery's int64 form of DATETIME."""

from datetime import datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.rows.packed_datetime import (
    IN_QUARTER,
    as_text,
    from_text,
    packed,
    unpacked,
)


def test_known() -> None:
    """Each field has its bits."""
    local = datetime(2026, 11, 21, 7, 45, 21, 123_456)
    fields = [(2026, 46), (11, 42), (21, 37), (7, 32), (45, 26), (21, 20), (123_456, 0)]
    assert packed(local) == sum(value << bits for value, bits in fields)
    assert as_text(packed(local)) == "2026-11-21 07:45:21.123456"


@given(st.datetimes())
def test_there_and_back(local: datetime) -> None:
    """No time is changed on the way, as a number or as text."""
    assert unpacked(packed(local)) == local
    assert from_text(as_text(packed(local))) == packed(local)


@given(st.datetimes(datetime(2000, 1, 1)), st.integers(0, 899_999_999))
def test_in_quarter(hour: datetime, micros: int) -> None:
    """A time within a quarter of an hour needs no calendar."""
    start = hour.replace(minute=hour.minute // 15 * 15, second=0, microsecond=0)
    minute, rest = divmod(micros, 60_000_000)
    second, microsecond = divmod(rest, 1_000_000)
    local = start.replace(minute=start.minute + minute, second=second, microsecond=microsecond)
    assert packed(start) + micros + IN_QUARTER[micros // 1_000_000] == packed(local)


def test_no_such_time() -> None:
    """What stands for no time is an error."""
    with pytest.raises(ValueError, match="month"):
        as_text(2026 << 46)
