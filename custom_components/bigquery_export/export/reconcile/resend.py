"""Sending rows again that were exported and that BigQuery no longer has, or never had.

Rows may have been deleted in BigQuery, or entities be chosen that were left out before. All rows
up to the cursors are compared with BigQuery, and those that it lacks are sent. The positions stay
where they are, so the next export resumes there even if this one is interrupted. The journal
settles what is in doubt before anything is compared.
"""

from collections import Counter
from collections.abc import Mapping
from typing import override

from ...rows.encoded_rows import EncodedRows
from ...rows.table import Table
from ...source.source_table import Anchor
from ..job import Job
from ..row_index import key_of
from ..session import Session
from ..table_export import IN_DOUBT_ROWS
from .exported_rows import ExportedRows, OpenSource, Span
from .partition_comparison import PartitionComparison
from .row_selection import RowSelection


class Resend(Job):
    """One search for exported rows that BigQuery lacks, after a run that succeeded."""

    def __init__(
        self,
        session: Session,
        tables: Mapping[str, tuple[Table, OpenSource]],
        selection: RowSelection,
    ) -> None:
        """Prepare to search for the selected rows of some tables."""
        super().__init__(session)
        self._tables = tables
        self._selection = selection

    @override
    async def _async_work(self) -> None:
        """Send what BigQuery lacks."""
        await self._session.journal.async_claim()
        for table, open_source in self._tables.values():
            if self._selection.may_have(table):
                self._session.result.rows[table.name] = 0
                await _TableResend(self._session, table, open_source, self._selection).async_send()


class _TableResend:
    """Sends rows of one table again, one partition after the other."""

    def __init__(
        self, session: Session, table: Table, open_source: OpenSource, selection: RowSelection
    ) -> None:
        self._session = session
        self._table = table
        self._rows = ExportedRows(
            session,
            table,
            open_source,
            session.journal.checkpoint.table_position(table.name),
            selection=selection,
        )

    async def async_send(self) -> None:
        """Send what BigQuery lacks, and say what of that cannot be read."""
        commits = self._session.journal.checkpoint.commits(self._table.name)
        self._rows.unlisted = await self._session.async_unlisted(self._table, commits)
        comparison = PartitionComparison(self._session, self._table, self._rows)
        for span in (await self._rows.async_spans()).values():
            compared = await comparison.async_compare(span, span.days)
            lacking = Counter[int]()
            for day in compared.values():
                lacking += day.lacking
            if lacking:
                await self._async_send_partition(span, lacking)
        self._session.result.damaged += self._rows.damaged

    async def _async_send_partition(self, span: Span, lacking: Counter[int]) -> None:
        """Send rows of one partition: of those with the same key, as many as are lacking."""
        batch = EncodedRows()
        async for rows in self._rows.read(span):
            chosen = []
            for index, key in enumerate(map(key_of, rows.names, rows.times, strict=True)):
                if lacking[key] > 0:
                    lacking[key] -= 1
                    chosen.append(index)
            batch.extend(rows.only(chosen))
            if len(batch.data) >= IN_DOUBT_ROWS:
                await self._async_send(batch)
                batch = EncodedRows()
        if batch.data:
            await self._async_send(batch)

    async def _async_send(self, rows: EncodedRows) -> None:
        """Send rows in one transaction, which leaves the position where it is."""
        first, last = rows.ids[0], rows.ids[-1]
        async with self._session.transaction(
            self._table, start=first - 1, until=last, last=Anchor(last, "")
        ) as chunk:
            await self._session.async_send_batches(chunk, rows)
