"""Making the jobs of one config entry, each with all that it needs."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..bigquery.listed_statistics import ListedStatistics
from ..bigquery.storage_write import StorageWriteDelivery
from ..export.corrections.corrections import Corrections, Since, local_day
from ..export.corrections.ledger import is_corrected, observed
from ..export.daily.daily_export import DailyTable, LookedUntil
from ..export.daily.daily_file import DailyFile
from ..export.delivery import StreamDelivery
from ..export.journal import Journal
from ..export.live_run import LIVE_TABLES, LiveRun
from ..export.open_stream import COMMITTED_STREAM
from ..export.ports import Source
from ..export.reconcile.exported_rows import OpenSource
from ..export.reconcile.resend import Resend
from ..export.reconcile.retry import Retry
from ..export.reconcile.row_counts import RowCounts
from ..export.reconcile.row_selection import RowSelection
from ..export.reconcile.verification import Verification
from ..export.recorder_tables import RecorderTable
from ..export.run import Run
from ..export.session import Session
from ..restore.names import Names
from ..restore.request import RestoreFile, RestoreState
from ..restore.restore import Restore
from ..rows.column_groups import narrowed
from ..rows.context import RowContext
from ..rows.daily_encoder import DailyEncoder
from ..rows.daily_statistics import DAILY_STATISTICS
from ..rows.export_log import Trigger
from ..rows.sensor_data import SENSOR_DATA
from ..rows.table import Table, timestamp
from ..settings.schedule import Frequency
from ..source.readiness import async_read_recorder
from ..source.recorded_hours import RecordedHours
from .home_reader import HomeReader
from .requests import ExportRequest, VerifyRequest
from .sessions import Lookup, SessionFactory

UNHURRIED = (Trigger.BACKFILL, Trigger.RESTORE, Trigger.SCHEDULE)
"""Triggers of exports that send nothing if only states of the export's own entities wait."""


class JobFactory(SessionFactory):
    """Makes the jobs of one config entry, each with a session of its own."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        lookup: Lookup,
        journal: Journal,
        *,
        delivery: str | None = None,
        files_id: str | None = None,
    ) -> None:
        """Prepare jobs that continue a journal, as `SessionFactory` does.

        What was sent is kept in files of the config entry, or of a copy with this `files_id`.
        """
        super().__init__(hass, entry, lookup, journal, delivery=delivery)
        self._files_id = files_id or entry.entry_id
        self._home = HomeReader(hass, entry, self._options, self._files_id)
        self._corrections: Corrections | None = None
        """The last check for corrections."""
        self._days_looked = LookedUntil()
        """Up to which day the hours of statistics were looked at."""
        self.check_corrections_again = False
        """Whether the next export makes another check on the same day."""

    async def async_load(self) -> None:
        """Follow what happens between exports until the entry is unloaded."""
        await self._home.async_load()

    async def async_new_run(self, trigger: Trigger, wanted: ExportRequest) -> Run:
        """Return an export of all waiting rows, or of those of the requested tables."""
        session = await self.async_new_session(trigger)
        row_context = await self._async_row_context(session)
        sources = await self._async_sources(
            session, row_context, self._recorder_tables(wanted.tables)
        )
        if trigger in UNHURRIED:
            sources = _without(self.own_entities(row_context.privacy), sources)
        return Run(
            session,
            sources,
            self._home.snapshots(row_context, wanted.tables),
            daily=self._daily_table(session, row_context, wanted),
            flush=wanted.flush,
            everything=wanted.tables is None,
        )

    @property
    def is_live(self) -> bool:
        """Return whether new rows are sent as soon as they are committed.

        A load job a table and commit would be too many, so load jobs wait for the next export.
        """
        frequency, delivery = self._options.schedule.frequency, self._options.delivery
        return frequency is Frequency.LIVE and delivery == StorageWriteDelivery.name

    async def async_new_live_run(self) -> LiveRun:
        """Return a run that appends new rows until the next export."""
        session = await self.async_new_session(Trigger.LIVE)
        session.delivery = self._journal.deliveries[COMMITTED_STREAM]
        session.transaction_rows = session.batch_rows
        row_context = await self._async_row_context(session)
        own = self.own_entities(row_context.privacy)
        tables = self._recorder_tables(LIVE_TABLES)

        async def async_open_sources() -> list[Source[Any]]:
            return _without(own, await self._async_sources(session, row_context, tables))

        return LiveRun(session, async_open_sources)

    async def async_new_corrections(
        self, wanted: ExportRequest, since: Since | None = None
    ) -> Corrections | None:
        """Return a check for rows that Home Assistant has changed since they were exported.

        There is one on each local day, when sums were mended, and with each request that has
        `force`; else None. `since` is what `Corrections` takes.
        """
        today = local_day(dt_util.utcnow().timestamp())
        again = wanted.force or self.check_corrections_again
        if not again and self._corrections and self._corrections.checked == today:
            return None
        session = await self.async_new_session(Trigger.CORRECTION)
        row_context = await self._async_row_context(session)
        tables = [
            table
            for table in self._recorder_tables(wanted.tables)
            if is_corrected(table.table.name)
        ]
        sources = await self._async_sources(session, row_context, tables)
        corrections = Corrections(session, sources, again=again, since=since)
        if wanted.tables is None:
            self._corrections = corrections
        return corrections

    async def async_new_resend(self, wanted: ExportRequest) -> Resend:
        """Return a job that sends exported rows again that BigQuery lacks."""
        session = await self.async_new_session(Trigger.FORCE)
        row_context = await self._async_row_context(session)
        name_of = row_context.privacy.entity
        selection = RowSelection(
            start=timestamp(wanted.start) if wanted.start else None,
            end=timestamp(wanted.end) if wanted.end else None,
            entities=frozenset(map(name_of, wanted.entities)) if wanted.entities else None,
        )
        tables = self._recorder_tables(wanted.tables)
        return Resend(session, self._openings(session, row_context, tables), selection)

    async def async_new_verification(
        self, wanted: VerifyRequest, row_counts: Callable[[str], RowCounts]
    ) -> Verification:
        """Return a comparison of what was exported with BigQuery.

        `row_counts` returns what counts the rows of an installation by a query. Context entities
        and own columns are left out, as rows are not identified by them.
        """
        session = await self.async_new_session(Trigger.VERIFY)
        row_context = await self._async_row_context(session)
        choice = replace(row_context.choice, context_entities=(), own_columns=())
        row_context = replace(row_context, choice=choice)
        openings = self._openings(session, row_context, self._recorder_tables(wanted.tables))
        source = str(session.run_values["source"])
        return Verification(
            session,
            openings,
            wanted.days,
            row_counts=row_counts(source) if wanted.query else None,
            dry_run=wanted.dry_run,
        )

    async def async_new_restore(
        self,
        state: RestoreState,
        file: RestoreFile,
        listed: ListedStatistics,
        on_progress: Callable[[], None],
    ) -> Restore:
        """Return a job that brings statistics back from BigQuery, from where it was."""
        session = await self.async_new_session(Trigger.RESTORE)
        privacy = await self.async_privacy()
        known: Collection[str] = ()
        if self._options.privacy.hidden:
            recorded = RecordedHours(self._hass).statistics
            known = {
                *await async_read_recorder(self._hass, recorded),
                *self._hass.states.async_entity_ids(),
                *er.async_get(self._hass).entities,
            }
        return Restore(
            session,
            listed,
            Names(state.request, privacy, known),
            file,
            state,
            known_as=privacy.entity,
            on_progress=on_progress,
        )

    async def async_new_retry(self) -> Retry:
        """Return an export of the rows that were rejected."""
        session = await self.async_new_session(Trigger.RETRY_REJECTED)
        row_context = await self._async_row_context(session)
        openings = self._openings(session, row_context, self._recorder_tables(None))
        return Retry(session, self._options.all_tables.values(), openings)

    @callback
    def async_end(self) -> None:
        """Let what jobs need rest until the next one."""
        self._home.async_rest()

    @callback
    def async_close(self) -> None:
        """Release what jobs have needed, when none is running."""
        self.async_close_streams()
        self.async_close_registries()

    @callback
    def async_close_streams(self) -> None:
        """Close the connections of open streams; an append that is under way gets an error."""
        for delivery in self._journal.deliveries.values():
            if isinstance(delivery, StreamDelivery):
                delivery.close()

    @callback
    def async_close_registries(self) -> None:
        """Release what only the jobs of this factory have needed: others use the journal, too."""
        self._home.async_close()

    def _recorder_tables(self, wanted: Collection[str] | None) -> list[RecorderTable]:
        """Return the exported tables of the recorder, or the requested ones of them."""
        tables = self._options.recorder_tables
        return [table for table in tables if wanted is None or table.table.name in wanted]

    def _openings(
        self, session: Session, row_context: RowContext, tables: Iterable[RecorderTable]
    ) -> dict[str, tuple[Table, OpenSource]]:
        """Return tables by name, each with what opens its source as often as needed."""
        return {
            table.table.name: (table.table, partial(self._open_one, session, row_context, table))
            for table in tables
        }

    def _daily_table(
        self, session: Session, row_context: RowContext, wanted: ExportRequest
    ) -> DailyTable | None:
        """Return the table of statistics by the day, if it is exported, or requested of these."""
        is_wanted = wanted.tables is None or DAILY_STATISTICS.name in wanted.tables
        if not (self._options.daily_statistics and is_wanted):
            return None
        encoding = narrowed(session.delivery.encoding(DAILY_STATISTICS), self._options.columns)
        return DailyTable(
            DailyFile(self._hass, self._files_id),
            DailyEncoder(encoding, row_context),
            self._days_looked,
            again=wanted.force or self.check_corrections_again,
        )

    async def _async_row_context(self, session: Session) -> RowContext:
        return await self._home.async_row_context(session, await self.async_privacy())

    async def _async_sources(
        self, session: Session, row_context: RowContext, tables: Iterable[RecorderTable]
    ) -> list[Source[Any]]:
        """Return the sources of tables for one job."""
        return await self._hass.async_add_executor_job(self._open, session, row_context, tables)

    def _open(
        self, session: Session, row_context: RowContext, tables: Iterable[RecorderTable]
    ) -> list[Source[Any]]:
        """Open sources; to prepare encodings and statements takes too long for the event loop."""
        return [
            observed(self._hass, self._files_id, self._open_one(session, row_context, table))
            for table in tables
        ]

    def _open_one(
        self, session: Session, row_context: RowContext, table: RecorderTable
    ) -> Source[Any]:
        encoding = narrowed(session.delivery.encoding(table.table), self._options.columns)
        return table.open(self._hass, encoding, row_context)


def _without(own: frozenset[str], sources: Iterable[Source[Any]]) -> list[Source[Any]]:
    """Return sources of which the states of an export's own entities wait for others."""
    return [
        replace(source, own=own) if source.table.name == SENSOR_DATA.name else source
        for source in sources
    ]
