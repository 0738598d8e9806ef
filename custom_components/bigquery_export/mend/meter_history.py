"""What a meter has done before, by which it is judged whether two readings belong together.

A false alarm is worse than a sum that stays as it is: so what is not known for sure is no finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..source.meter_readings import MeterReading
from .contradiction import HOUR, NEAR, Kind, Span, fell_for_good, follows, precision

_DAY = 24 * HOUR
_SHORTEST, _LONGEST = 40 * _DAY, 400 * _DAY
"""How far back a meter is looked at: so that one that is reset each month shows it."""
_GAPS = 3
"""And as many times as far as the readings are apart."""
_KNOWN = 2 * _DAY
"""For how long a meter must be known."""
_FEWEST = 24
"""How many hours of it must be known."""
_FASTER = 2.0
"""Within a few hours a meter may count so many times faster than ever before."""
_IMPOSSIBLE = 10.0
"""But what is so many times faster was not counted."""


def looked_at(span: Span) -> float:
    """Return from when on a meter's history is needed to judge a span."""
    gap = span.last.start - span.first.start
    return span.first.start - min(_LONGEST, max(_SHORTEST, _GAPS * gap))


@dataclass(frozen=True, slots=True)
class MeterHistory:
    """What a meter did before some time."""

    seconds: float
    """For how long it is known."""
    resets: int
    hours: int
    """How many hours there are in which it ran undisturbed."""
    fastest: float
    """The most that it counted in an hour, of these."""

    def confirms(self, span: Span) -> bool:
        """Return whether both readings of a span are of one meter, and its sum is wrong.

        They are if it has never been reset in a time that is longer than what is between, and has
        been as fast at least. A meter with a reading above those of the one that it replaces is
        hardly ever one that could have counted the difference.
        """
        if self.hours < _FEWEST or self.seconds < _KNOWN:
            return False
        same_cycle = span.first.last_reset is not None  # That of the last reading is the same.
        if self.resets and not same_cycle:
            return False
        at_most = self.fastest * span.hours + precision(span.first, span.last)
        if span.kind is Kind.OUTAGE:
            known = self.seconds >= min(span.last.start - span.first.start, _SHORTEST)
            return span.by_meter <= at_most and (known or same_cycle)
        return span.by_meter <= _FASTER * at_most and span.by_sum > _IMPOSSIBLE * at_most


def meter_history(readings: Sequence[MeterReading]) -> MeterHistory:
    """Return what hours of a meter say of it; they are in the order of time."""
    resets = 0
    disturbed: list[float] = []
    for place, (before, after) in enumerate(pairwise(readings), 1):
        if not follows(before, after):
            disturbed.append(after.start)
            resets += fell_for_good(readings, place)
    hours, fastest = 0, 0.0
    passed = 0
    for before, after in pairwise(readings):
        while passed < len(disturbed) and disturbed[passed] < after.start - NEAR:
            passed += 1
        if passed < len(disturbed) and disturbed[passed] <= after.start + NEAR:
            continue
        hours += 1
        took = (after.start - before.start) / HOUR
        fastest = max(fastest, abs(after.state - before.state) / took)
    seconds = readings[-1].start - readings[0].start if readings else 0.0
    return MeterHistory(seconds, resets, hours, fastest)
