"""The runner: runs the jobs of one config entry, one at a time, and alone writes its checkpoint."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import instance_id

from ..bigquery.connection import Connection
from ..bigquery.row_lookup import RowLookup
from ..const import CONF_PAUSED
from ..errors import AnotherExportError, ExportError, StoppedError, WaitingError
from ..export.checkpoint import Checkpoint
from ..export.fence import Fence
from ..export.phase_times import Phase
from ..export.response_time import ResponseTime
from ..export.session import Result
from ..mend.mender import Mender
from ..query.queries import Queries
from ..restore.report import Outcome, RestoreReport
from ..restore.request import RestoreRequest
from ..rows.export_log import Trigger
from ..status.export_events import ExportEvent, async_send_export_event, completed, failed
from ..status.health import ExportHealth
from ..status.issues import async_show_issue
from .copies import Copies
from .destination_tables import DestinationTables
from .factory import JobFactory
from .file_exporter import FileExporter
from .job_runner import JobRunner
from .live import Live
from .missing_rows import MissingRows
from .requests import EVERYTHING, ExportRequest
from .restorer import Restorer
from .storage import open_journal
from .table_removal import TableRemoval
from .verifier import Verifier


class Runner(JobRunner):
    """Runs the jobs of one config entry, one at a time, and alone writes its checkpoint."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, connection: Connection, fence: Fence
    ) -> None:
        """Prepare exports to the destination of a connection, behind a fence; nothing is read."""
        super().__init__(hass, entry)
        self._connection = connection
        self.tables = DestinationTables(hass, entry, connection)
        self._journal = open_journal(hass, entry, connection, fence, self._async_progressed)
        self.missing = MissingRows(hass, entry, self._journal)
        self._jobs = JobFactory(hass, entry, partial(RowLookup, connection), self._journal)
        self.verifier = Verifier(hass, entry, connection, self._journal)
        self.files = FileExporter(hass, entry, connection, self._journal)
        self.queries = Queries(hass, entry, connection, self._jobs)
        self.mender = Mender(hass, entry)
        self.restorer = Restorer(
            hass, entry, connection, self._journal, self._jobs, self.mender, self._async_progressed
        )
        self.removal = TableRemoval(
            hass,
            entry,
            connection,
            self._journal,
            self.tables,
            self.missing,
            self.restorer,
            self._async_tell_ended,
        )
        self.live = Live(hass, entry, self._jobs, self.missing.async_found)
        self.copies = Copies(hass, entry)
        self.health = ExportHealth(hass, entry)

    @property
    def checkpoint(self) -> Checkpoint:
        """Return how far all tables are exported."""
        return self._journal.checkpoint

    @property
    def load_jobs_used(self) -> int:
        """Return the number of load jobs within a day of the table that has used most."""
        return max(delivery.load_jobs_used for delivery in self._journal.deliveries.values())

    @property
    def last_response(self) -> ResponseTime | None:
        """Return BigQuery's last answer."""
        return self._connection.last_response

    @property
    def phase_seconds(self) -> Mapping[Phase, float]:
        """Return how many seconds the jobs have spent with what."""
        return self._jobs.times.seconds

    @property
    def paused(self) -> bool:
        """Return whether nothing begins by itself, and backfills wait."""
        return bool(self._entry.data.get(CONF_PAUSED))

    async def async_load(self) -> None:
        """Read the checkpoint, and show what the user has to know."""
        await self._journal.async_load()
        await self.restorer.async_load()
        await self.missing.async_load()
        if self.checkpoint.superseded:
            async_show_issue(self._hass, self._entry, AnotherExportError())
        await self.mender.async_load()
        await self.queries.async_load()
        await self._jobs.async_load()
        await self.copies.async_load()

    async def async_export(self, trigger: Trigger, wanted: ExportRequest = EVERYTHING) -> Result:
        """Export all waiting rows, or the requested ones; while paused, no backfill.

        Raises ServiceValidationError when a job is running already, and HomeAssistantError when
        this one cannot continue.
        """
        if wanted.tables is None:
            self.copies.async_begin(trigger)
        return await self.async_run_alone(lambda: self._async_export(trigger, wanted))

    async def async_restore(self, request: RestoreRequest) -> RestoreReport:
        """Bring statistics back from BigQuery; raises what `async_export` raises.

        One that is interrupted, paused or has to wait is continued by the next export.
        """
        return await self.async_run_alone(lambda: self._async_restore(request))

    async def async_end_restore(self) -> None:
        """End a restore that was canceled, without an export; raises what `async_export` raises."""
        await self.async_run_alone(self._async_end_restore)

    async def async_retry_rejected(self) -> Result:
        """Send the rejected rows again; raises what `async_export` raises."""
        return await self.async_run_alone(self._async_retry_rejected)

    async def async_discard_rejected(self) -> int:
        """Delete the rejected rows permanently, and return how many there were.

        Raises ServiceValidationError when a job is running; none can begin meanwhile.
        """
        return await self.async_run_alone(self._async_discard_rejected)

    async def async_mend(self, keys: Collection[str]) -> None:
        """Adjust sums; the next export corrects them. Raises what `Mender.async_mend` raises."""
        self._jobs.check_corrections_again = True
        await self.mender.async_mend(keys)

    async def async_take_over(self) -> None:
        """Let this export go on, although a copy of it has. Raises CheckpointUnwritableError."""
        await self._journal.async_take_over()

    @callback
    def async_pause(self, paused: bool) -> None:
        """Make the backfills of a running job wait or continue; cancel a retry when paused."""
        if paused:
            self.health.async_forget_retry()
            self.live.async_stop()
        if self._job:
            self._job.pause(paused)
        self.restorer.async_pause(paused)
        self.copies.async_pause(paused)

    @callback
    def async_follow(self) -> None:
        """Send what the recorder commits from now on, if that is chosen and all is well."""
        if not (self.stopped or self.paused or self.is_running or self.health.last_error):
            self.live.async_begin()

    async def async_stop(self) -> None:
        """Stop a running job: it ends at its next piece, and no other one begins."""
        self.stopped = True
        self._connection.stop()
        self.verifier.async_stop()
        self.mender.async_stop()
        self.health.async_forget_retry()
        await self.live.async_end()
        await self._async_stop_job()
        await asyncio.gather(
            self.tables.async_stop(),
            self.queries.async_stop(),
            self.copies.async_stop(),
            self.files.async_stop(),
        )
        self._jobs.async_close()

    async def async_close(self) -> None:
        """Close the connection to Google."""
        await self._hass.async_add_executor_job(self._connection.close)

    async def _async_before_job(self) -> None:
        """Wait until what is sent between exports is acknowledged."""
        await self.live.async_end()

    @callback
    def _async_after_job(self) -> None:
        self.async_follow()

    async def _async_export(self, trigger: Trigger, wanted: ExportRequest) -> Result:
        """Export, check for corrections, and send again what BigQuery lacks if requested."""
        async with self._running(trigger, everything=wanted.tables is None):
            result = await self._async_run_export(trigger, wanted)
            if corrections := await self._jobs.async_new_corrections(wanted):
                result.include(await self._async_run(corrections))
            if wanted.tables is None:
                self._jobs.check_corrections_again = False
                if not self.restorer.is_wanted:  # Until all hours are back, sums do not fit.
                    await self.mender.async_check(again=wanted.force)
            if wanted.force:
                resend = await self._async_run(await self._jobs.async_new_resend(wanted))
                result.include(resend)
                result.sent_again = resend.rows
            await self._async_note(result)
            if wanted.tables is None:
                await self.restorer.async_after_export(self._async_run, self._async_run_export)
                await self.queries.async_after_export()
                self.tables.async_ensure_views()
        async_send_export_event(self._hass, self._entry, completed(result, trigger))
        return result

    async def _async_restore(self, request: RestoreRequest) -> RestoreReport:
        """Bring statistics back, or say what would come back."""
        if not request.dry_run:
            await self.restorer.async_want(request)
            if self.paused:
                source = request.source or await instance_id.async_get(self._hass)
                return RestoreReport(source, dry_run=False, outcome=Outcome.PAUSED)
        async with self._running(Trigger.RESTORE, everything=False):
            if request.dry_run:
                return await self.restorer.async_dry_run(request, self._async_run)
            return await self.restorer.async_continue(self._async_run, self._async_run_export)

    async def _async_end_restore(self) -> None:
        if self.restorer.is_wanted:  # It may have ended meanwhile.
            async with self._running(Trigger.RESTORE, everything=False):
                await self.restorer.async_end(self._async_run)

    async def _async_run_export(self, trigger: Trigger, wanted: ExportRequest) -> Result:
        """Export the waiting rows, and show rows that were deleted before their export."""
        await self.missing.async_acknowledge_ignored_gaps()
        run = await self._jobs.async_new_run(trigger, wanted)
        run.pause(self._waits(trigger))
        try:
            return await self._async_run(run)
        finally:
            self.missing.async_found(run.gaps)

    def _waits(self, trigger: Trigger) -> bool:
        """Return whether backfills and retries wait; before a purge they cannot."""
        return self.paused and trigger is not Trigger.RETENTION

    async def _async_retry_rejected(self) -> Result:
        async with self._running(Trigger.RETRY_REJECTED):
            return await self._async_run(await self._jobs.async_new_retry())

    async def _async_discard_rejected(self) -> int:
        number = await self.missing.async_discard_rejected()
        await self._async_tell_ended()
        return number

    async def _async_note(self, result: Result) -> None:
        """Save how many rows were exported, and how long it took, unless the run did."""
        note = partial(replace, last_rows=result.total, last_seconds=result.seconds)
        if note(self.checkpoint) != self.checkpoint:
            await self._journal.async_update(note)

    @asynccontextmanager
    async def _running(self, trigger: Trigger, *, everything: bool = True) -> AsyncIterator[None]:
        """Tell the listeners that a job runs, and record how it ends.

        The success of one that is not of everything does not count for the health.
        """
        # What is retried while paused is an export before a purge, which another must not replace.
        before_purge = self.paused and self.health.retrying
        if everything:
            self.health.async_forget_retry()
        if self.stopped:
            raise StoppedError
        self._tell_begun()
        event: ExportEvent | None = None
        try:
            if await self.removal.async_settle() or self.health.tables_in_doubt:
                # A column may have been dropped; if it was not, this changes nothing.
                await self.tables.async_ensure()
                await self.removal.async_forget()
            yield
        except StoppedError:
            raise
        except ExportError as err:
            retry = before_purge or not self._waits(trigger)
            self.health.async_failed(err, retry=retry and not self.stopped)
            if not isinstance(err, WaitingError):
                event = failed(self.health, trigger)
            raise
        except Exception as err:
            self.health.async_broke_down(err)
            event = failed(self.health, trigger)
            raise
        else:
            if everything:
                self.health.async_succeeded()
        finally:
            self._job = None
            self._jobs.async_end()
            try:
                if not self.stopped:
                    await self.missing.async_count_rejected()
            finally:
                await self._async_tell_ended()
            # All entities show how it ended before the event is sent.
            if event:
                async_send_export_event(self._hass, self._entry, event)
