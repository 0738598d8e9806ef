"""Looking for hours in which the sum of a meter contradicts the meter's readings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from ..source.meter_readings import MeterReading

HOUR = 3_600.0
NEAR = 24 * HOUR
"""How long a wrong reading may stay: one that stays longer is taken for the truth."""
_PRECISION = 1e-8
"""What differs by no more than this part of it is the same: sums are added up as floats."""
_MISSING = 1.5
"""Hours between two readings, if one is missing."""
_RESET = 0.9
"""Home Assistant takes a reading below nine tenths of the one before for a reset."""


class Kind(StrEnum):
    """What has made a sum wrong."""

    OUTAGE = "outage"
    """The sum began again at 0, because the recorder had purged what it goes on from."""
    SPIKE = "spike"
    """A wrong reading came and went, and the meter was counted once more."""


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of a meter: two readings that belong together, and a sum that contradicts them."""

    kind: Kind
    readings: tuple[MeterReading, ...]
    """At least two. The first and the last count; those between are of the wrong readings."""

    @property
    def first(self) -> MeterReading:
        """Return the reading before the sum went wrong."""
        return self.readings[0]

    @property
    def last(self) -> MeterReading:
        """Return the reading with which the meter is back."""
        return self.readings[-1]

    @property
    def hours(self) -> float:
        """Return how many hours are between both readings."""
        return (self.last.start - self.first.start) / HOUR

    @property
    def by_sum(self) -> float:
        """Return what was counted meanwhile as the sum has it."""
        return self.last.sum - self.first.sum

    @property
    def by_meter(self) -> float:
        """Return what was counted meanwhile as the readings have it."""
        return self.last.state - self.first.state

    @property
    def agrees(self) -> bool:
        """Return whether the sum and the readings agree."""
        return abs(self.by_sum - self.by_meter) <= precision(self.first, self.last)

    def adjustments(self) -> Iterator[tuple[float, float]]:
        """Yield times, and by how much to adjust the sum from then on, so that both agree.

        Afterwards nothing was counted in the hours between, and all of it in the last one.
        """
        shift = 0.0
        for reading in self.readings[1:]:
            wanted = self.first.sum + (self.by_meter if reading is self.last else 0.0)
            amount = wanted - (reading.sum + shift)
            if abs(amount) > precision(self.first, reading):
                yield reading.start, amount
                shift += amount


def precision(*readings: MeterReading) -> float:
    """Return up to which difference values of readings are the same."""
    return _PRECISION * max(
        1.0, *(max(abs(reading.state), abs(reading.sum)) for reading in readings)
    )


def follows(before: MeterReading, after: MeterReading) -> bool:
    """Return whether the sum has followed the readings, so that there was no reset."""
    counted = after.sum - before.sum - (after.state - before.state)
    return abs(counted) <= precision(before, after)


def spans(
    readings: Sequence[MeterReading], since: float, *, falls_are_resets: bool
) -> Iterator[Span]:
    """Yield the spans of a meter's hours that may be wrong, of sums that did not follow since then.

    `falls_are_resets` says whether the meter is one that only counts up (`total_increasing`).
    """
    for place, (before, after) in enumerate(pairwise(readings), 1):
        if after.start < since or before.last_reset != after.last_reset:
            continue
        if follows(before, after):
            continue
        if after.state >= before.state:
            span = Span(Kind.OUTAGE, (before, after))
            if _began_again(span, falls_are_resets=falls_are_resets):
                yield span
            elif falls_are_resets:
                yield from _counted_again(before, after)
        elif falls_are_resets:
            yield from _counted_again(*_until_return(readings, place))
            yield from _counted_again(*_since_rise(readings, place))


def fell_for_good(readings: Sequence[MeterReading], place: int) -> bool:
    """Return whether the meter was reset at a place, and no wrong reading came and went."""
    before, after = readings[place - 1], readings[place]
    if before.last_reset != after.last_reset:
        return True
    if after.state >= before.state:
        return False
    return not (_until_return(readings, place) or _since_rise(readings, place))


def _began_again(span: Span, *, falls_are_resets: bool) -> bool:
    """Return whether a sum has begun at 0 again, with no reading below the one before.

    It is then what was counted since the first reading, which was above the last one before.
    """
    counted = span.last.sum
    tolerance = precision(span.first, span.last)
    lowest = 0.0 if falls_are_resets else -span.by_meter
    if not lowest - tolerance <= counted <= span.by_meter + tolerance:
        return False
    if span.hours > _MISSING:
        return span.by_sum < span.by_meter
    # Who sets a sum to 0 on purpose does not know what was counted since the first reading.
    return span.by_sum < 0 and lowest + tolerance < counted < span.by_meter - tolerance


def _counted_again(*readings: MeterReading) -> Iterator[Span]:
    """Yield the span of readings if at least the whole meter was counted once too often."""
    if not readings:
        return
    span = Span(Kind.SPIKE, readings)
    surplus = span.by_sum - span.by_meter
    if span.first.state > 0 and surplus >= _RESET * span.first.state and not span.agrees:
        yield span


def _until_return(readings: Sequence[MeterReading], place: int) -> tuple[MeterReading, ...]:
    """Return the readings of a dip that begins at a place: it ends with a leap."""
    before = readings[place - 1]
    lowest = readings[place].state
    for end in range(place + 1, len(readings)):
        reading = readings[end]
        if reading.start - before.start > NEAR:
            break
        if reading.state >= before.state:
            leap = reading.state - readings[end - 1].state
            leaps = leap >= (reading.state - lowest) / 2
            return tuple(readings[place - 1 : end + 1]) if leaps else ()
        lowest = min(lowest, reading.state)
    return ()


def _since_rise(readings: Sequence[MeterReading], place: int) -> tuple[MeterReading, ...]:
    """Return the readings of a spike that ends at a place: it begins with a leap."""
    after = readings[place]
    highest = readings[place - 1].state
    for begin in range(place - 2, -1, -1):
        reading = readings[begin]
        if after.start - reading.start > NEAR:
            break
        if reading.state <= after.state:
            leap = readings[begin + 1].state - reading.state
            leaps = leap >= (highest - reading.state) / 2
            return tuple(readings[begin : place + 1]) if leaps else ()
        highest = max(highest, reading.state)
    return ()
