"""A run: one export of all tables, from the checkpoint to the newest rows."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
import logging
from time import monotonic
from typing import Any, override

from homeassistant.util import dt as dt_util

from ..errors import RowsNotListedError
from ..source.readiness import async_flush, check_recorder
from .checkpoint import Gap
from .dimensions.snapshot import Snapshot, async_export_snapshots
from .job import Job
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
        self._waiting: dict[TableExport, RowsNotListedError] = {}
        """Tables that wait for BigQuery, and why."""

    @property
    def gaps(self) -> list[Gap]:
        """Return the rows that the recorder has deleted before the run could export them."""
        return [export.gap for export in self._exports if export.gap]

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
        for export in self._exports:
            await export.async_resume()
        await async_export_snapshots(self._session, self._snapshots)
        await self._async_export_new()
        unfinished = self._exports
        while unfinished and self._backfills and not self._session.paused:
            unfinished = [export for export in unfinished if await self._async_backfill(export)]
        if self.result.repaired:
            _LOGGER.warning(
                "%d rows have attributes or event data in the recorder that are not JSON; they were"
                " sent without what could not be read",
                self.result.repaired,
            )
        waiting = [*self._waiting.values(), *await async_send_set_aside(self._session)]
        if waiting:
            # All other tables are exported.
            raise waiting[0]
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
                if await self._async_try(export, export.async_export_chunk)
            ]

    async def _async_try(
        self, export: TableExport, export_chunk: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Send rows of one table, unless it waits; return if there are more to be sent now."""
        if export in self._waiting:
            return False
        try:
            return await export_chunk()
        except RowsNotListedError as err:
            self._waiting[export] = err
            return False

    async def _async_backfill(self, export: TableExport) -> bool:
        """Send rows of one backfill, then new ones of all tables; return if there are more."""
        if self._session.paused or not await self._async_try(export, export.async_backfill_chunk):
            return False
        for other in self._exports:
            await other.async_look_for_new()
        await self._async_export_new()
        return True
