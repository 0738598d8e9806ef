"""Comparing the recorder with BigQuery: what is missing, and what is there twice.

It changes nothing, and may go on beside exports: it looks at what the checkpoint said was
exported when it began.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

from ...rows.table import Table
from ...source.readiness import check_recorder
from ..session import Session
from .comparison import Counts
from .exported_rows import ExportedRows, OpenSource, Span
from .partition_comparison import PartitionComparison
from .row_counts import CountedRows, RowCounts


@dataclass(slots=True)
class TableVerdict:
    """What the comparison of one table has found."""

    days: dict[int, Counts] = field(default_factory=dict)
    """Days since 1970, in UTC, of which there are any rows."""
    left_out: int = 0
    """Rows of the recorder that are not exported, because of what the user has chosen."""
    unreadable: int = 0
    """Rows of the recorder that cannot be exported, because something is wrong with them."""
    rows_listed: int = 0
    """Rows of BigQuery that were read, which is free."""
    query_bytes: int = 0
    """How many bytes a query reads."""

    @property
    def total(self) -> Counts:
        """Return all days together."""
        return Counts.sum(self.days.values())


class Verification:
    """One comparison of some tables. It can be used once."""

    def __init__(
        self,
        session: Session,
        tables: Mapping[str, tuple[Table, OpenSource]],
        counting: RowCounts | None = None,
    ) -> None:
        """Prepare to compare; with `counting`, a query says first which days are alike."""
        self._session = session
        self._tables = tables
        self._counting = counting

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self._session.result.seconds

    def stop(self) -> None:
        """Make it end soon."""
        self._session.stopped = True

    async def async_size(self, days: range) -> dict[str, TableVerdict]:
        """Return how many bytes the queries would read, and do no more. Raises ExportError."""
        return {
            name: TableVerdict(query_bytes=await self._async_size(table, days))
            for name, (table, _) in self._tables.items()
        }

    async def async_compare(self, days: range) -> dict[str, TableVerdict]:
        """Compare the rows of some days, since 1970 in UTC. Raises ExportError."""
        began = monotonic()
        check_recorder(self._session.hass)
        verdicts = {
            name: await self._async_verdict(table, open_source, days)
            for name, (table, open_source) in self._tables.items()
        }
        self._session.result.seconds = monotonic() - began
        return verdicts

    async def _async_verdict(
        self, table: Table, open_source: OpenSource, days: range
    ) -> TableVerdict:
        verdict = TableVerdict(query_bytes=await self._async_size(table, days))
        rows = ExportedRows(self._session, table, open_source, days=days)
        counted = await self._session.async_block(self._count, table, days)
        spans = await rows.async_spans()
        comparison = PartitionComparison(self._session, table, rows)
        partitions: defaultdict[int, list[int]] = defaultdict(list)
        for day in days:
            partitions[table.partition_start(day)].append(day)
        for partition_start, partition_days in partitions.items():
            span = spans.get(partition_start, Span())
            compared = await comparison.async_compare(span, partition_days, counted)
            for day, found in compared.items():
                if found.counts != Counts():
                    verdict.days[day] = found.counts
        verdict.left_out, verdict.unreadable = rows.left_out, rows.unreadable
        verdict.rows_listed = comparison.rows_listed
        return verdict

    async def _async_size(self, table: Table, days: range) -> int:
        if self._counting is None:
            return 0
        exported = self._session.journal.checkpoint.table_position(table.name).exported
        return await self._session.async_block(self._counting.size, table, days, exported)

    def _count(self, table: Table, days: range) -> Mapping[int, list[CountedRows]] | None:
        """Return what BigQuery has of each day, by name; this blocks."""
        if self._counting is None:
            return None
        exported = self._session.journal.checkpoint.table_position(table.name).exported
        counted: defaultdict[int, list[CountedRows]] = defaultdict(list)
        for row in self._counting.rows(table, days, exported):
            counted[row.day].append(row)
        return counted
