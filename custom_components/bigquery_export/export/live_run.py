"""A live run: new rows are appended as soon as the recorder has committed them.

It follows an export that has ended well, until the next one. Whatever it does not know how to go on
with is left to that: rows in doubt, another history, a table that could not be read.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, override

from ..source.readiness import async_read_recorder, check_recorder
from .checkpoint import Gap
from .job import Job
from .ports import Source
from .session import Session
from .table_export import TableExport

LIVE_TABLES = ("sensor_data", "events")
"""Tables whose rows are never written again, and come all the time."""

type OpenSources = Callable[[], Awaitable[Iterable[Source[Any]]]]
"""Opens the sources of the live tables, with empty caches."""


class LiveRun(Job):
    """Appends new rows whenever it is told that there are some."""

    logs_appends = False

    def __init__(self, session: Session, open_sources: OpenSources) -> None:
        """Prepare a run whose session has a delivery that appends to open streams.

        Sources are opened for each look: SQLite gives the ids of what was purged to others, so what
        they cache must not outlive one.
        """
        super().__init__(session)
        self._open_sources = open_sources
        self.tables: set[str] = set()
        """The names of the tables that it has taken up."""
        self.gaps: list[Gap] = []
        """Rows that could not be read."""

    @property
    def newest(self) -> float | None:
        """Return the time of the newest row that was appended, in seconds since 1970."""
        streams = self._session.journal.checkpoint.streams.values()
        times = [stream.unlogged.log_values["last_time"] for stream in streams if stream.unlogged]
        return max(times) / 1e6 if times else None

    @override
    async def _async_work(self) -> None:
        """Take up those tables that need nothing but new rows."""
        check_recorder(self._session.hass)
        for source in await self._open_sources():
            if await self._async_is_current(source):
                self.tables.add(source.table.name)

    async def _async_is_current(self, source: Source[Any]) -> bool:
        """Return whether a table can go on where its position is.

        The last row that was exported has to be there as it was: ids begin again at 1 in a new
        database, and an empty one does not tell. SQLite gives the ids of the newest rows to others
        when these are purged.
        """
        position = self._session.journal.checkpoint.position(source.table.name)
        if not position.anchors or position.in_doubt_until > position.cursor:
            return False
        last = position.anchors[-1]
        found = await async_read_recorder(self._session.hass, source.reader.fingerprints, [last.id])
        return found.get(last.id) == last.fingerprint

    async def async_look(self) -> int:
        """Export the rows that are new, and return how many there were. Raises ExportError.

        A table that cannot go on where it is waits for the next export.
        """
        rows = 0
        for source in await self._open_sources():
            name = source.table.name
            if name not in self.tables or not await self._async_is_current(source):
                continue
            export = TableExport(self._session, source)
            await export.async_look_for_new()
            while await export.async_export_chunk():
                pass
            rows += self.result.rows[name]
            self.gaps += export.gaps
        return rows
