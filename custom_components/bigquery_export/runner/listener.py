"""What listens to the progress of jobs."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any


async def _async_nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class RunnerListener:
    """Callbacks about the progress of jobs; all of them are called on the event loop."""

    begun: Callable[[], None] = lambda: None
    progressed: Callable[[], None] = lambda: None
    """The checkpoint has moved."""
    ended: Callable[[], Coroutine[Any, Any, None]] = _async_nothing
    """Waited for before the events of the job are sent."""
