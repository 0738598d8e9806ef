"""Computing with many numbers at once, each in 64 bits of one large integer.

Python adds, shifts or multiplies a thousand of them in about a microsecond, as it does not make an
object of each (the technique is called SIMD within a register, SWAR). All numbers are from 0 to
2^64 - 1, in every step: else one would change its neighbor.
"""

from array import array
from collections.abc import Iterable
from functools import lru_cache
import sys
from typing import NamedTuple, Self

_BYTES = 8
_HIGHEST_BIT = 1 << 63
_QUOTIENT_BITS = 44
_QUOTIENT = (1 << 64 - _QUOTIENT_BITS) - 1


class Lanes(NamedTuple):
    """Some numbers side by side, the first in the lowest bits."""

    size: int
    bits: int

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """Put numbers side by side.

        Raises OverflowError for one that has not its place, TypeError for what is none.
        """
        words = array("Q", numbers)
        if sys.byteorder == "big":
            words.byteswap()
        return cls(len(words), int.from_bytes(words.tobytes(), "little"))

    def with_bits(self, bits: int) -> Self:
        """Return as many other numbers."""
        return self._replace(bits=bits)

    def repeated(self, number: int) -> int:
        """Return the bits of as many numbers that are all the same."""
        return _repeated(number, self.size)

    def plus(self, number: int) -> Self:
        """Return each number plus another one, which may be negative."""
        if number < 0:
            return self.with_bits(self.bits - self.repeated(-number))
        return self.with_bits(self.bits + self.repeated(number))

    def divided(self, divisor: int) -> Self:
        """Return each number divided by another one, without the rest.

        It is multiplied by the inverse, rounded up, which is exact for numbers below 2^44 / divisor
        and below 2^20 * divisor.
        """
        inverse = -(-(1 << _QUOTIENT_BITS) // divisor)
        bits = self.bits * inverse >> _QUOTIENT_BITS
        return self.with_bits(bits & self.repeated(_QUOTIENT))

    def has(self, mask: int) -> bool:
        """Return whether any of the numbers has any bit of a mask."""
        return bool(self.bits & self.repeated(mask))

    def are_at_least(self, number: int) -> bool:
        """Return whether none is below another number; all are below 2^63."""
        highest = self.repeated(_HIGHEST_BIT)
        return (self.bits + self.repeated(_HIGHEST_BIT - number)) & highest == highest

    def are_below(self, number: int) -> bool:
        """Return whether all are below another number; all are below 2^63."""
        highest = self.repeated(_HIGHEST_BIT)
        return not (self.bits + self.repeated(_HIGHEST_BIT - number)) & highest

    def first(self) -> int:
        """Return the first number."""
        return self.bits & (1 << 8 * _BYTES) - 1

    def words(self) -> bytes:
        """Return eight bytes of each number, the lowest first."""
        return self.bits.to_bytes(_BYTES * self.size, "little")

    def bytes_at(self, place: int) -> bytes:
        """Return one byte of each number: the lowest has place 0."""
        return self.words()[place::_BYTES]

    def replaced(self, places: Iterable[int], others: Self) -> Self:
        """Return the numbers with others in some places, the first of which is 0."""
        words = self._array()
        for place, number in zip(places, others.numbers(), strict=True):
            words[place] = number
        return self.of(words)

    def numbers(self) -> list[int]:
        """Return the numbers as a list."""
        return self._array().tolist()

    def _array(self) -> array[int]:
        words = array("Q", self.words())
        if sys.byteorder == "big":
            words.byteswap()
        return words


@lru_cache(maxsize=128)
def _repeated(number: int, count: int) -> int:
    return int.from_bytes(number.to_bytes(_BYTES, "little") * count, "little")
