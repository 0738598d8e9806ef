"""Limits for what is waited for, which a busy machine makes longer.

What a test waits for has no fault when the machine gives its processors to others. So a limit is in
seconds by the clock, and each in which some program was kept waiting for a processor comes on top.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
import time

from .slow_callbacks import stolen

MOST = 6
"""A limit gets longer by this factor at most."""

_PRESSURE = Path("/proc/pressure/cpu")
"""The last number of its first line: microseconds in which some program was ready to run, and
others ran (Linux's page "PSI - Pressure Stall Information")."""
_PAUSE = 0.05


class Patience:
    """A limit that began when this was made."""

    def __init__(self, seconds: float) -> None:
        """Allow so many seconds, and more when the machine is busy."""
        self._seconds = seconds
        self._began = time.monotonic()
        self._waits = _waits()

    @property
    def left(self) -> float:
        """Return the seconds that are left, as things stand."""
        waits = min(_waits() - self._waits, (MOST - 1) * self._seconds)
        return self._seconds + waits - (time.monotonic() - self._began)

    def check(self) -> None:
        """Raise TimeoutError when nothing is left."""
        if self.left <= 0:
            raise TimeoutError(f"it takes longer than {self._seconds:g} s, on an idle machine")


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait, in this thread, until a condition holds. Raises TimeoutError."""
    patience = Patience(seconds)
    while not condition():
        patience.check()
        time.sleep(_PAUSE)


async def async_wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds. Raises TimeoutError."""
    patience = Patience(seconds)
    while not condition():
        patience.check()
        await asyncio.sleep(_PAUSE)


@asynccontextmanager
async def patient(seconds: float) -> AsyncIterator[None]:
    """Cancel what is inside when it takes too long, as `asyncio.timeout` does: TimeoutError."""
    patience = Patience(seconds)
    async with asyncio.timeout(None) as limit:
        observer = asyncio.create_task(_end(limit, patience))
        try:
            yield
        finally:
            observer.cancel()


async def _end(limit: asyncio.Timeout, patience: Patience) -> None:
    while (left := patience.left) > 0:  # noqa: ASYNC110 (there is no event to wait for)
        await asyncio.sleep(min(left, _PAUSE))
    limit.reschedule(asyncio.get_running_loop().time())


def _waits() -> float:
    """Return the seconds so far in which programs of this machine were kept waiting.

    Where the kernel does not tell, it is what the host took away.
    """
    seconds = max(stolen().values(), default=0.0)
    with suppress(OSError, IndexError, ValueError):
        seconds += int(_PRESSURE.read_text().partition("\n")[0].rpartition("=")[2]) / 1e6
    return seconds
