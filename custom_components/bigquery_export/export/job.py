"""A job: what the runner runs, one at a time."""

from abc import ABC, abstractmethod
from time import monotonic
from typing import ClassVar

from .session import Result, Session


class Job(ABC):
    """The work of one session. It can be run once, and stopped or paused meanwhile."""

    settles: ClassVar[bool] = True
    """Whether it sends rows, before which every transaction in doubt must be settled."""

    logs_appends: ClassVar[bool] = True
    """Whether it first lets the export log tell of what was appended to open streams."""

    def __init__(self, session: Session) -> None:
        """Prepare; nothing is read yet."""
        self._session = session

    @property
    def result(self) -> Result:
        """Return what was done so far."""
        return self._session.result

    def stop(self) -> None:
        """Make the job end soon. What is not committed then is left to the next job."""
        self._session.stopped = True

    def pause(self, paused: bool) -> None:
        """Make backfills wait after their current transaction, or continue."""
        self._session.paused = paused

    async def async_run(self) -> Result:
        """Do the work, and return what was done. Raises ExportError.

        If it sends rows, the journal first settles what an earlier job may have left in doubt.
        """
        began = monotonic()
        try:
            if self.settles:
                await self._session.journal.async_settle()
                if self.logs_appends:
                    await self._session.journal.async_log_appends(self._session.delivery)
            await self._async_work()
        finally:
            self.result.seconds = self.result.seconds or monotonic() - began
        return self.result

    @abstractmethod
    async def _async_work(self) -> None:
        """Do the work. Raises ExportError."""
