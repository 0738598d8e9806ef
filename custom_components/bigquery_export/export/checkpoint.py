"""The checkpoint: how far each table is exported, and which transaction may be in doubt."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import time
from typing import Any

from ..rows.table import EPOCH
from ..source.source_table import Anchor
from .fence import FencedTransaction
from .open_stream import COMMITTED_STREAM, Append, OpenStream, UnloggedRows
from .positions import Position, TablePosition, backfill_of
from .recent_commits import EVERYTHING, RecentCommit, with_commit
from .rejected_rows import count_reason
from .restored_rows import RestoredRows, begun, passed

_REMEMBERED = 90 * 24 * 60 * 60.0
"""Seconds; BigQuery keeps the history of jobs for six months (page "Managing jobs")."""
_TOLERANCE = 60 * 60.0
"""Seconds by which a clock may be put right."""

type Begin = Mapping[str, tuple[Anchor, ...]]
"""The newest rows at the set-up, by table, if the user wants no history: exports begin after."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Transactions that are about to be committed, and the position of their table afterwards."""

    table: str
    position_key: str
    """The name of the position: that of the table, or of its backfill."""
    delivery: str
    """The name of the delivery of both transactions."""
    transaction: str
    """The rows of the table; empty if they were appended before, and only their row in the export
    log is missing."""
    log_transaction: str
    """The transaction of that row, which is committed after them; empty for rows that are appended
    to an open stream."""
    log_values: dict[str, Any]
    """The values of that row, to send it again if its transaction is lost."""
    position: Position
    fence: str = ""
    """Its token; an earlier version had none."""
    after: int = 0
    """Its rows have `after` < id <= `until`."""
    until: int = EVERYTHING
    again: bool = True
    """Whether rows may be among them that an export has passed before."""
    gap: Gap | None = None
    """Rows that the position passes because they cannot be read."""
    left_out: int = 0
    """Rejected rows, passed for the first time, that are not in their file."""
    export_timestamp: int = 0
    """That of its rows, in microseconds since 1970."""

    @property
    def fenced(self) -> FencedTransaction:
        """Return what is written into the fence before the commit."""
        if self.append or not self.transaction:
            return FencedTransaction(self.fence)
        return FencedTransaction(
            self.fence, self.table, self.delivery, self.transaction, self.log_transaction
        )

    @property
    def append(self) -> Append | None:
        """Return where the rows are, if they are appended to an open stream."""
        is_append = self.delivery == COMMITTED_STREAM and self.transaction
        return Append.named(self.transaction) if is_append else None

    @property
    def bytes(self) -> int:
        """Return how many bytes its rows have."""
        return int(self.log_values["byte_count"])

    @property
    def age(self) -> float:
        """Return the seconds since all rows had been sent, by the home's clock."""
        return time() - float(self.log_values["finished"]) / 1e6

    @property
    def is_recent(self) -> bool:
        """Return whether BigQuery surely remembers the transaction.

        Where the clock has gone back since, it is not known.
        """
        return -_TOLERANCE < self.age < _REMEMBERED


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows of a table that were never exported: deleted before, or damaged in the database."""

    table: str
    rows: int
    """How many ids are missing: databases other than SQLite leave some out now and then."""
    since: float
    """The time of the last row that was exported before, in seconds since 1970."""
    until: float
    """The time of the oldest row that is left, in seconds since 1970; never before `since`."""

    def with_(self, other: Gap | None) -> Gap:
        """Return this gap together with another one of the same table."""
        if other is None:
            return self
        return Gap(
            self.table,
            self.rows + other.rows,
            min(self.since, other.since),
            max(self.until, other.until),
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that an export must know about earlier exports."""

    positions: dict[str, Position] = field(default_factory=dict)
    """Positions by table, and those of backfills by `backfill_of` it."""
    intent: Intent | None = None
    last_export: float | None = None
    """When the last export succeeded, in seconds since 1970."""
    begin: Begin = field(default_factory=dict)
    """Where tables begin, if not with their oldest row."""
    last_rows: int | None = None
    """Rows that the last export has sent."""
    last_seconds: float | None = None
    """How long the last export took."""
    bytes_sent: int = 0
    """Bytes of all rows committed since the first export, before protocols and compression."""
    gaps: tuple[Gap, ...] = ()
    """Gaps that the user has not acknowledged yet, one for each table."""
    fence: str = ""
    """The token of the last transaction that was begun and is not in doubt; empty before the first
    one. That of the intent is its own."""
    unknown_before: int = 0
    """Until then others, or a checkpoint that was lost, may have sent rows of any table, in
    milliseconds since 1970 by BigQuery's clock. 0: this checkpoint knows of all that was sent."""
    recent: dict[str, tuple[RecentCommit, ...]] = field(default_factory=dict)
    """Commits that BigQuery may not list yet, by table."""
    set_aside: dict[str, int] = field(default_factory=dict)
    """Tables that have rows set aside (set_aside.py), which may have been committed until then, in
    milliseconds since 1970 by BigQuery's clock."""
    left_out: int = 0
    """Rejected rows that are not in their file, because it was full, until the user knows it."""
    latest: int = 0
    """The latest `export_timestamp` of rows that were sent: those of the next export are later,
    because the views show what was exported last, and the home's clock may go back."""
    superseded: bool = False
    """Whether a copy of this export has gone on, and the user has to say which one is to."""
    lowest: dict[str, int] = field(default_factory=dict)
    """The lowest id that the recorder had, by table: new rows have higher ones."""
    restored: dict[str, tuple[RestoredRows, ...]] = field(default_factory=dict)
    """Rows that came back from BigQuery into the recorder, by table."""
    unlogged: dict[str, dict[str, int]] = field(default_factory=dict)
    """Rejected rows that no row of the export log tells of yet, by table and reason: of chunks
    that had no other rows."""
    run: Anchor | None = None
    """The recorder's run of the last export since others may have sent rows: where the database
    lacks it, that is another one."""
    streams: dict[str, OpenStream] = field(default_factory=dict)
    """Open streams, and what was appended that the export log does not tell of yet, by table."""
    examined: str = ""
    """The recorder's database that was last looked at: whether BigQuery has older statistics."""

    def position(self, position_key: str) -> Position:
        """Return the position of a table, or of its backfill."""
        if position := self.positions.get(position_key):
            return position
        anchors = self.begin.get(position_key)
        first = Position.after(anchors) if anchors else Position()
        if self.unknown_before:
            return first.in_doubt(EVERYTHING, self.unknown_before)
        return first

    def table_position(self, table: str) -> TablePosition:
        """Return the positions of a table and of its backfill."""
        return TablePosition(self.position(table), self.positions.get(backfill_of(table)))

    def commits(self, table: str) -> tuple[RecentCommit, ...]:
        """Return the commits of a table that BigQuery may not list yet."""
        unknown = (RecentCommit(self.unknown_before),) if self.unknown_before else ()
        appended = self.streams.get(table, OpenStream()).unlogged
        newest = (appended.commit,) if appended else ()
        return (*unknown, *self.recent.get(table, ()), *newest)

    def commits_again(self, table: str, ids: Iterable[int]) -> list[RecentCommit]:
        """Return the commits that may have sent some of these rows, which were passed before."""
        wanted = list(ids)
        return [one for one in self.commits(table) if one.again and any(map(one.has, wanted))]

    def without_ids(self, table: str) -> Checkpoint:
        """Return the checkpoint with the ids of a table's rows not known any more."""
        commits = tuple(RecentCommit(commit.begun) for commit in self.recent.get(table, ()))
        checkpoint = replace(self, recent={**self.recent, table: commits})
        rows = tuple(one.without_ids() for one in self.restored.get(table, ()) if one.has_names)
        return checkpoint.with_restored(table, rows) if table in self.restored else checkpoint

    def is_restored(self, table: str, id_: int) -> bool:
        """Return whether a row came back from BigQuery, if BigQuery has it."""
        return any(rows.has(id_) for rows in self.restored.get(table, ()))

    def passed_restored(self, table: str) -> Checkpoint:
        """Return the checkpoint without the ids of rows that came back and were passed since."""
        known, position = self.restored.get(table, ()), self.table_position(table)
        cursor = 0 if position.backfill else position.new.cursor
        return self.with_restored(table, passed(known, cursor))

    def with_restored(self, table: str, rows: tuple[RestoredRows, ...]) -> Checkpoint:
        """Return the checkpoint with other rows of a table that came back."""
        return replace(self, restored={**self.restored, table: rows})

    def restoring(self, table: str, rows: RestoredRows) -> Checkpoint:
        """Return the checkpoint before rows come back: all newer rows of the table are in doubt."""
        checkpoint = self.with_restored(table, begun(self.restored.get(table, ()), rows))
        position = self.position(table).in_doubt(EVERYTHING, 0)
        return replace(checkpoint, positions={**self.positions, table: position})

    def advanced(
        self,
        position_key: str,
        position: Position,
        *,
        sent: int = 0,
        left_out: int = 0,
        commit: RecentCommit | None = None,
        gap: Gap | None = None,
    ) -> Checkpoint:
        """Return the checkpoint with one position moved, `sent` bytes more, and no intent.

        `left_out` rejected rows more are not in their file.
        `commit` is that of the intent, if BigQuery may not list it yet. The `gap` is passed.
        """
        recent = self.recent
        if commit and self.intent:
            table = self.intent.table
            recent = {**recent, table: with_commit(recent.get(table, ()), commit)}
        return replace(
            self.with_gap(gap) if gap else self,
            intent=None,
            positions={**self.positions, position_key: position},
            bytes_sent=self.bytes_sent + sent,
            left_out=self.left_out + left_out,
            fence=(self.intent and self.intent.fence) or self.fence,
            recent=recent,
            latest=max(self.latest, self.intent.export_timestamp if self.intent else 0),
        )

    def with_intent(self, intent: Intent) -> Checkpoint:
        """Return the checkpoint before a transaction is begun.

        The one before, if rows of it were rejected, has written the fence, and is not in doubt.
        """
        fence = (self.intent and self.intent.fence) or self.fence
        return replace(self, intent=intent, fence=fence)

    def appended(self) -> Checkpoint:
        """Return the checkpoint when the rows of its intent are in an open stream."""
        if (intent := self.intent) is None or (append := intent.append) is None:
            return self
        stream = self.streams.get(intent.table, OpenStream(append.stream, append.offset))
        rows = UnloggedRows(intent.after, intent.until, intent.log_values, intent.export_timestamp)
        return self.advanced(
            intent.position_key, intent.position, left_out=intent.left_out, gap=intent.gap
        ).with_stream(intent.table, stream.appended(append.rows, rows))

    def with_stream(self, table: str, stream: OpenStream | None) -> Checkpoint:
        """Return the checkpoint with another stream of a table, or with none."""
        streams = {name: one for name, one in self.streams.items() if name != table}
        return replace(self, streams={**streams, table: stream} if stream else streams)

    def with_appends_logged(self, table: str) -> Checkpoint:
        """Return the checkpoint when the export log tells of all that was appended to a table."""
        stream = self.streams.get(table)
        return self.with_stream(table, stream.logged()) if stream else self

    def without_open_stream(self, table: str) -> Checkpoint:
        """Return the checkpoint with the stream of a table closed, if there is one."""
        stream = self.streams.get(table)
        return self.with_stream(table, stream.closed()) if stream else self

    def after_latest(self, now: datetime) -> datetime:
        """Return the `export_timestamp` of an export that begins now: later than all before."""
        begun = self.intent.export_timestamp if self.intent else 0
        return max(now, EPOCH + timedelta(microseconds=max(self.latest, begun) + 1))

    def taken_over(self, fence: str, before: int, latest: int) -> Checkpoint:
        """Return the checkpoint with all in doubt that waits: others have sent rows until a time.

        `fence` is the token with which this copy of the export goes on, and `latest` the
        `export_timestamp` that theirs have at most.
        """
        return replace(
            self,
            intent=None,
            positions={
                key: position.in_doubt(EVERYTHING, before)
                for key, position in self.positions.items()
            },
            fence=fence,
            unknown_before=max(self.unknown_before, before),
            latest=max(self.latest, latest),
            superseded=False,
            streams={},
        )

    def with_unlogged(self, table: str, reasons: Mapping[str, int]) -> Checkpoint:
        """Return the checkpoint with more rejected rows that no row of the export log tells of."""
        if not reasons:
            return self
        counts = Counter(self.unlogged.get(table, {}))
        for reason, rows in reasons.items():
            count_reason(counts, reason, rows)
        return replace(self, unlogged={**self.unlogged, table: dict(counts)})

    def with_all_logged(self, table: str) -> Checkpoint:
        """Return the checkpoint when the export log tells of all rejected rows of a table."""
        left = {name: reasons for name, reasons in self.unlogged.items() if name != table}
        return replace(self, unlogged=left)

    def in_run(self, run: Anchor | None, in_doubt: Iterable[str]) -> Checkpoint:
        """Return the checkpoint in another of the recorder's runs, with tables in doubt."""
        keys = {key for table in in_doubt for key in (table, backfill_of(table))}
        return replace(
            self,
            run=run,
            positions={
                key: position.in_doubt(EVERYTHING, self.unknown_before) if key in keys else position
                for key, position in self.positions.items()
            },
        )

    def with_gap(self, gap: Gap) -> Checkpoint:
        """Return the checkpoint with another gap, added to those of the same table."""
        gaps = {one.table: one for one in self.gaps}
        gaps[gap.table] = gap.with_(gaps.get(gap.table))
        return replace(self, gaps=tuple(gaps.values()))

    def with_table_position(self, table: str, table_position: TablePosition) -> Checkpoint:
        """Return the checkpoint with new positions of a table."""
        positions = {**self.positions, table: table_position.new}
        if table_position.backfill:
            positions[backfill_of(table)] = table_position.backfill
        else:
            positions.pop(backfill_of(table), None)
        return replace(self, positions=positions)
