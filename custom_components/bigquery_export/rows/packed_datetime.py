"""Local times as numbers: the fields of date and clock side by side in the bits of an integer.

That is how BigQuery takes a DATETIME as int64 (page "Supported protocol buffer and Arrow data
types", which names the encoder of Google's library for Java as the form's definition): year, 4 bits
of month, 5 of day, 5 of hour, 6 of minute, 6 of second and 20 of microsecond.
"""

from datetime import datetime

_SECOND = 1_000_000


def packed(local: datetime) -> int:
    """Return a local time as a number; its time zone does not matter."""
    date = ((local.year << 4 | local.month) << 5) | local.day
    clock = ((local.hour << 6 | local.minute) << 6) | local.second
    return (date << 17 | clock) << 20 | local.microsecond


def unpacked(number: int) -> datetime:
    """Return the local time that a number stands for, without a zone. Raises ValueError."""
    return datetime(
        number >> 46,
        number >> 42 & 15,
        number >> 37 & 31,
        number >> 32 & 31,
        number >> 26 & 63,
        number >> 20 & 63,
        number & (1 << 20) - 1,
    )


def as_text(number: int) -> str:
    """Return the local time that a number stands for as a DATETIME literal. Raises ValueError."""
    return unpacked(number).isoformat(" ", "microseconds")


def from_text(text: str) -> int:
    """Return the number of a DATETIME literal. Raises ValueError."""
    return packed(datetime.fromisoformat(text))


def _passed(second: int) -> int:
    """Return what to add to a packed whole quarter of an hour, less its microseconds."""
    minute, rest = divmod(second, 60)
    return (minute << 26) + (rest << 20) - second * _SECOND


IN_QUARTER = tuple(map(_passed, range(15 * 60)))
"""By the whole seconds of a quarter of an hour: what the packed form adds beside microseconds.

The packed quarter + the microseconds since it began + this is the packed time.
"""
