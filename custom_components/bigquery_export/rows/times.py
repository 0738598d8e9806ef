"""Times of many rows at once."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Self

from ..source.state_columns import FRACTION_BITS
from .lanes import Lanes

_UNIT = 1 << FRACTION_BITS
_SECOND = 1_000_000
DAY = 86_400
"""A day in seconds."""
_LONGEST = 200_000_000
"""Seconds that can be divided into days: six years."""
_MICROSECOND_BITS = 20
_MICROSECONDS = (1 << _MICROSECOND_BITS) - 1
_SECONDS = (1 << 32) - 1
_HALF = 0x7FFF
"""Less than half of 2^16: with the lowest bit of what is rounded, halves go to the even number."""


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
    def of(cls, units: Sequence[int]) -> Self:
        """Return times in units of 2^-22 seconds, rounded to microseconds as `round` does."""
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
            min(units) >> FRACTION_BITS,
            (max(units) >> FRACTION_BITS) + 1,
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

    def replaced(self, places: Collection[int], others: Self) -> Self:
        """Return the times with others in some places."""
        return self._replace(
            seconds=self.seconds.replaced(places, others.seconds),
            micros=self.micros.replaced(places, others.micros),
            first=min(self.first, others.first),
            last=max(self.last, others.last),
        )

    def days(self) -> set[int]:
        """Return on which days the times are, since 1970."""
        first, passed, _ = self._days_passed()
        return {first + day for day in set(passed.numbers())} if passed else {first}

    def clock(self) -> Clock:
        """Return what a clock shows. Raises ValueError where times are years from each other."""
        first, passed, since = self._days_passed()
        days: Sequence[int] = (first,)
        if passed:
            days = [first + day for day in passed.numbers()]
            since = since.with_bits(since.bits - passed.bits * DAY)
        minutes, hours = since.divided(60).bits, since.divided(3_600).bits
        return Clock(
            days,
            since.with_bits(hours),
            since.with_bits(minutes - 60 * hours),
            since.with_bits(since.bits - 60 * minutes),
        )

    def _days_passed(self) -> tuple[int, Lanes | None, Lanes]:
        """Return the first day, how many passed since then, if any did, and how many seconds.

        Raises ValueError where times are years from each other.
        """
        first = self.first // DAY
        since = self.seconds.plus(-first * DAY)
        if self.last // DAY == first:
            return first, None, since
        if self.last - first * DAY > _LONGEST:
            raise ValueError("these times are years from each other")
        return first, since.divided(DAY), since
