"""What one statistic lacks in some time, and how its sums fit together.

A sum grows from wherever a database began to count. Where hours of another database come between
or before those of the recorder, one of the two is shifted, so that at each seam the sum grows by as
much as the meter did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..source.recorded_hours import RecordedHour
from .request import Seam
from .versions import Hour

_TOLERANCE = 1e-6
_RELATIVE = 1e-9
"""What sums may differ by because they are rounded."""


@dataclass(slots=True)
class HoursPlan:
    """What to import of one statistic, and which sums to shift."""

    imports: list[Hour] = field(default_factory=list)
    """Hours that are not there, with sums that fit the recorder's."""
    targets: list[tuple[float, float]] = field(default_factory=list)
    """From which row on to shift all sums, and the sum of that row afterwards."""
    present: int = 0
    """Hours of BigQuery that are there."""
    seam: Seam | None = None
    """The last hour, where it was brought back."""
    last: tuple[float, float] | None = None
    """The last hour of BigQuery: its start, and its sum there."""
    shift: float = 0.0
    """By how much all sums after the last target are shifted."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the time before a plan."""

    ours: RecordedHour | None = None
    """The last hour that the recorder has."""
    theirs: tuple[float, float] | None = None
    """The last hour of BigQuery: its start, and its sum there."""
    seam: Seam | None = None
    """The last hour that was brought back, if no other was seen behind it."""
    following: RecordedHour | None = None
    """The first row behind the seam, if there is one before the time of the plan."""
    shift: float = 0.0
    """By how much the recorder's sums are to be shifted, but are not yet."""


def plan(
    theirs: Sequence[Hour], ours: Sequence[RecordedHour], before: Before, *, has_sum: bool
) -> HoursPlan:
    """Return what to import so that the recorder has all hours of BigQuery.

    Both are in the order of their times.
    """
    result = HoursPlan(seam=before.seam, last=before.theirs, shift=before.shift)
    _end_seam(result, before)
    recorded = {hour.start: hour for hour in ours}
    wanted = {hour.start: hour for hour in theirs}
    starts = sorted(recorded.keys() | wanted.keys())
    walk = _Walk(result, before, starts[0] if starts else float("inf"))
    for start in starts:
        own, their = recorded.get(start), wanted.get(start)
        if their and own:
            result.present += 1
        if own:
            if has_sum:
                walk.keep(own)
        elif their:
            result.imports.append(walk.bring(their) if has_sum else their)
        if their and their.sum is not None:
            result.last = (start, their.sum)
    return result


def _end_seam(result: HoursPlan, before: Before) -> None:
    """Shift what follows a seam, where the recorder has hours behind it before the plan's time."""
    if before.seam is None or before.following is None or before.following.sum is None:
        return
    following = before.following._replace(sum=before.following.sum + before.shift)
    if target := seam_target(before.seam, following):
        result.targets.append(target)
        result.shift += target[1] - (following.sum or 0)
    result.seam = None


def seam_target(seam: Seam, after: RecordedHour) -> tuple[float, float] | None:
    """Return the sum of the row after a seam as it has to be; None if it is so."""
    if after.sum is None:
        return None
    wanted = seam.sum + _step(seam, after, after.sum)
    return None if alike(wanted, after.sum) else (after.start, wanted)


def alike(one: float, other: float) -> bool:
    """Return whether two sums are the same but for their rounding."""
    return abs(one - other) <= max(_TOLERANCE, _RELATIVE * max(abs(one), abs(other)))


class _Walk:
    """Goes through the hours of a statistic, and knows the last sum."""

    def __init__(self, result: HoursPlan, before: Before, first: float) -> None:
        self._result = result
        self._restored_until = before.seam.start if before.seam else float("-inf")
        """Hours up to then were brought back, even if the recorder has them by now."""
        self._last: Seam | None = None
        hour = before.ours
        if hour and hour.sum is not None:
            self._last = Seam(hour.start, hour.sum + result.shift, hour.state, hour.last_reset)
        seam = before.seam
        # What was interrupted may have been about to bring back hours of this time.
        if seam and seam.start < first and (self._last is None or self._last.start <= seam.start):
            self._last = seam

    def keep(self, hour: RecordedHour) -> None:
        """Go past an hour that the recorder has, and shift it if it is behind a seam."""
        if hour.sum is None:
            return
        result = self._result
        if hour.start <= self._restored_until:
            self._last = result.seam = Seam(hour.start, hour.sum, hour.state, hour.last_reset)
            return
        shifted = hour._replace(sum=hour.sum + result.shift)
        if result.seam and (target := seam_target(result.seam, shifted)):
            result.targets.append(target)
            result.shift += target[1] - (shifted.sum or 0)
            shifted = hour._replace(sum=target[1])
        result.seam = None
        self._last = Seam(hour.start, shifted.sum or 0, hour.state, hour.last_reset)

    def bring(self, hour: Hour) -> Hour:
        """Go past an hour that is to be imported, and return it with the sum that fits."""
        if hour.sum is None:
            return hour
        brought = hour._replace(sum=self._fitting(hour, hour.sum))
        self._last = self._result.seam = Seam(
            hour.start, brought.sum or 0, hour.state, hour.last_reset
        )
        return brought

    def _fitting(self, hour: Hour, total: float) -> float:
        if (last := self._last) is None:
            return total
        if self._result.last and self._result.last[0] == last.start:
            fitting = total + (last.sum - self._result.last[1])
        else:
            fitting = last.sum + _step(last, hour, None)
        return total if alike(fitting, total) else fitting


def _step(last: Seam, hour: Hour | RecordedHour, counted: float | None) -> float:
    """Return by how much the sum grows from an hour to the next.

    It is the difference of the meter's states. Where the meter was reset in between, or its states
    are not known, it is what the recorder has counted itself since it began, if that is known.
    """
    if last.state is not None and hour.state is not None and last.last_reset == hour.last_reset:
        step = hour.state - last.state
        if step >= 0:
            return step
    if counted is not None and hour.state is not None and 0 <= counted <= hour.state:
        return counted
    return 0.0
