"""Restores of one config entry: one at a time, which continues until it is done."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import instance_id

from ..bigquery.connection import Connection
from ..bigquery.listed_statistics import ListedStatistics
from ..const import CONF_PAUSED
from ..errors import ExportError, RowsNotListedError, StoppedError
from ..export.corrections.corrections import Since
from ..export.job import Job
from ..export.journal import Journal
from ..export.session import Result
from ..mend.mender import Mender
from ..restore.offer import async_older
from ..restore.report import RestoreReport
from ..restore.request import RestoreFile, RestoreRequest, RestoreState
from ..restore.restore import Restore
from ..rows.export_log import Trigger
from ..rows.statistics import STATISTICS
from ..settings.options import options_from
from ..source.readiness import async_read_recorder
from ..source.statistics import STATISTICS as RECORDED
from ..source.statistics_spans import StatisticsSpans
from ..status.issues import async_offer_restore
from ..translation import validation_error
from .factory import JobFactory
from .requests import ExportRequest

type Run = Callable[[Job], Awaitable[Result]]
"""Runs a job so that it can be stopped and paused."""
type Export = Callable[[Trigger, ExportRequest], Awaitable[Result]]

_LOGGER = logging.getLogger(__name__)
_STATISTICS = ExportRequest(tables=frozenset({STATISTICS.name}))


class Restorer:
    """Keeps the restore that is wanted, and makes the jobs that do it."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        connection: Connection,
        journal: Journal,
        jobs: JobFactory,
        mender: Mender,
        on_progress: Callable[[], None],
    ) -> None:
        """Prepare; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._journal = journal
        self._file = RestoreFile(hass, entry.entry_id)
        self._jobs = jobs
        self._mender = mender
        self._on_progress = on_progress
        self._state: RestoreState | None = None
        self._job: Restore | None = None
        self._report: RestoreReport | None = None

    async def async_load(self) -> None:
        """Read whether a restore is not done yet."""
        self._state = await self._hass.async_add_executor_job(self._file.load)

    @property
    def is_wanted(self) -> bool:
        """Return whether a restore is not done yet."""
        return self._state is not None

    @property
    def is_canceled(self) -> bool:
        """Return whether a restore was canceled that has not ended yet."""
        return self._state is not None and self._state.canceled

    @property
    def is_running(self) -> bool:
        """Return whether statistics come back now."""
        return self._job is not None

    @property
    def percent(self) -> float:
        """Return how much is done, in percent: all of it where no restore is wanted."""
        if self._state is None:
            return 100.0
        return self._report.percent if self._report else 0.0

    async def async_after_export(self, run: Run, export: Export) -> None:
        """Continue what is wanted, end what was canceled, or offer a restore. Raises ExportError.

        What BigQuery does not list yet waits for a later export.
        """
        if self.is_canceled:
            await self.async_end(run)
        elif not self.is_wanted:
            await self._async_offer()
        elif not self._paused:
            try:
                await self.async_continue(run, export)
            except RowsNotListedError as err:
                _LOGGER.debug("The restore waits until BigQuery lists all rows: %s", err)

    async def _async_offer(self) -> None:
        """Offer to bring statistics back, once for each database that is another one.

        The first database that an export sees is no other, unless BigQuery knows the export.
        """
        if STATISTICS not in options_from(self._entry.options).tables:
            return
        try:
            database = await async_read_recorder(self._hass, _database, self._hass)
            before = self._journal.checkpoint
            if database == before.examined:
                return
            if before.examined or before.unknown_before:
                source = await instance_id.async_get(self._hass)
                for older in await async_older(self._hass, ListedStatistics(self._connection)):
                    if older.source == source:
                        async_offer_restore(self._hass, self._entry, older.since, older.oldest)
        except ExportError as err:
            _LOGGER.debug("Whether BigQuery has older statistics is not known: %s", err)
        else:
            await self._journal.async_update(lambda now: replace(now, examined=database))

    async def async_want(self, request: RestoreRequest) -> None:
        """Remember what is wanted, until it is done.

        Raises ServiceValidationError where another restore is, and CheckpointUnwritableError.
        """
        if self.is_wanted:
            raise validation_error("restore_waiting")
        state = RestoreState(request)
        await self._hass.async_add_executor_job(self._file.save, state)
        self._state = state
        async_offer_restore(self._hass, self._entry, 0.0, None)

    async def async_cancel(self) -> None:
        """Import nothing more; what was begun is ended by the job, or by the next one.

        Raises ServiceValidationError where no restore is wanted, and CheckpointUnwritableError.
        """
        if self._state is None:
            raise validation_error("restore_none")
        if self._job:
            self._job.cancel()
            return
        self._state = replace(self._state, canceled=True)
        await self._hass.async_add_executor_job(self._file.save, self._state)

    @property
    def _paused(self) -> bool:
        return bool(self._entry.data.get(CONF_PAUSED))

    @callback
    def async_pause(self, paused: bool) -> None:
        """Make a running restore wait after its current batch, or continue."""
        if self._job:
            self._job.pause(paused)

    async def async_dry_run(self, request: RestoreRequest, run: Run) -> RestoreReport:
        """Return what a restore would bring back. Raises ExportError."""
        listed = ListedStatistics(self._connection)
        job = await self._jobs.async_new_restore(
            RestoreState(request), self._file, listed, lambda: None
        )
        await run(job)
        return job.report

    async def async_continue(self, run: Run, export: Export) -> RestoreReport:
        """Do what is wanted, between two exports of statistics. Raises ExportError.

        The first one finds out whether the recorder is another one, whose ids say nothing; the
        second one learns what came back, which is not sent. What was shifted is corrected. While
        BigQuery does not list all rows yet, only the first one is made.
        """
        await export(Trigger.RESTORE, _STATISTICS)
        async with self._new_job() as job:
            await job.async_check_listed()
            await self._async_correct(run, {})
            await run(job)
            await export(Trigger.RESTORE, _STATISTICS)
            await self._async_correct(run, job.shifted)
            await self._async_finish(job)
        return job.report

    async def async_end(self, run: Run) -> RestoreReport:
        """End a restore that was canceled: nothing is imported or exported. Raises ExportError.

        The next export learns what came back, and corrects what was shifted.
        """
        self._jobs.check_corrections_again = True
        async with self._new_job() as job:
            await run(job)
            await self._async_finish(job)
        return job.report

    async def _async_finish(self, job: Restore) -> None:
        """Finish a job, and let sums that have come back be compared with their meters."""
        await job.async_finish()
        if job.report.imported:
            await self._mender.async_look_back()

    @asynccontextmanager
    async def _new_job(self) -> AsyncIterator[Restore]:
        """Make a job of what is wanted, which can be canceled and paused from now on."""
        if (state := self._state) is None:
            raise StoppedError
        listed = ListedStatistics(self._connection)
        job = await self._jobs.async_new_restore(state, self._file, listed, self._on_progress)
        job.pause(self._paused)
        self._job, self._report = job, job.report
        try:
            yield job
        finally:
            self._job = None
            await self.async_load()
            if self._state is None:
                self._report = None

    async def _async_correct(self, run: Run, since: Since) -> None:
        """Check statistics for corrections; some have changed only since some times."""
        wanted = replace(_STATISTICS, force=True)
        if corrections := await self._jobs.async_new_corrections(wanted, since):
            await run(corrections)


def _database(hass: HomeAssistant) -> str:
    """Return what identifies the recorder's database; this blocks."""
    return StatisticsSpans(hass, RECORDED).database()
