"""Comparing one partition of a table: the recorder's rows are read first, then BigQuery's."""

from collections import Counter
from collections.abc import Iterable, Mapping

from ...errors import StoppedError
from ...rows.encoded_rows import EncodedRows
from ...rows.local_time import DAY
from ...rows.table import PartitionUnit, Table
from ..corrections.ledger import is_corrected
from ..partition_cache import unhurried
from ..row_index import key_of
from ..session import Session
from .comparison import Comparison, Keys, compared
from .exported_rows import ExportedRows, Span
from .row_counts import CountedRows, Tally

type CountedDays = Mapping[int, list[CountedRows]]


class PartitionComparison:
    """Compares the partitions of one table, one at a time."""

    def __init__(self, session: Session, table: Table, rows: ExportedRows) -> None:
        """Compare those rows of a table that were exported."""
        self._session = session
        self._table = table
        self._rows = rows
        self._rejected: Counter[int] | None = None
        self.rows_listed = 0
        """Rows of BigQuery that were read."""

    async def async_compare(
        self, span: Span, days: Iterable[int], counted: CountedDays | None = None
    ) -> dict[int, Comparison]:
        """Compare the rows of some days of one partition. Raises ExportError.

        `counted` says how many rows BigQuery has of each day: only days that differ are listed.
        Without it, all days are.
        """
        wanted = frozenset(days)
        if self._rejected is None:
            self._rejected = await self._session.async_block(self._rejected_keys)
        ours = {day: Keys() for day in wanted}
        tallies = {day: Tally() for day in wanted}
        async for rows in self._rows.read(span):
            await self._session.async_block(self._learn, rows, span, ours, tallies)
        found = {}
        if counted is not None:
            for day in wanted:
                if agreement := tallies[day].agreement(counted.get(day, ())):
                    found[day] = agreement
        if differ := wanted - found.keys():
            theirs = await self._session.async_block(self._list, differ)
            found |= await self._session.async_block(self._compare, differ, ours, theirs)
        return dict(sorted(found.items()))

    def _rejected_keys(self) -> Counter[int]:
        """Return how many rows are in the file of rejected rows, by the hash of their key."""
        name, time = self._table.identity
        return Counter(
            key_of(str(entry.row[name]), int(entry.row[time]))
            for entry in self._session.journal.rejected_rows.read()
            if entry.table == self._table.name and entry.encoded
        )

    def _learn(
        self, rows: EncodedRows, span: Span, ours: Mapping[int, Keys], tallies: Mapping[int, Tally]
    ) -> None:
        for name, time, id_ in zip(rows.names, rows.times, rows.ids, strict=True):
            day = self._day(time, span.days)
            ours[day].add(name, time, id_)
            tallies[day].add(name, time)

    def _day(self, time: int, days: Iterable[int]) -> int:
        """Return the day of a row: a state's is not the day of the time that identifies it."""
        if self._table.partition_unit is PartitionUnit.DAY:
            (day,) = days
            return day
        return time // DAY

    def _list(self, days: frozenset[int]) -> Mapping[int, Keys]:
        """Return the rows that BigQuery has of some days of a partition; this blocks."""
        theirs = {day: Keys() for day in days}
        (partition_start,) = {self._table.partition_start(day) for day in days}
        for row in unhurried(self._session.existing_rows.rows(self._table, partition_start)):
            self.rows_listed += 1
            if self._session.stopped:
                raise StoppedError
            if row.deletes:
                continue
            day = self._day(row.time, days)
            if day in theirs:
                id_ = row.id or 0
                ours = self._rows.has(id_)
                theirs[day].add(row.name, row.time, id_, ours=ours)
        return theirs

    def _compare(
        self, days: Iterable[int], ours: Mapping[int, Keys], theirs: Mapping[int, Keys]
    ) -> dict[int, Comparison]:
        return {
            day: compared(
                ours[day],
                theirs[day],
                renamed=self._table.renamed,
                corrected=is_corrected(self._table.name),
                rejected=self._rejected or Counter(),
            )
            for day in days
        }
