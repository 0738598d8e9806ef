"""Rows that were streamed lately: queries see them, but they are in no partition yet.

Sources: write-api-streaming and querying-partitioned-tables ("Query data in the write-optimized
storage": a partition has such rows after minutes, in rare cases after up to 90),
streaming-data-into-bigquery ("Data availability"), rest/v2/tables (streamingBuffer; numRows,
which leaves out "any data in the streaming buffer").

bqemulator's table has every row at once, and in the order in which the rows came, so that a row is
known by its place. DuckDB's rowid would not do: a checkpoint after a DELETE counts anew.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import secrets

from .clock import Clock
from .names import TableName
from .schema import Json
from .settings import Settings
from .store import Document, Store

POSITION = "_table_row"
"""The column with a row's place, from 1 on; no column of a table may have a name like this."""


@dataclass(frozen=True, slots=True)
class BufferedRows:
    """The rows of one commit: those behind the table's first `first` rows, up to `last`."""

    first: int
    last: int
    size: int
    """Bytes, as far as anybody can say."""
    committed: int
    """Microseconds since 1970."""


class StreamingBuffer:
    """What was committed lately and is in no partition yet.

    Rows that have once been found to be partitioned are so for good, also where the setting grows.
    """

    def __init__(self, store: Store, clock: Clock, settings: Settings) -> None:
        """Keep everything in the store, so that nothing else has to agree with it."""
        self._store = store
        self._clock = clock
        self._settings = settings

    def entry(self, first: int, last: int, size: int) -> dict[str, Document]:
        """Return the document of rows that are about to be committed, for `kind_of` the table."""
        now = self._clock.microseconds()
        key = f"{now:020}-{secrets.token_hex(4)}"
        return {key: asdict(BufferedRows(first, last, size, now))}

    def kept(self, table: TableName) -> dict[str, BufferedRows]:
        """Return the commits that are in the buffer now, by their key; forgets all others."""
        seconds = max(self._settings.buffer_seconds, 0)
        since = self._clock.microseconds() - round(seconds * 1_000_000)
        self._store.drop_before(kind_of(table), f"{since + 1:020}")
        return {key: BufferedRows(**document) for key, document in self._store.all(kind_of(table))}

    def current(self, table: TableName) -> list[BufferedRows]:
        """Return the rows that are in the buffer now."""
        return [rows for rows in self.kept(table).values() if rows.first < rows.last]

    def statistics(self, table: TableName, row_count: int) -> Json:
        """Return what tables.get tells of a table with so many rows in and out of the buffer."""
        buffered = self.current(table)
        until = self._clock.microseconds() - self._settings.buffer_lag_seconds * 1_000_000
        shown = [rows for rows in buffered if rows.committed <= until]
        answer: Json = {"numRows": str(row_count - _count(buffered))}
        if shown:
            answer["streamingBuffer"] = {
                "estimatedRows": str(_count(shown)),
                "estimatedBytes": str(sum(rows.size for rows in shown)),
                "oldestEntryTime": str(min(rows.committed for rows in shown) // 1000),
            }
        return answer

    def forget(self, table: TableName) -> None:
        """Take all rows of the table for partitioned, or for gone with it."""
        self._store.drop_all(kind_of(table))


def kind_of(table: TableName) -> str:
    """Return under which kind the store has a table's commits."""
    return f"buffered {table}"


def with_positions(table: TableName) -> str:
    """Return the SQL of the table with the column POSITION."""
    return f"(SELECT *, ROW_NUMBER() OVER () AS {POSITION} FROM {table.sql})"  # noqa: S608


def is_buffered(rows: list[BufferedRows]) -> str:
    """Return the SQL that is true for these rows."""
    parts = [f"{POSITION} BETWEEN {first + 1} AND {last}" for first, last in _ranges(rows)]
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def without(
    kept: Mapping[str, BufferedRows], removed_before: Mapping[int, int]
) -> dict[str, Document]:
    """Return the documents after a deletion; it says how many rows went before each place."""
    return {
        key: asdict(
            BufferedRows(
                rows.first - removed_before[rows.first],
                rows.last - removed_before[rows.last],
                rows.size,
                rows.committed,
            )
        )
        for key, rows in kept.items()
    }


def _count(rows: list[BufferedRows]) -> int:
    return sum(one.last - one.first for one in rows)


def _ranges(rows: list[BufferedRows]) -> list[tuple[int, int]]:
    """Return the places of rows, those of commits that followed each other as one range."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted((one.first, one.last) for one in rows):
        if ranges and ranges[-1][1] == first:
            first = ranges.pop()[0]
        ranges.append((first, last))
    return ranges
