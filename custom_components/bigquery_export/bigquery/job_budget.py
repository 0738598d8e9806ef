"""How many load jobs a table may still have: BigQuery allows 1,500 in 24 hours.

Jobs that fail count, and the limit cannot be raised (BigQuery's page "Quotas and limits", "Load
jobs"). When it is used up, nothing gets into the table for hours, not even by other ways to append.
"""

from collections import defaultdict, deque
from collections.abc import Callable
import time

from ..errors import LoadJobsUsedUpError

_DAY = 24 * 60 * 60.0
_FREE_JOBS = 1_000
"""Jobs in a day that may begin at once."""
_MAX_JOBS = 1_450
"""The rest of 1,500 is for what cannot wait: transactions in doubt, and a user's own jobs."""


class JobBudget:
    """Remembers when the load jobs of each table were begun, in this process.

    It knows nothing of the jobs of others and of those before a restart; those BigQuery counts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a job; the clock is in seconds and never runs backwards."""
        self._clock = clock
        self._begun: defaultdict[str, deque[float]] = defaultdict(deque)

    def count(self, table: str) -> None:
        """Remember that a job was begun just now."""
        self._begun[table].append(self._clock())

    @property
    def used(self) -> int:
        """Return how many jobs the table has had within a day that has had most of them."""
        since = self._clock() - _DAY
        jobs = [list(begun) for begun in list(self._begun.values())]  # Others may count meanwhile.
        return max((sum(time > since for time in times) for times in jobs), default=0)

    def check(self, table: str) -> None:
        """Raise LoadJobsUsedUpError when a job has to wait.

        The first ones of a day need not. The others are spread evenly over the time until the
        oldest is a day old, so that the export continues at all times.
        """
        begun = self._begun[table]
        now = self._clock()
        while begun and begun[0] <= now - _DAY:
            begun.popleft()
        if len(begun) < _FREE_JOBS:
            return
        wait = self._next(begun) - now
        if wait > 0:
            raise LoadJobsUsedUpError(used=f"{len(begun):,}", retry_after=wait)

    @staticmethod
    def _next(begun: deque[float]) -> float:
        """Return when the next job may begin."""
        if (over := len(begun) - _MAX_JOBS) >= 0:
            return begun[over] + _DAY
        return begun[-1] + (begun[0] + _DAY - begun[-1]) / (_MAX_JOBS - len(begun))
