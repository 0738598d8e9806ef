"""Giving way to other threads, in the middle of long computations."""

from time import sleep

_BREATH = 0.0001
"""Seconds to sleep; with 0 the sleep would end before another thread has woken up."""


def give_way() -> None:
    """Let another thread run: Python would otherwise make it wait for 5 ms."""
    sleep(_BREATH)
