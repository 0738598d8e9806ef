"""A slower processor: a process that is stopped and continued by turns."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
import signal
from threading import Event, Thread

_TURN = 0.002
"""Seconds of one turn: short beside what the event loop's lag is measured for."""


@contextmanager
def slowed(process: int, share: float) -> Iterator[None]:
    """Let a process have a share of its time while the context lasts, all its threads together."""
    over = Event()
    thread = Thread(target=_stop_and_continue, args=(process, share, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _stop_and_continue(process: int, share: float, over: Event) -> None:
    with suppress(ProcessLookupError):
        while not over.is_set():
            try:
                os.kill(process, signal.SIGSTOP)
                over.wait(_TURN * (1 - share))
            finally:
                os.kill(process, signal.SIGCONT)
            over.wait(_TURN * share)
