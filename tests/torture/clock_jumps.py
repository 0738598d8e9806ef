"""A machine's clock that is wrong for a while, as without a battery or a time server."""

from collections.abc import Callable
from random import Random

from tests.home.shifted_clock import WrongClock

MINUTE = 60.0
HOUR = 3_600.0
DAY = 86_400.0
BEHIND = (-200 * DAY, -3 * DAY, -5 * HOUR, -50 * MINUTE, -30.0)
"""With the last two Google still gives tokens."""
AHEAD = (30.0, 40 * MINUTE, 3 * HOUR, DAY)
FAR_AHEAD = (9 * DAY, 200 * DAY)
"""Only while it runs: at a start the recorder compiles statistics of all the time between."""
CHANCE_TO_BE_RIGHT = 0.5


class ClockJumps:
    """Sets the clock of a machine, mostly back to the right time."""

    def __init__(self, clock: WrongClock, random: Random, say: Callable[[str], None]) -> None:
        """Begin with a clock that is right."""
        self._clock = clock
        self._random = random
        self._say = say
        self.done = 0
        """How often it was set to another time."""

    @property
    def right(self) -> bool:
        """Say whether it is right now."""
        return not self._clock.seconds

    def at_rest(self) -> None:
        """Set it before Home Assistant starts."""
        self._jump((*BEHIND, *AHEAD))

    def while_running(self) -> None:
        """Set it while Home Assistant runs."""
        self._jump((*BEHIND, *AHEAD, *FAR_AHEAD))

    def set_right(self) -> None:
        """Set it right, as a time server does."""
        self._set(0.0)

    def _jump(self, times: tuple[float, ...]) -> None:
        right = not self.right and self._random.random() < CHANCE_TO_BE_RIGHT
        self._set(0.0 if right else self._random.choice(times))

    def _set(self, seconds: float) -> None:
        if seconds != self._clock.seconds:
            self.done += 1
            self._clock.seconds = seconds
            self._say(f"  the clock is {_in_words(seconds)}")


def _in_words(seconds: float) -> str:
    if not seconds:
        return "right"
    return f"{abs(seconds) / HOUR:.2f} hours {'ahead' if seconds > 0 else 'behind'}"
