"""A chunk: rows of one table in one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.util import dt as dt_util

from ..rows.encoded_rows import EncodedRows, RejectedRow
from ..rows.encoding import Encoding
from ..rows.table import Table, timestamp
from ..source.source_table import Anchor, IdRange
from .checkpoint import Gap
from .delivery import Rejection, Transaction
from .positions import thinned
from .recent_commits import EVERYTHING
from .rejected_rows import Kept, count_reason, counts_text, reasons_text, without_values

MAX_ROWS = 50_000
"""Rows in a transaction: so many are sent again after a crash."""
_PATIENCE = 4
"""So many times as many rows it has at most, while it cannot be committed."""
_MAX_REJECTED = 5_000
"""Rejected rows in a transaction: their position is saved so often."""
_MAX_PIECES = 1_000
"""Pieces in a transaction, also of rows that are not exported: they are read again after a crash.
It is as many as take seconds to read, and up to a million rows."""
_MAX_PASSED = 64
"""Of the rows that were passed so many are remembered at most."""
_MAX_DAYS = 3_000
"""A job may change 4,000 partitions (BigQuery's page "Quotas"), and a piece adds 1,000 at most."""


@dataclass(slots=True)
class Chunk:
    """The rows that are sent in one transaction, and the range of ids that they cover."""

    table: Table
    position_key: str
    """The name of the position that moves when it is committed."""
    start: int
    until: int
    """The id of the last row that may be in it."""
    max_rows: int | None = None
    """After so many rows it is full, if it can be committed; None stands for `MAX_ROWS`."""
    can_commit: Callable[[], bool] = lambda: True
    """Returns whether it could be committed now, or else might as well have more rows."""
    moves: bool = True
    """Whether the position moves past the rows, which none has passed before."""
    again: bool = False
    """Whether rows may be among them that an export has passed before."""
    passed: list[Anchor] = field(default_factory=list)
    """Rows that were read, of each piece the last: some of the anchors of the position."""
    ended: bool = False
    """Whether there is nothing more to read."""
    gap: Gap | None = None
    """Rows between those that it has passed that cannot be read."""
    unreadable: int = 0
    """Ids after the rows that it has passed that cannot be read: passed with the next that can."""
    transaction: Transaction | None = None
    started: datetime = field(default_factory=dt_util.utcnow)
    first_id: int | None = None
    lowest_id: int = EVERYTHING
    """The lowest and the highest id of the rows sent."""
    highest_id: int = 0
    first_time: int | None = None
    """The earliest time of the rows sent, in microseconds since 1970."""
    last_time: int | None = None
    rows: int = 0
    bytes: int = 0
    repaired: int = 0
    """Rows that are sent without what is not JSON of their attributes or data."""
    unfit: Counter[str] = field(default_factory=Counter)
    """How many values do not fit an own column, and are NULL, by column."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why rows cannot be sent, and how many."""
    left_out: int = 0
    """Those of them that are not in their file, because it is full."""
    kept: set[int] = field(default_factory=set)
    """The identities of those that are."""
    _read: int = 0
    """Rows that were read, and are sent or will be."""
    _skipped_until: int = 0
    """The last of those ids."""
    _pieces: int = 0
    """Pieces that were read."""
    _days: set[int] = field(default_factory=set)
    """The partitions that the rows belong to."""

    @property
    def cursor(self) -> int:
        """Return the id of the last row that it has passed."""
        return self.passed[-1].id if self.passed else self.start

    @property
    def read_after(self) -> int:
        """Return the id after which the next read begins."""
        return max(self.cursor, self._skipped_until)

    @property
    def rejected(self) -> int:
        """Return how many rows cannot be sent."""
        return self.reasons.total()

    @property
    def full(self) -> bool:
        """Return whether no further piece may be read."""
        max_rows = self.max_rows or MAX_ROWS
        return (
            self.ended
            or len(self._days) > _MAX_DAYS
            or self.rejected >= _MAX_REJECTED
            or self._pieces >= _MAX_PIECES
            or (self._read >= max_rows and self.can_commit())
            or self._read >= _PATIENCE * max_rows
        )

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to commit: neither rows nor a move of the position."""
        return not self.passed and not self.rows and not self.rejected

    def go_past(self, last: Anchor) -> None:
        """Remember a row that was read, with all rows before it."""
        self.passed.append(last)
        if len(self.passed) == _MAX_PASSED:
            self.passed = list(thinned(tuple(self.passed)))

    def skip(self, damage: IdRange) -> None:
        """Read on after ids that cannot be read."""
        self.unreadable += damage.until - damage.after
        self._skipped_until = damage.until

    def lose(self, gap: Gap) -> None:
        """Count the ids that were skipped as lost: a row after them is passed."""
        self.gap = gap.with_(self.gap)
        self.unreadable = 0

    def look_at(self, rows: EncodedRows) -> None:
        """Count the rows of a piece, and remember their partitions."""
        self._pieces += 1
        self._read += len(rows.data)
        self.repaired += len(rows.repaired)
        self.unfit.update(rows.unfit)
        self._days |= rows.days

    def add(self, batch: EncodedRows) -> None:
        """Count a batch that was sent."""
        first, last = min(batch.times), max(batch.times)
        if self.first_time is None or self.last_time is None:
            self.first_id, self.first_time, self.last_time = batch.ids[0], first, last
        self.lowest_id = min(self.lowest_id, min(batch.ids))
        self.highest_id = max(self.highest_id, max(batch.ids))
        self.first_time = min(self.first_time, first)
        self.last_time = max(self.last_time, last)
        self.rows += len(batch.data)
        self.bytes += sum(map(len, batch.data))

    def reject(self, rejections: Iterable[Rejection], encoding: Encoding) -> list[RejectedRow]:
        """Subtract rows that were sent, and return them in readable form."""
        rows = [
            RejectedRow(encoding.decode(one.data), one.reason, encoded=True) for one in rejections
        ]
        self.rows -= len(rows)
        return rows

    def count_rejected(self, rows: Iterable[RejectedRow], kept: Kept) -> None:
        """Count rows that cannot be sent, and say what has become of them."""
        for row in rows:
            count_reason(self.reasons, without_values(row.reason))
        self.left_out += kept.left_out
        self.kept |= kept.identities

    def log_values(self, unlogged: Mapping[str, int]) -> dict[str, Any]:
        """Return the chunk's columns of the export log, when all rows have been sent.

        `unlogged` are rejected rows before it that no transaction has told of.
        """
        reasons = Counter(unlogged)
        for reason, rows in self.reasons.items():
            count_reason(reasons, reason, rows)
        return {
            "table_name": self.table.name,
            "first_id": self.first_id,
            "last_id": self.cursor,
            "first_time": self.first_time,
            "last_time": self.last_time,
            "row_count": self.rows,
            "byte_count": self.bytes,
            "rejected": reasons.total(),
            "rejected_reasons": reasons_text(reasons),
            "unfit_values": counts_text(self.unfit),
            "started": timestamp(self.started),
            "finished": timestamp(dt_util.utcnow()),
            "home_assistant_version": HOME_ASSISTANT_VERSION,
        }
