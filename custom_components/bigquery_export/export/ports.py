"""The interfaces of a source: the rows of one table of the recorder, for one table in BigQuery."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table
from ..source.plan import PIECE_ROWS
from ..source.source_table import Anchor, ExportedIds, IdRange
from .positions import Position


class Piece(Protocol):
    """Up to 1,250 rows that were read at once, with all that is needed to encode them."""

    @property
    def rows(self) -> Sequence[Any]:
        """Return the rows as the recorder has them."""

    @property
    def last(self) -> Anchor:
        """Return the last row that was scanned, after which the next read begins."""


class Reader[P: Piece](Protocol):
    """Reads one table of the recorder; its methods block, and run on the recorder's executor."""

    def connected(self) -> AbstractContextManager[object]:
        """Return a context in which all that this thread reads is read in one transaction."""

    def newest_id(self) -> int:
        """Return the highest id that a run may read, or 0 when there is none."""

    def oldest_id(self) -> int | None:
        """Return the lowest id, or None when there is no row at all."""

    def latest_id(self) -> int | None:
        """Return the id of the row with the highest time, or None when there is none."""

    def fingerprints(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the fingerprints of those rows that there are, by id."""

    def count(self, after: int, until: int | None = None) -> int:
        """Return how many waiting rows have `after` < id <= `until`."""

    def repeats(self, after: int, until: int, exported: ExportedIds) -> Mapping[int, int]:
        """Return how many exported rows have the same identity as a row, by the id of that row.

        The rows are those with `after` < id <= `until`; `exported` is `TablePosition.exported`.
        """

    def times(self, after: int, until: int) -> list[tuple[float | None, float | None]]:
        """Return two times of each row with `after` < id <= `until`, in seconds since 1970.

        The first says which partition in BigQuery it belongs to, the second identifies the row.
        """

    def times_of(self, row: Sequence[Any]) -> tuple[float | None, float | None]:
        """Return these two times of a row that was read."""

    def partition_time(self, row: Sequence[Any]) -> float | None:
        """Return the time that says which partition a row belongs to, in seconds since 1970."""

    def damage(self, after: int, until: int) -> IdRange:
        """Return the first ids with `after` < id <= `until` whose rows cannot be read.

        The range is empty where all can be read.
        """

    def narrow(self, first: float, last: float) -> None:
        """Read few rows from now on outside the partitions between two times, in seconds."""

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> P | None:
        """Return the next rows with `after` < id <= `until`, or None when there are none.

        A piece may have no rows; then the next read begins after its `last`.
        """


class Encoder[P: Piece](Protocol):
    """Encodes the pieces of a reader; it computes and does not block."""

    def encode(self, piece: P) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is rejected and stops no other."""


class SentObserver[P: Piece]:
    """Hears which rows of a table are exported; this one ignores them.

    begin, open, look_at, look_at ..., leave_out, keep -> begin, look_at ...
    """

    def open(self) -> None:
        """Prepare for the rows of a run; this blocks, and runs on the recorder's executor."""

    def begin(self, position_key: str, before: Position) -> None:
        """Begin with a transaction; the one before was committed, or will be begun again."""

    def look_at(self, piece: P) -> None:
        """Observe a piece that was read."""

    def leave_out(self, ids: Collection[int], same: Collection[int]) -> None:
        """Observe which rows are not sent, because BigQuery has them already.

        Those in `same` are there as they are now, the others perhaps in an earlier version.
        """

    def keep(self) -> None:
        """Save what is sent; this blocks, and is called before the commit.

        Raises ExportError.
        """


@dataclass(frozen=True, slots=True)
class Source[P: Piece]:
    """Reads one table of the recorder, and encodes its rows for one in BigQuery.

    It is made for one run: its caches must not outlive that.
    """

    table: Table
    reader: Reader[P]
    encoder: Encoder[P]
    observer: SentObserver[P] = field(default_factory=SentObserver)
    own: frozenset[str] = frozenset()
    """Names (`RowKey.name`) of rows that exports themselves cause, such as their own states.

    When there are no others, these rows wait: otherwise each export would cause rows for the next.
    """
