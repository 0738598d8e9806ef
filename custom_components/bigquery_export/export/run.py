"""A run: one export of all tables, from the checkpoint to the newest rows."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
import logging
from time import monotonic
from typing import Any, override

from homeassistant.util import dt as dt_util

from ..errors import ExportError, IdsBelowError, RowsNotListedError
from ..source.readiness import async_flush, check_recorder
from .checkpoint import Gap
from .daily.daily_export import DailyExport, DailyTable
from .dimensions.snapshot import Snapshot, async_export_snapshot
from .job import Job
from .other_database import async_look_for_other_database
from .ports import Source
from .session import Session
from .set_aside import async_send_set_aside
from .table_export import TableExport

_LOGGER = logging.getLogger(__name__)


class Run(Job):
    """One export of all waiting rows."""

    def __init__(
        self,
        session: Session,
        sources: Iterable[Source[Any]],
        snapshots: Iterable[Snapshot] = (),
        *,
        daily: DailyTable | None = None,
        flush: bool = False,
        backfill: bool = True,
        everything: bool = True,
    ) -> None:
        """Prepare a run that continues from the checkpoint.

        With `flush` it also exports what the recorder has received but not committed yet. Without
        `backfill`, backfills wait. A run that is not of `everything` does not count as the last
        export.
        """
        super().__init__(session)
        self._snapshots = snapshots
        self._flush = flush
        self._backfills = backfill
        self._everything = everything
        self._exports = [TableExport(session, source) for source in sources]
        self._daily = DailyExport(session, daily) if daily else None
        self._failed: dict[str, Exception] = {}
        """Why tables are not exported, by name: they wait for BigQuery, or something is wrong."""

    @property
    def gaps(self) -> list[Gap]:
        """Return the rows that the run has found to be deleted or damaged before their export."""
        return [gap for export in self._exports for gap in export.gaps]

    @override
    async def _async_work(self) -> None:
        """Export all rows that there are now, those of the backfill last.

        The tables take turns, so that none waits for another's history, and new rows are sent
        after each transaction of a backfill.
        """
        began = monotonic()
        check_recorder(self._session.hass)
        if self._flush:
            await async_flush(self._session.hass)
        await async_look_for_other_database(self._session)
        for export in self._exports:
            await self._async_try(export.name, export.async_resume)
        for snapshot in self._snapshots:
            export_snapshot = partial(async_export_snapshot, self._session, snapshot)
            await self._async_try(snapshot.type.table.name, export_snapshot)
        await self._async_export_new()
        unfinished = self._exports
        while unfinished and self._backfills and not self._session.paused:
            unfinished = [export for export in unfinished if await self._async_backfill(export)]
        if daily := self._daily:
            while await self._async_try(daily.name, daily.async_export_chunk):
                await self._async_export_newer()
        if self.result.repaired:
            _LOGGER.warning(
                "%d rows have attributes or event data in the recorder that are not JSON; they were"
                " sent without what could not be read",
                self.result.repaired,
            )
        if self.result.unfit:
            _LOGGER.info(
                "Values that do not fit your own columns are NULL: %s",
                ", ".join(f"{number} of {name}" for name, number in self.result.unfit.items()),
            )
        for export in self._exports:
            if export.has_ids_below:
                self._failed.setdefault(export.name, IdsBelowError(table=export.name))
        # All other tables are exported.
        self._raise_failure([*self._failed.items(), *await async_send_set_aside(self._session)])
        if self._everything:
            self.result.seconds = monotonic() - began
            await self._session.journal.async_update(
                partial(
                    replace,
                    last_export=dt_util.utcnow().timestamp(),
                    last_rows=self.result.total,
                    last_seconds=self.result.seconds,
                )
            )

    async def _async_export_new(self) -> None:
        """Export new rows, up to the newest that each table has."""
        unfinished = self._exports
        while unfinished:
            unfinished = [
                export
                for export in unfinished
                if await self._async_try(export.name, export.async_export_chunk)
            ]

    async def _async_try(self, table: str, step: Callable[[], Awaitable[bool | None]]) -> bool:
        """Do a step of one table's export, if none has failed; return if there is more to do now.

        What is wrong with one table stops no other: what concerns all of them is raised.
        """
        if table in self._failed:
            return False
        try:
            return bool(await step())
        except Exception as err:
            of_one_table = not isinstance(err, ExportError) or err.of_one_table
            # The next transaction begins when it is known what has become of this one.
            if not of_one_table or self._session.journal.checkpoint.intent:
                raise
            self._failed[table] = err
            return False

    def _raise_failure(self, failed: Sequence[tuple[str, Exception]]) -> None:
        """Raise why a table is not exported, if one is not, and log other reasons for others.

        What waits for BigQuery passes by itself, so anything else comes first.
        """
        if not failed:
            return
        (_, first), *others = sorted(failed, key=_waits)
        for table, err in (one for one in others if str(one[1]) != str(first)):
            unexpected = None if isinstance(err, ExportError) else err
            _LOGGER.warning("%s was not exported either: %s", table, err, exc_info=unexpected)
        raise first

    async def _async_backfill(self, export: TableExport) -> bool:
        """Send rows of one backfill, then new ones of all tables; return if there are more."""
        step = export.async_backfill_chunk
        if self._session.paused or not await self._async_try(export.name, step):
            return False
        await self._async_export_newer()
        return True

    async def _async_export_newer(self) -> None:
        """Export what is new of all tables since the run began."""
        for export in self._exports:
            await self._async_try(export.name, export.async_look_for_new)
        await self._async_export_new()


def _waits(failed: tuple[str, Exception]) -> bool:
    return isinstance(failed[1], RowsNotListedError)
