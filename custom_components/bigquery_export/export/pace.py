"""The pace of an export: it pauses for other work, and longer while the event loop is busy."""

import asyncio
from time import monotonic

from ..source.plan import PIECE_ROWS

_PAUSE = 0.01
"""Seconds of the first pause."""
_SHORTEST = 0.002
_LONGEST = 1.0
_LATE = 0.005
"""Seconds by which a sleep may be late before the event loop counts as busy."""
_PIECE_SECONDS = 0.004
"""How long one piece may take; Python lets another thread run after it has waited for 5 ms."""
_FIRST = 250
_FEWEST = 100


class Pace:
    """How long an export pauses between two pieces, and how many rows a piece has."""

    def __init__(self) -> None:
        """Begin with small pieces: the speed of the machine is not known yet."""
        self._pause = _PAUSE
        self.rows = _FIRST
        """Rows that the next piece should have at most."""

    async def async_rest(self) -> None:
        """Pause for other work: longer while the event loop is busy."""
        due = monotonic() + self._pause
        await asyncio.sleep(self._pause)
        if monotonic() - due > _LATE:
            self._pause = min(_LONGEST, self._pause * 2)
        else:
            self._pause = max(_SHORTEST, self._pause * 0.9)

    def learn(self, rows: int, seconds: float) -> None:
        """Adapt to how long it took to encode so many rows, in seconds of processor time."""
        if rows:
            fitting = _PIECE_SECONDS * rows / max(seconds, 1e-6)
            # Only halfway: the first rows after a change take longer than all others.
            self.rows = round(min(PIECE_ROWS, max(_FEWEST, (self.rows + fitting) / 2)))
