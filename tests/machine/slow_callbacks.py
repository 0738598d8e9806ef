"""Which callbacks hold up the event loop: asyncio's debug mode, on a machine that may be busy.

asyncio measures the clock, which goes on while others have the processors. What a callback computes
holds up the event loop, and what it waits for as well, such as a file. That this process was ready
to run, and others were run, is not its fault.

This module imports nothing of ours: `launcher.py` runs it where nothing of ours can be imported.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import logging
import os
from pathlib import Path
import time
from typing import override

_TASKS = Path("/proc/self/task")
"""A folder for each thread. The second number of `schedstat`: nanoseconds in which it was ready to
run, and others ran (Linux's page "Scheduler Statistics")."""
_STAT = Path("/proc/stat")
"""The eighth number of a processor's line: ticks in which the host ran others than this virtual
machine (proc_stat(5))."""
_STOLEN = 8
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.02
"""How old a look at all threads may be; it takes half a millisecond."""
_TOOK = "Executing %s took %.3f seconds"
"""What asyncio logs; the arguments are the callback and its seconds."""


def stolen() -> dict[str, float]:
    """Return the seconds so far that the host took away, by processor; {} if it is not known."""
    with suppress(OSError, IndexError, ValueError):
        lines = (line.split() for line in _STAT.read_text().splitlines())
        return {
            line[0]: int(line[_STOLEN]) * _TICK
            for line in lines
            if line[0].startswith("cpu") and line[0] != "cpu"
        }
    return {}


class _Delays:
    """How long this process has been kept waiting for a processor since the last look.

    A thread that waits may have Python's lock, so that the event loop waits with it: it is the
    longest delay of any thread that counts. Where the kernel does not tell, it is 0.
    """

    def __init__(self) -> None:
        self.looked = 0.0
        self._threads: dict[str, int] = {}
        self._stolen: dict[str, float] = {}

    def look(self) -> None:
        """Begin anew."""
        self.looked = time.monotonic()
        self._threads = _ready()
        self._stolen = stolen()

    def seconds(self) -> float:
        """Return the seconds since the last look."""
        ready = max((now - self._threads.get(id_, 0) for id_, now in _ready().items()), default=0)
        taken = max((now - self._stolen.get(cpu, now) for cpu, now in stolen().items()), default=0)
        return ready / 1e9 + taken


def _ready() -> dict[str, int]:
    """Return the nanoseconds so far in which threads were ready and did not run, by their ids."""
    delays = {}
    with suppress(OSError):
        for thread in os.listdir(_TASKS):
            # One may end meanwhile.
            with suppress(OSError, IndexError):
                delays[thread] = int((_TASKS / thread / "schedstat").read_text().split()[1])
    return delays


class _SlowByThemselves(logging.Filter):
    """Lets pass what asyncio logs of callbacks that were slow without a busy machine, too."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._delays = _Delays()
        self._computed = 0.0

    def begin(self) -> None:
        """Note that a callback begins."""
        if time.monotonic() - self._delays.looked >= _LOOK_SECONDS:
            self._delays.look()
        self._computed = time.thread_time()

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != _TOOK or not isinstance(record.args, tuple):
            return True
        computed = time.thread_time() - self._computed
        seconds = record.args[1]
        assert isinstance(seconds, float)
        return max(computed, seconds - self._delays.seconds()) >= self._seconds


@contextmanager
def logged_slow_callbacks(loop: asyncio.AbstractEventLoop, seconds: float) -> Iterator[None]:
    """Let asyncio log each callback that holds up the event loop for so many seconds.

    To be used in the thread of the event loop, for one loop at a time.
    """
    slow = _SlowByThemselves(seconds)
    run: Callable[[asyncio.Handle], None] = asyncio.Handle._run

    def noted_run(handle: asyncio.Handle) -> None:
        slow.begin()
        run(handle)

    logger = logging.getLogger(asyncio.__name__)
    logger.addFilter(slow)
    loop.set_debug(True)
    loop.slow_callback_duration = seconds
    # In debug mode each future notes the source lines that it was made in, which itself takes up
    # to 80 ms when the files are read for it. The log does without.
    loop.get_debug = lambda: False  # type: ignore[method-assign]
    asyncio.Handle._run = noted_run  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        asyncio.Handle._run = run  # type: ignore[assignment, method-assign]
        del loop.get_debug
        loop.set_debug(False)
        logger.removeFilter(slow)
