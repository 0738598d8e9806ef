"""Sending rejected rows again, after the reason for the rejection was fixed."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, override

import orjson

from ...errors import TableDamagedError
from ...rows.encoded_rows import EncodedRows
from ...rows.readable import readable
from ...rows.table import Table
from ...source.readiness import async_read_recorder
from ..job import Job
from ..ports import Source
from ..recent_commits import last_begun
from ..recorder_tables import RECORDER_TABLES
from ..reencoding import reencoded
from ..rejected_rows import RejectedEntry
from ..session import Session
from ..unsent_rows import without_sent
from .exported_rows import OpenSource


class Retry(Job):
    """One attempt to send the rows of the file of rejected rows.

    A crash between the commit and the writing of the file leaves rows in it that are in BigQuery
    already, so that each is looked for before it is sent.
    """

    def __init__(
        self,
        session: Session,
        tables: Iterable[Table],
        openings: Mapping[str, tuple[Table, OpenSource]] | None = None,
    ) -> None:
        """Prepare to send those rows of the file that have the columns of one of the tables.

        Those that have the recorder's columns are read again, in the tables of `openings`.
        """
        super().__init__(session)
        self._tables = tables
        self._openings = openings or {}
        self._rejected_rows = session.journal.rejected_rows

    @override
    async def _async_work(self) -> None:
        """Send the rows; those that cannot be sent stay in the file."""
        block, file = self._session.async_block, self._rejected_rows
        rejected = await block(lambda: {entry.table for entry in file.read()})
        if rejected:
            await self._session.journal.async_claim()
        for table in (table for table in self._tables if table.name in rejected):
            self.result.rows[table.name] = 0
            await self._async_send_all(table)
            if table.name in self._openings:
                await self._async_send_again(table)
        self.result.rejected = await block(file.count)

    async def _parts(self, table: Table, *, encoded: bool) -> AsyncIterator[list[RejectedEntry]]:
        """Yield the entries of a table in parts, as they are in the file at the beginning."""
        entries = (
            entry
            for entry in self._rejected_rows.read()
            if entry.table == table.name and entry.encoded == encoded
        )
        while some := await self._session.async_block(
            list, islice(entries, self._session.batch_rows)
        ):
            await self._session.async_rest()
            yield some

    async def _async_send_all(self, table: Table) -> None:
        """Send rows that have the columns of a table."""
        session = self._session
        encoding = session.delivery.encoding(table)
        async for some in self._parts(table, encoded=True):
            rows = await session.async_block(reencoded, table, some, encoding, session.run_values)
            await self._async_send(table, some, rows)

    async def _async_send_again(self, table: Table) -> None:
        """Read rows that could not be encoded again, and send what can be by now."""
        _, open_source = self._openings[table.name]
        source = await self._session.async_block(open_source)
        async for some in self._parts(table, encoded=False):
            rows = EncodedRows()
            for entry in some:
                await self._session.async_rest()
                rows.extend(await self._async_encoded(source, entry))
            known = {*rows.ids, *(row.values.get(table.id) for row in rows.rejected)}
            await self._async_send(table, [entry for entry in some if entry.id in known], rows)

    async def _async_encoded(self, source: Source[Any], entry: RejectedEntry) -> EncodedRows:
        """Return the row of an entry as it would be sent now.

        There is none where the recorder has it no more, another row has its id, or it cannot be
        read because the recorder's database is damaged.
        """
        hass, id_ = self._session.hass, entry.id or 0
        try:
            piece = await async_read_recorder(hass, source.reader.read, id_ - 1, id_, 1)
        except TableDamagedError:
            piece = None
        if piece is None or not piece.rows or not _is_same(entry, piece.rows[0]):
            return EncodedRows()
        return await self._session.async_block(source.encoder.encode, piece)

    async def _async_send(
        self, table: Table, entries: Sequence[RejectedEntry], rows: EncodedRows
    ) -> None:
        """Send rows of one table in one transaction, and remove their entries from the file."""
        session = self._session
        perhaps = session.journal.checkpoint.commits_again(table.name, rows.ids)
        await session.async_check_known(table, last_begun(perhaps))
        new = await session.async_block(without_sent, rows, table, session.partitions)
        cursor = session.journal.checkpoint.position(table.name).cursor
        async with session.transaction(table, start=cursor, until=cursor) as chunk:
            await session.async_keep_rejected(chunk, new)
            await session.async_send(chunk, new)
        if not chunk.left_out:
            await session.async_block(self._rejected_rows.take_out, entries, chunk.kept)


def _is_same(entry: RejectedEntry, row: Sequence[Any]) -> bool:
    """Return whether a row of the recorder is the one of an entry, or has been put right since.

    SQLite gives the ids of deleted rows to new ones, which differ in all that identifies them.
    """
    table = RECORDER_TABLES[entry.table].source
    # As they are in the file.
    recorded = orjson.loads(orjson.dumps(readable(table, row), default=str))
    names = [column.key.removesuffix("_bin") for column in table.fingerprint]
    return any(
        entry.row.get(name) not in (None, "") and entry.row[name] == recorded[name]
        for name in names
    )
