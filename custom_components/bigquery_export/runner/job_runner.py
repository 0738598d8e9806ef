"""Running jobs one at a time, each in a task of its own, and telling who listens."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import ExportError, StoppedError
from ..export.job import Job
from ..export.session import Result
from ..export.task_result import async_result
from ..translation import translated, validation_error
from .destination_tables import STOP_TIMEOUT
from .listener import RunnerListener


class JobRunner(ABC):
    """Runs one job of a config entry at a time."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Run nothing yet."""
        self._hass = hass
        self._entry = entry
        self._job: Job | None = None
        self._task: asyncio.Task[Any] | None = None
        self._listeners: list[RunnerListener] = []
        self.stopped = False
        """Whether no other job begins."""

    @abstractmethod
    async def _async_before_job(self) -> None:
        """Wait until what is done between jobs has ended."""

    @callback
    @abstractmethod
    def _async_after_job(self) -> None:
        """Begin again what is done between jobs."""

    @property
    def is_running(self) -> bool:
        """Return whether a job is running."""
        return self._task is not None and not self._task.done()

    def check_idle(self) -> None:
        """Raise ServiceValidationError when a job is running."""
        if self.is_running:
            raise validation_error("already_running")

    @callback
    def async_listen(self, listener: RunnerListener) -> None:
        """Add a listener to the progress of jobs."""
        self._listeners.append(listener)

    async def async_run_alone[T](self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run work in a task of its own, if no job is running.

        Raises ServiceValidationError when one is, and HomeAssistantError when the work cannot
        continue.
        """
        self.check_idle()
        # Not eagerly: when listeners are told that it has begun, `is_running` must be true.
        task = self._entry.async_create_background_task(
            self._hass, self._async_alone(work), f"{DOMAIN} export", eager_start=False
        )
        self._task = task
        task.add_done_callback(lambda _: self._async_after_job())
        try:
            return await async_result(task)
        except ExportError as err:
            raise translated(HomeAssistantError, err) from err

    async def _async_alone[T](self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self._async_before_job()
        return await work()

    async def _async_run(self, job: Job) -> Result:
        """Run a job, which can be stopped from now on. Raises ExportError.

        Raises StoppedError if the runner was stopped while the job was made.
        """
        self._job = job
        if self.stopped:
            raise StoppedError
        return await job.async_run()

    async def _async_stop_job(self) -> None:
        """Stop a running job: it ends at its next piece, or is canceled after some seconds."""
        if task := self._task:
            if self._job:
                self._job.stop()
            await asyncio.wait([task], timeout=STOP_TIMEOUT)
            task.cancel()

    def _tell_begun(self) -> None:
        for listener in self._listeners:
            listener.begun()

    async def _async_tell_ended(self) -> None:
        for listener in self._listeners:
            await listener.ended()

    @callback
    def _async_progressed(self) -> None:
        if self.is_running:  # Otherwise gaps were acknowledged.
            for listener in self._listeners:
                listener.progressed()
