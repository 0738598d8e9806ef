"""Times of many rows at once."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from ..source.state_columns import FRACTION_BITS
from .lanes import Lanes

_UNIT = 1 << FRACTION_BITS
_SECOND = 1_000_000
DAY = 86_400
"""A day in seconds."""
MICROSECOND_UNITS = 5
"""Times that are so many units from each other differ when they are rounded to microseconds."""
_LONGEST = 200_000_000
"""Seconds that can be divided into days: six years."""
_MICROSECOND_BITS = 20
_MICROSECONDS = (1 << _MICROSECOND_BITS) - 1
_SECONDS = (1 << 32) - 1
_HALF = 0x7FFF
"""Less than half of 2^16: with the lowest bit of what is rounded, halves go to the even number."""


def as_microseconds(units: int) -> int:
    """Return a time in units of 2^-22 seconds in microseconds."""
    seconds, rest = units >> FRACTION_BITS, units & _UNIT - 1
    return seconds * _SECOND + round(rest * _SECOND / _UNIT)


class Clock(NamedTuple):
    """Times of rows as a clock shows them."""

    days: Sequence[int]
    """Since 1970: of each row, or one for all rows."""
    hours: Lanes
    minutes: Lanes
    seconds: Lanes


class Times(NamedTuple):
    """Times of rows: whole seconds since 1970, and microseconds from 0 to 999,999."""

    seconds: Lanes
    micros: Lanes
    first: int
    last: int
    """Seconds that are not later than the earliest time, and not earlier than the latest."""

    @classmethod
    def of(cls, units: Sequence[int], among: Sequence[int] = ()) -> Self:
        """Return times in units of 2^-22 seconds, rounded to microseconds as `round` does.

        `among` are some of them that include the earliest and the latest, if that is known.
        """
        extremes = among or units
        lanes = Lanes.of(units)
        one = lanes.repeated(1)
        # A million microseconds of 2^22 units are 15,625 of 2^16.
        parts = (lanes.bits & lanes.repeated(_UNIT - 1)) * (_SECOND >> 6)
        even = parts + lanes.repeated(_HALF) + (parts >> 16 & one)
        micros = even >> 16 & lanes.repeated(_MICROSECONDS)
        seconds = lanes.bits >> FRACTION_BITS & lanes.repeated(_SECONDS)
        whole = micros + lanes.repeated(_MICROSECONDS + 1 - _SECOND) >> _MICROSECOND_BITS & one
        return cls(
            lanes.with_bits(seconds + whole),
            lanes.with_bits(micros - whole * _SECOND),
            min(extremes) >> FRACTION_BITS,
            (max(extremes) >> FRACTION_BITS) + 1,
        )

    def microseconds(self) -> Lanes:
        """Return the times in microseconds since 1970."""
        return self.seconds.with_bits(self.seconds.bits * _SECOND + self.micros.bits)

    def moved(self, seconds: int) -> Self:
        """Return the times moved by some seconds."""
        return self._replace(
            seconds=self.seconds.plus(seconds),
            first=self.first + seconds,
            last=self.last + seconds,
        )

    def days(self) -> set[int]:
        """Return on which days the times are, since 1970."""
        return set(self.clock().days)

    def clock(self) -> Clock:
        """Return what a clock shows. Raises ValueError where times are years from each other."""
        first = self.first // DAY
        since = self.seconds.plus(-first * DAY)
        days: Sequence[int] = (first,)
        if self.last // DAY > first:
            if self.last - first * DAY > _LONGEST:
                raise ValueError("these times are years from each other")
            passed = since.divided(DAY)
            days = [first + day for day in passed.numbers()]
            since = since.with_bits(since.bits - passed.bits * DAY)
        minutes, hours = since.divided(60).bits, since.divided(3_600).bits
        return Clock(
            days,
            since.with_bits(hours),
            since.with_bits(minutes - 60 * hours),
            since.with_bits(since.bits - 60 * minutes),
        )
