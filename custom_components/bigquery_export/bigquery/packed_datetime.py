"""DATETIME values as integers: date and time of day packed into the bits of an int64.

That is how BigQuery takes a DATETIME as int64 (page "Supported protocol buffer and Arrow data
types", which names the encoder of Google's library for Java as the form's definition): year, 4 bits
of month, 5 of day, 5 of hour, 6 of minute, 6 of second and 20 of microsecond.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from ..rows.lanes import Lanes
from ..rows.times import Times

_EPOCH = datetime(1970, 1, 1)
_SECOND = 1_000_000
_QUARTER = 15 * 60 * _SECOND


def packed(local: int | str) -> int:
    """Pack a DATETIME: microseconds since 1970-01-01 00:00 without a zone, or a literal.

    Raises ValueError when it is not in the years 1 to 9999, or no literal.
    """
    if isinstance(local, str):
        return _packed(datetime.fromisoformat(local))
    number = local // _QUARTER
    return local + _in_quarter(number) + _IN_SECOND[(local - number * _QUARTER) // _SECOND]


def all_packed(locals_: Sequence[int]) -> list[int]:
    """Pack many DATETIME values, in microseconds; raises ValueError if one is out of range."""
    quarters = {
        number: (number * _QUARTER, _in_quarter(number))
        for number in {local // _QUARTER for local in locals_}
    }
    result = []
    for local in locals_:
        start, added = quarters[local // _QUARTER]
        result.append(local + added + _IN_SECOND[(local - start) // _SECOND])
    return result


def packed_times(local: Times) -> Lanes:
    """Pack the local times of rows. Raises ValueError where they are years from each other."""
    clock = local.clock()
    micros = local.micros
    dates = [_packed(_EPOCH + timedelta(days=day)) for day in clock.days]
    return micros.with_bits(
        (micros.repeated(dates[0]) if len(dates) == 1 else Lanes.of(dates).bits)
        + (clock.hours.bits << 32)
        + (clock.minutes.bits << 26)
        + (clock.seconds.bits << 20)
        + micros.bits
    )


def as_text(number: int) -> str:
    """Return the literal of a packed DATETIME. Raises ValueError when there is no such time."""
    local = datetime(
        number >> 46,
        number >> 42 & 15,
        number >> 37 & 31,
        number >> 32 & 31,
        number >> 26 & 63,
        number >> 20 & 63,
        number & (1 << 20) - 1,
    )
    return local.isoformat(" ", "microseconds")


def _packed(local: datetime) -> int:
    date = ((local.year << 4 | local.month) << 5) | local.day
    clock = ((local.hour << 6 | local.minute) << 6) | local.second
    return (date << 17 | clock) << 20 | local.microsecond


@lru_cache(maxsize=1_000)
def _in_quarter(number: int) -> int:
    """Return packed minus unpacked for the start of a quarter of an hour, by its number."""
    start = number * _QUARTER
    try:
        return _packed(_EPOCH + timedelta(microseconds=start)) - start
    except OverflowError:
        raise ValueError(f"{start} microseconds are not in the years 1 to 9999") from None


def _in_second(second: int) -> int:
    minute, rest = divmod(second, 60)
    return (minute << 26) + (rest << 20) - second * _SECOND


_IN_SECOND = tuple(map(_in_second, range(15 * 60)))
"""What packing adds to that, by the whole seconds since the start of the quarter of an hour."""
