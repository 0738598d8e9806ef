"""Comparing the recorder with BigQuery: what is missing, and what is duplicated.

It changes nothing, and may run at the same time as exports: it compares what was exported
according to the checkpoint when it began.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import override

from ...rows.table import Table
from ...source.readiness import check_recorder
from ..job import Job
from ..session import Session
from .comparison import Counts
from .exported_rows import ExportedRows, OpenSource, Span
from .partition_comparison import PartitionComparison
from .row_counts import CountedRows, RowCounts


@dataclass(slots=True)
class TableVerdict:
    """The result of the comparison of one table."""

    days: dict[int, Counts] = field(default_factory=dict)
    """Days since 1970, in UTC, of which there are any rows."""
    left_out: int = 0
    """Rows of the recorder that are not exported, because of what the user has chosen."""
    unreadable: int = 0
    """Rows of the recorder that cannot be exported, because something is wrong with them."""
    not_listed_yet: int = 0
    """Rows that were sent so lately that BigQuery may not list them yet: they are not compared."""
    damaged: int = 0
    """Rows of the recorder at most that cannot be read, as its database is damaged."""
    rows_listed: int = 0
    """Rows of BigQuery that were read, which is free."""
    query_bytes: int = 0
    """How many bytes a query reads."""

    @property
    def total(self) -> Counts:
        """Return all days together."""
        return Counts.sum(self.days.values())


class Verification(Job):
    """One comparison of some tables, with what the checkpoint says was exported when it begins."""

    settles = False

    def __init__(
        self,
        session: Session,
        tables: Mapping[str, tuple[Table, OpenSource]],
        days: range,
        *,
        row_counts: RowCounts | None = None,
        dry_run: bool = False,
    ) -> None:
        """Prepare to compare the rows of some days, since 1970 in UTC.

        With `row_counts`, a query first finds the days that agree. A dry run only finds out how
        many bytes the queries would read.
        """
        super().__init__(session)
        self._tables = tables
        self._days = days
        self._row_counts = row_counts
        self._dry_run = dry_run
        self._checkpoint = session.journal.checkpoint
        self.verdicts: dict[str, TableVerdict] = {}
        """What was found, by table."""

    @override
    async def _async_work(self) -> None:
        """Compare all tables, or find out how much queries would read."""
        if not self._dry_run:
            check_recorder(self._session.hass)
        for name, (table, open_source) in self._tables.items():
            verdict = TableVerdict(query_bytes=await self._async_size(table))
            if not self._dry_run:
                await self._async_compare(table, open_source, verdict)
            self.verdicts[name] = verdict

    async def _async_compare(
        self, table: Table, open_source: OpenSource, verdict: TableVerdict
    ) -> None:
        table_position = self._checkpoint.table_position(table.name)
        rows = ExportedRows(self._session, table, open_source, table_position, days=self._days)
        commits = self._checkpoint.commits(table.name)
        rows.unlisted = await self._session.async_unlisted(table, commits)
        counted = await self._session.async_block(self._count, table)
        spans = await rows.async_spans()
        comparison = PartitionComparison(self._session, table, rows)
        partitions: defaultdict[int, list[int]] = defaultdict(list)
        for day in self._days:
            partitions[table.partition_start(day)].append(day)
        for partition_start, partition_days in partitions.items():
            span = spans.get(partition_start, Span())
            compared = await comparison.async_compare(span, partition_days, counted)
            for day, found in compared.items():
                if found.counts != Counts():
                    verdict.days[day] = found.counts
        verdict.left_out, verdict.unreadable = rows.left_out, rows.unreadable
        verdict.not_listed_yet = rows.not_listed_yet
        verdict.damaged = rows.damaged
        verdict.rows_listed = comparison.rows_listed

    async def _async_size(self, table: Table) -> int:
        """Return how many bytes a query reads of a table."""
        if self._row_counts is None:
            return 0
        exported = self._checkpoint.table_position(table.name).exported
        return await self._session.async_block(self._row_counts.size, table, self._days, exported)

    def _count(self, table: Table) -> Mapping[int, list[CountedRows]] | None:
        """Return what BigQuery has of each day, by name; this blocks."""
        if self._row_counts is None:
            return None
        exported = self._checkpoint.table_position(table.name).exported
        counted: defaultdict[int, list[CountedRows]] = defaultdict(list)
        for row in self._row_counts.rows(table, self._days, exported):
            counted[row.day].append(row)
        return counted
