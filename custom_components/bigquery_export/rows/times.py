"""Times of many rows at once."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from ..source.state_columns import FRACTION_BITS
from .lanes import Lanes

_UNIT = 1 << FRACTION_BITS
_SECOND = 1_000_000
_MICROSECOND_BITS = 20
_MICROSECONDS = (1 << _MICROSECOND_BITS) - 1
_SECONDS = (1 << 32) - 1
_HALF = 0x7FFF
"""Less than half of 2^16: with the lowest bit of what is rounded, halves go to the even number."""


class Times(NamedTuple):
    """Times of rows: whole seconds since 1970, and microseconds from 0 to 999,999."""

    seconds: Lanes
    micros: Lanes

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
        return cls(lanes.with_bits(seconds + whole), lanes.with_bits(micros - whole * _SECOND))

    def microseconds(self) -> Lanes:
        """Return the times in microseconds since 1970."""
        return self.seconds.with_bits(self.seconds.bits * _SECOND + self.micros.bits)

    def moved(self, seconds: int) -> Self:
        """Return the times moved by some seconds."""
        return self._replace(seconds=self.seconds.plus(seconds))
