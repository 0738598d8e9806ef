"""Sending rejected rows again, after the reason for the rejection was fixed."""

from collections.abc import Iterable, Sequence
from typing import override

from ...rows.table import Table
from ..job import Job
from ..recent_commits import last_begun
from ..reencoding import reencoded
from ..rejected_rows import RejectedEntry
from ..session import Session
from ..unsent_rows import without_sent


class Retry(Job):
    """One attempt to send the rows of the file of rejected rows.

    A crash between the commit and the writing of the file leaves rows in it that are in BigQuery
    already, so that each is looked for before it is sent.
    """

    def __init__(self, session: Session, tables: Iterable[Table]) -> None:
        """Prepare to send those rows of the file that have the columns of one of the tables."""
        super().__init__(session)
        self._tables = tables
        self._rejected_rows = session.journal.rejected_rows

    @override
    async def _async_work(self) -> None:
        """Send the rows; those that cannot be sent stay in the file."""
        entries = await self._session.async_block(self._rejected_rows.load)
        if entries:
            await self._session.journal.async_claim()
        rejected = {entry.table for entry in entries}
        for table in (table for table in self._tables if table.name in rejected):
            self.result.rows[table.name] = 0
            sendable = [entry for entry in entries if entry.table == table.name and entry.encoded]
            for start in range(0, len(sendable), self._session.batch_rows):
                await self._session.async_rest()
                await self._async_send(table, sendable[start : start + self._session.batch_rows])
        self.result.rejected = len(await self._session.async_block(self._rejected_rows.load))

    async def _async_send(self, table: Table, entries: Sequence[RejectedEntry]) -> None:
        """Send rows of one table in one transaction, and remove them from the file."""
        session = self._session
        encoding = session.delivery.encoding(table)
        rows = await session.async_block(reencoded, table, entries, encoding, session.run_values)
        perhaps = session.journal.checkpoint.commits_again(table.name, rows.ids)
        await session.async_check_known(table, last_begun(perhaps))
        new = await session.async_block(without_sent, rows, table, session.partitions)
        cursor = session.journal.checkpoint.position(table.name).cursor
        async with session.transaction(table, start=cursor, until=cursor) as chunk:
            chunk.rejected += new.rejected
            await session.async_send(chunk, new)
        await session.async_block(self._rejected_rows.take_out, table, entries, chunk.rejected)
