"""Values of any type in columns of any type: one that BigQuery takes, or a sentence."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from custom_components.bigquery_export.rows.recorded_values import (
    blob,
    integer,
    number,
    time,
    ulid,
    ulid_bytes,
)

type Read = Callable[[str, object], object]
ULID = bytes(range(16))


@pytest.mark.parametrize("read", [number, integer, time])
@pytest.mark.parametrize("empty", [None, "", b""])
def test_empty_numbers(read: Read, empty: object) -> None:
    """An empty text has the same meaning as NULL, as MariaDB and tools write it."""
    assert read("column", empty) is None


@pytest.mark.parametrize("read", [blob, ulid, ulid_bytes])
@pytest.mark.parametrize("empty", [None, "", b""])
def test_empty_ids(read: Read, empty: object) -> None:
    """The same holds for ids."""
    assert read("column", empty) is None


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (number, -1.5, -1.5),
        (number, 2**63 - 1, 2**63 - 1),
        (integer, -(2**63), -(2**63)),
        (integer, 0, 0),
        (time, -0.5, -500_000),
        (time, 7, 7_000_000),
        (time, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1_000_000),
        (time, datetime(1970, 1, 1, 0, 0, 1), 1_000_000),
        (blob, b"abc", b"abc"),
        (ulid_bytes, ULID, ULID),
        (ulid, ULID, "00041061050R3GG28A1C60T3GF"),
    ],
)
def test_taken(read: Read, value: object, expected: object) -> None:
    """What fits is as it was."""
    assert read("column", value) == expected


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (number, "5", "its column is not a number: '5'"),
        (number, " ", "its column is not a number: ' '"),
        (number, b"\xff", "its column is not a number: 'ff'"),
        (number, "x" * 1_000, f"its column is not a number: '{'x' * 40}'"),
        (integer, 1.0, "its column is not a whole number: '1.0'"),
        (integer, 2**63, "its column is not a whole number: '9223372036854775808'"),
        (integer, "on", "its column is not a number: 'on'"),
        (time, "2026-01-01", "its column is not a number: '2026-01-01'"),
        (time, float("inf"), "its time, inf seconds since 1970, is not in the years 1 to 9999"),
        (time, -1e300, "its time, -1e+300 seconds since 1970, is not in the years 1 to 9999"),
        (time, 2**63 - 1, "is not in the years 1 to 9999"),
        (blob, 5, "its column has not 16 bytes: '5'"),
        (blob, "0123456789abcdef", "its column has not 16 bytes: '0123456789abcdef'"),
        (ulid, b"abc", "its column has not 16 bytes: '616263'"),
        (ulid_bytes, ULID + b"\0", f"its column has not 16 bytes: '{(ULID + b'\0').hex()}'"),
    ],
)
def test_refused(read: Read, value: object, sentence: str) -> None:
    """A sentence says what is wrong with anything else."""
    with pytest.raises(ValueError, match=r"^its ") as raised:
        read("column", value)
    assert sentence in str(raised.value)
