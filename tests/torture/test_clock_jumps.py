"""Tests of the clock of a machine in a torture."""

from pathlib import Path
from random import Random
from unittest.mock import Mock

import pytest

from tests.home.shifted_clock import WrongClock

from .clock_jumps import AHEAD, BEHIND, DAY, FAR_AHEAD, HOUR, ClockJumps


def test_a_clock_jumps_both_ways_and_back(tmp_path: Path) -> None:
    """Hours and days ahead and behind, half of the time back to right, and not too far at rest."""
    clock, say = WrongClock(tmp_path), Mock()
    jumps = ClockJumps(clock, Random(1), say)  # noqa: S311 - repeatable
    assert jumps.right
    seen: dict[str, list[float]] = {"at_rest": [], "while_running": []}
    for name, times in seen.items():
        for _ in range(200):
            getattr(jumps, name)()
            times.append(clock.seconds)
        assert 50 < times.count(0.0) < 100
    assert {*seen["at_rest"]} == {0.0, *AHEAD, *BEHIND}
    assert {*seen["while_running"]} == {0.0, *AHEAD, *BEHIND, *FAR_AHEAD}
    assert min(BEHIND) < -DAY
    assert max(FAR_AHEAD) > DAY
    assert jumps.done == say.call_count
    jumps.set_right()
    assert jumps.right


@pytest.mark.parametrize(
    ("seconds", "said"), [(5 * HOUR, "5.00 hours ahead"), (-DAY, "24.00 hours behind")]
)
def test_a_jump_is_said_and_counted_once(tmp_path: Path, seconds: float, said: str) -> None:
    """To stay is no jump."""
    clock, say = WrongClock(tmp_path), Mock()
    jumps = ClockJumps(clock, Mock(Random, random=lambda: 0.9, choice=lambda _: seconds), say)
    jumps.at_rest()
    jumps.while_running()
    assert jumps.done == 1
    assert not jumps.right
    say.assert_called_once_with(f"  the clock is {said}")
