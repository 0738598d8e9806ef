"""One copy of an export: its own journal, position, errors and retries."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
import logging
from time import monotonic

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import instance_id
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..const import CONF_PAUSED, DOMAIN
from ..copies.copy_subentry import Copy
from ..errors import AnotherExportError, ExportError, StoppedError, TransientError, WaitingError
from ..export.backoff import delay
from ..export.checkpoint import Checkpoint
from ..export.job import Job
from ..export.response_time import ResponseTime
from ..rows.export_log import Trigger
from ..settings.options import options_from
from ..status.backlog import async_read_backlog
from ..status.copy_status import CopyIssues, CopyStatus
from ..status.export_status import Status
from ..translation import async_reason, async_text
from .copy_storage import CopyStorage, OpenCopy
from .destination_tables import STOP_TIMEOUT
from .requests import EVERYTHING

_LOGGER = logging.getLogger(__name__)
_SHOWN_AFTER = 3.0
"""Seconds after which a running copy is shown: each change of a state is a row of the next one."""
_LASTING = 10
"""So many failures in a row hardly pass by themselves."""


class CopyRunner:
    """Copies what waits, one time after another, whatever becomes of other exports."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, copy: Copy, on_change: Callable[[], None]
    ) -> None:
        """Prepare a copy; nothing is read, and its library is not loaded."""
        self._hass = hass
        self._entry = entry
        self.copy = copy
        self._on_change = on_change
        self._storage = CopyStorage(hass, entry, copy)
        self._issues = CopyIssues(hass, entry, copy.subentry_id, copy.title)
        self._open: OpenCopy | None = None
        self._opening = asyncio.Lock()
        self._job: Job | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancel_retry: CALLBACK_TYPE | None = None
        self._failures = 0
        self._shows = False
        """Whether it is shown that a copy is running."""
        self._waiting: int | None = None
        self._error: ExportError | None = None
        self.last_error: str | None = None
        self.last_error_kind: str | None = None
        self.last_response: ResponseTime | None = None
        """When the destination has answered last, and how long its tables took to be looked at."""
        self._checkpoint = Checkpoint()
        """The checkpoint until the journal is open."""
        self._stopped = False

    @property
    def checkpoint(self) -> Checkpoint:
        """Return how far all tables are copied."""
        return self._open.journal.checkpoint if self._open else self._checkpoint

    @property
    def is_behind(self) -> bool:
        """Return whether it has never had all rows, or has a backfill to do."""
        positions = self.checkpoint.positions
        return not self.checkpoint.last_export or any(one.until for one in positions.values())

    @property
    def is_running(self) -> bool:
        """Return whether rows are being copied."""
        return self._task is not None and not self._task.done()

    @property
    def status(self) -> CopyStatus:
        """Return the status as entities show it."""
        last = self.checkpoint.last_export
        return CopyStatus(
            status=self._activity,
            last_error=self.last_error,
            last_export=dt_util.utc_from_timestamp(last) if last else None,
            rows_waiting=self._waiting,
        )

    async def async_load(self) -> None:
        """Read the checkpoint, and what is missing; files that cannot be read are its failure."""
        try:
            self._checkpoint = await self._hass.async_add_executor_job(self._storage.load)
            await self._async_look()
        except OSError as err:
            self._async_broke_down(err)

    @callback
    def async_begin(self, trigger: Trigger) -> asyncio.Task[None] | None:
        """Begin to copy what waits, unless that is being done; return the task."""
        if not self._stopped and not self.is_running:
            self._async_forget_retry()
            # Not the entry's own: copies go on where that cannot be set up.
            self._task = self._hass.async_create_background_task(
                self._async_run(trigger), f"{DOMAIN} copy", eager_start=False
            )
        return self._task

    async def async_try(self) -> ExportError | None:
        """Copy what waits because the user has asked for it; return why that fails, if it does.

        If a copy of this Home Assistant has gone on, this one takes over.
        """
        if isinstance(self._error, AnotherExportError) and self._open:
            await self._open.journal.async_take_over()
        if task := self.async_begin(Trigger.ACTION):
            await asyncio.shield(task)
        return self._error

    async def async_acknowledge(self) -> None:
        """Forget rows that are missing. Raises ExportError."""
        journal = (await self._async_opened()).journal
        await journal.async_update(partial(replace, gaps=(), left_out=0))
        await self._hass.async_add_executor_job(journal.rejected_rows.remove)
        await self._async_look()

    @callback
    def async_pause(self, paused: bool) -> None:
        """Make a backfill wait, or continue."""
        if paused:
            self._async_forget_retry()
        if self._job:
            self._job.pause(paused)

    async def async_stop(self) -> None:
        """Stop: what is not committed is copied after the next start."""
        self._stopped = True
        self._async_forget_retry()
        if self._job:
            self._job.stop()
        if self._open:
            await self._hass.async_add_executor_job(self._open.destination.stop)
        if task := self._task:
            await asyncio.wait([task], timeout=STOP_TIMEOUT)
            task.cancel()
        if self._open:
            self._open.jobs.async_close()
            await self._hass.async_add_executor_job(self._open.destination.close)

    @property
    def _activity(self) -> Status:
        if self._shows:
            return Status.EXPORTING
        if self._entry.data.get(CONF_PAUSED):
            return Status.PAUSED
        if self._cancel_retry:
            return Status.RETRYING
        return Status.FAILED if self.last_error else Status.IDLE

    async def _async_run(self, trigger: Trigger) -> None:
        """Copy what waits, and record how that ends."""
        cancel_show = async_call_later(self._hass, _SHOWN_AFTER, self._async_show)
        try:
            await self._async_copy(trigger)
        except StoppedError:
            return
        except ExportError as err:
            self._async_failed(err)
        except Exception as err:
            self._async_broke_down(err)
        else:
            if self.last_error:
                _LOGGER.info("The copy %s works again", self.copy.title)
            self._error = self.last_error = self.last_error_kind = None
            self._failures = 0
            self._issues.async_show_failure(None)
        finally:
            cancel_show()
            self._job, self._shows = None, False
            if self._open:
                self._open.jobs.async_end()
        await self._async_look()
        self._on_change()

    async def _async_copy(self, trigger: Trigger) -> None:
        """Copy new rows, and what Home Assistant has changed of old ones. Raises ExportError."""
        opened = await self._async_opened()
        tables = options_from(self._entry.options).tables
        source = await instance_id.async_get(self._hass)
        began = monotonic()
        await self._hass.async_add_executor_job(opened.destination.ensure, tables, source)
        self.last_response = ResponseTime.since(began)
        run = await opened.jobs.async_new_run(trigger, EVERYTHING)
        run.pause(bool(self._entry.data.get(CONF_PAUSED)))
        await self._async_run_job(run)
        if corrections := await opened.jobs.async_new_corrections(EVERYTHING):
            await self._async_run_job(corrections)
        await self._hass.async_add_executor_job(opened.destination.maintain)

    async def _async_run_job(self, job: Job) -> None:
        self._job = job
        if self._stopped:
            raise StoppedError
        await job.async_run()

    async def _async_opened(self) -> OpenCopy:
        """Return the journal and what belongs to it, opened by the first call.

        A job and a repair may ask at the same time: two journals would overwrite each other.
        """
        async with self._opening:
            if self._open is None:
                self._open = await self._storage.async_open()
                await self._open.jobs.async_load()
            return self._open

    @callback
    def _async_failed(self, err: ExportError) -> None:
        """Show what to do, and try again later by itself if that may help."""
        self._error = err
        self._failures += not isinstance(err, WaitingError)
        self._async_tell_failure(err.key, async_reason(self._hass, err))
        passes = isinstance(err, TransientError)
        lasts = not passes or (self._failures >= _LASTING and not isinstance(err, WaitingError))
        self._issues.async_show_failure(self.last_error if lasts else None)
        if passes and not (self._stopped or self._entry.data.get(CONF_PAUSED)):
            seconds = delay(self._failures, getattr(err, "retry_after", None))
            self._cancel_retry = async_call_later(self._hass, seconds, self._async_retry)

    @callback
    def _async_broke_down(self, err: Exception) -> None:
        """Show an error that is not ours."""
        _LOGGER.error("Unexpected error in the copy %s", self.copy.title, exc_info=err)
        self._error, kind = None, type(err).__name__
        reason = async_text(self._hass, "exceptions", "unexpected.message", {"error": kind})
        self._async_tell_failure(kind, reason)
        self._issues.async_show_failure(reason)

    @callback
    def _async_tell_failure(self, kind: str, reason: str) -> None:
        """Log why it failed, once for as long as it fails for the same reason."""
        level = logging.DEBUG if kind == self.last_error_kind else logging.ERROR
        self.last_error, self.last_error_kind = reason, kind
        _LOGGER.log(level, "The copy %s failed: %s", self.copy.title, reason)

    @callback
    def _async_retry(self, _: datetime) -> None:
        self._cancel_retry = None
        self.async_begin(Trigger.SCHEDULE)

    @callback
    def _async_forget_retry(self) -> None:
        if self._cancel_retry:
            self._cancel_retry()
            self._cancel_retry = None

    @callback
    def _async_show(self, _: datetime) -> None:
        self._shows = True
        self._on_change()

    async def _async_look(self) -> None:
        """Count the rows that wait, and show those that will be missing."""
        with suppress(ExportError):  # The recorder is busy: the last number stays.
            options = options_from(self._entry.options)
            backlog = await async_read_backlog(self._hass, options, self.checkpoint)
            self._waiting = backlog.total
        rejected = await self._hass.async_add_executor_job(self._storage.rejected_rows.count)
        rejected += self.checkpoint.left_out
        deleted = sum(gap.rows for gap in self.checkpoint.gaps)
        problem = None
        if rejected or deleted:
            numbers = {"rejected": rejected, "deleted": deleted}
            problem = async_text(self._hass, "exceptions", "copy_incomplete.message", numbers)
        self._issues.async_show_missing(problem)
