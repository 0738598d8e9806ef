"""A run: one export of all tables, from the checkpoint to the newest rows when it began."""

from collections.abc import Iterable
from dataclasses import replace
from time import monotonic
from typing import Any

from homeassistant.util import dt as dt_util

from ..source.readiness import async_flush, check_recorder
from .dimensions.snapshot import Snapshot, async_export_snapshots
from .ports import Source
from .purge import Gap
from .session import Result, Session
from .table_export import TableExport


class Run:
    """One export of all that there is. It can be used once."""

    def __init__(
        self,
        session: Session,
        sources: Iterable[Source[Any]],
        snapshots: Iterable[Snapshot] = (),
    ) -> None:
        """Prepare a run that goes on from the checkpoint of the session."""
        self._session = session
        self._snapshots = snapshots
        self._exports = [TableExport(session, source) for source in sources]

    @property
    def gaps(self) -> list[Gap]:
        """Return what the recorder had deleted before the run could export it."""
        return [export.gap for export in self._exports if export.gap]

    def pause(self, paused: bool) -> None:
        """Make backfills wait after the transaction that they are at, or not."""
        self._session.paused = paused

    def stop(self) -> None:
        """Make the run end soon: what is not committed then will be sent by the next one."""
        self._session.stopped = True

    async def async_export(
        self, *, flush: bool = False, backfill: bool = True, everything: bool = True
    ) -> Result:
        """Export all rows that there are now, those of the backfill last. Raises ExportError.

        With `flush` they include what the recorder has heard of, but not committed yet. A run
        that is not of `everything` does not count as the last export.
        Before anything is sent, what the run before may have left in doubt is settled. The tables
        take turns, so that none waits for another's history; and new rows come after each
        transaction of a backfill.
        """
        began = monotonic()
        journal = self._session.journal
        check_recorder(self._session.hass)
        if flush:
            await async_flush(self._session.hass)
        await journal.async_settle()
        for export in self._exports:
            await export.async_resume()
        await async_export_snapshots(self._session, self._snapshots)
        await self._async_export_new()
        unfinished = self._exports
        while unfinished and backfill and not self._session.paused:
            unfinished = [export for export in unfinished if await self._async_backfill(export)]
        result = self._session.result
        result.seconds = monotonic() - began
        if everything:
            last = replace(
                journal.checkpoint,
                last_export=dt_util.utcnow().timestamp(),
                last_rows=result.total,
                last_seconds=result.seconds,
            )
            await journal.async_save(last)
        return result

    async def _async_export_new(self) -> None:
        """Export new rows, up to the newest that each table has."""
        unfinished = self._exports
        while unfinished:
            unfinished = [export for export in unfinished if await export.async_export_chunk()]

    async def _async_backfill(self, export: TableExport) -> bool:
        """Send rows of one backfill, and then new ones of all; return whether it goes on."""
        if self._session.paused or not await export.async_backfill_chunk():
            return False
        for other in self._exports:
            await other.async_look_for_new()
        await self._async_export_new()
        return True
