"""Live exports: between two exports of the schedule, what the recorder commits is sent at once."""

import asyncio
from collections.abc import Callable, Sequence
import logging
from time import monotonic, time

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import ExportError, StoppedError
from ..export.checkpoint import Gap
from ..export.live_run import LiveRun
from ..source.recorder_commits import RecorderCommits
from ..translation import translated
from .destination_tables import STOP_TIMEOUT
from .factory import JobFactory
from .removal_file import RemovalFile

_LOGGER = logging.getLogger(__name__)
_PATIENCE = 240.0
"""Seconds for which nothing is sent live after it has failed again: until another export."""


class Live:
    """Follows the recorder with one live run at a time, while no job runs."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        jobs: JobFactory,
        found: Callable[[Sequence[Gap]], None],
    ) -> None:
        """Prepare; `found` is called with rows that cannot be read."""
        self._hass = hass
        self._entry = entry
        self._jobs = jobs
        self._found = found
        self._run: LiveRun | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._ends = False
        self._begins = False
        """Whether another run is to begin when the one that ends has."""
        self._failures = 0
        """How many live runs have failed since rows were appended."""
        self._failed_at = 0.0
        """When the last of them did, by the clock `monotonic`."""
        self.on_failed: Callable[[], None] = lambda: None
        """Called when a live run has failed: an export finds out what is wrong, and tells it."""
        self.delay: float | None = None
        """Seconds from the time of the newest row to its acknowledgement, of the last append."""

    @property
    def is_on(self) -> bool:
        """Return whether new rows are sent as soon as they are committed."""
        return self._jobs.is_live

    @callback
    def async_begin(self) -> None:
        """Follow the recorder until `async_stop`, if exports are live."""
        waits = self._failures > 1 and monotonic() - self._failed_at < _PATIENCE
        if waits or not self.is_on:
            return
        if self._task and not self._task.done():
            self._begins = self._ends  # When what is under way has ended.
            return
        self._ends = self._begins = False
        self._task = self._entry.async_create_background_task(
            self._hass, self._async_follow(), f"{DOMAIN} live"
        )

    @callback
    def async_stop(self) -> None:
        """Follow the recorder no more, when the append that is under way has ended."""
        self._ends, self._begins = True, False
        self._wake.set()
        if self._run:
            self._run.stop()

    async def async_end(self) -> None:
        """Stop, and wait until nothing is under way.

        An append that is not answered is broken off; the next job decides what became of it.
        """
        self.async_stop()
        if self._task:
            _, pending = await asyncio.wait([self._task], timeout=STOP_TIMEOUT)
            if pending:
                self._jobs.async_close_streams()
                await asyncio.wait(pending)
            self._task = None

    @callback
    def _async_begin_again(self) -> None:
        """Begin another run, unless it was stopped since the last one has ended."""
        if self._begins:
            self.async_begin()

    async def _async_follow(self) -> None:
        commits = RecorderCommits(self._hass, self._wake.set)
        removal = RemovalFile(self._hass, self._entry.entry_id)
        try:
            if await self._hass.async_add_executor_job(removal.load):
                self.on_failed()  # An export waits until new tables take rows.
                return
            self._run = run = await self._jobs.async_new_live_run()
            if self._ends:
                return
            commits.listen()
            await run.async_run()
            while not self._ends:
                self._wake.clear()
                if await run.async_look() and (newest := run.newest):
                    self.delay = max(0.0, time() - newest)
                    self._failures = 0
                await self._wake.wait()
        except StoppedError:
            pass
        except ExportError as err:
            if not self._ends:  # Else it may have been broken off, and a job follows.
                self._async_failed(err)
        except Exception as err:
            _LOGGER.exception("A live export has failed")
            self._async_failed(err)
        finally:
            commits.close()
            if self._run:
                self._found(self._run.gaps)
            self._run = None
            if self._begins:
                self._hass.loop.call_soon(self._async_begin_again)

    @callback
    def _async_failed(self, err: Exception) -> None:
        """Let an export find out what is wrong; where it does not help, wait for the next one."""
        self._failures += 1
        self._failed_at = monotonic()
        if self._failures == 1:
            _LOGGER.debug("A live export has ended: %s", err)
            self.on_failed()
        elif self._failures == 2:
            why = translated(HomeAssistantError, err) if isinstance(err, ExportError) else err
            _LOGGER.warning(
                "New rows cannot be sent at once, but with the export of every five minutes: %s",
                why,
            )
