"""What one job works with, and how it sends rows: a transaction at a time."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from ..errors import RowsNotListedError, StoppedError
from ..rows.columns import run_values
from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table
from ..source.source_table import Anchor
from .chunk import Chunk
from .delivery import Delivery, StreamDelivery
from .existing_rows import ExistingRows
from .journal import Journal
from .logged_settings import LoggedSettings
from .pace import Pace
from .partition_cache import PartitionCache
from .phase_times import Phase, PhaseTimes
from .positions import Position
from .recent_commits import EVERYTHING, RecentCommit, last_begun

_LOOK_AGAIN = 300.0
"""Seconds after which to look whether BigQuery lists rows by now."""
_ROUNDED = 150
"""Seconds; times are told in steps of five minutes, so that they stay the same."""


@dataclass(slots=True)
class Result:
    """What a job has done."""

    export_id: str = field(default_factory=ulid_now)
    started: datetime = field(default_factory=dt_util.utcnow)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows committed, by table."""
    rejected: int = 0
    """Rows that were rejected, and are in the file of rejected rows."""
    repaired: int = 0
    """Rows that were sent without what is not JSON of their attributes or data."""
    unfit: Counter[str] = field(default_factory=Counter)
    """How many values did not fit an own column, and are NULL, by column."""
    damaged: int = 0
    """Rows at most that were not sent again, as they cannot be read in a damaged database."""
    bytes: int = 0
    """Bytes of rows sent, before protocols and compression."""
    seconds: float = 0
    sent_again: dict[str, int] | None = None
    """Those of the rows that were exported before, by table; None if BigQuery was not searched."""

    @property
    def total(self) -> int:
        """Return how many rows were committed in all."""
        return sum(self.rows.values())

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that was committed."""
        self.rows[chunk.table.name] = self.rows.get(chunk.table.name, 0) + chunk.rows
        self.rejected += chunk.rejected
        self.repaired += chunk.repaired
        self.unfit.update(chunk.unfit)
        self.bytes += chunk.bytes

    def include(self, other: Result) -> None:
        """Add the result of another job that belongs to the same export."""
        for table, rows in other.rows.items():
            self.rows[table] = self.rows.get(table, 0) + rows
        self.rejected += other.rejected
        self.repaired += other.repaired
        self.unfit.update(other.unfit)
        self.damaged += other.damaged
        self.bytes += other.bytes
        self.seconds += other.seconds


@dataclass(slots=True)
class Session:
    """What one job works with, and where it counts what it does."""

    hass: HomeAssistant
    journal: Journal
    delivery: Delivery
    existing_rows: ExistingRows
    log_header: Mapping[str, Any]
    """The values of the export log that are the same for each transaction of the job."""
    run_values: Mapping[str, Any]
    """The values of the columns that all rows of the job share."""
    batch_rows: int
    result: Result
    settings: LoggedSettings | None = None
    """What the rows are made by, if the log is to say it."""
    transaction_rows: int | None = None
    """How many rows a transaction has at most, about; None for as many as a chunk may have."""
    stopped: bool = False
    """Whether the job has to end soon."""
    times: PhaseTimes = field(default_factory=PhaseTimes)
    """Counts the seconds of this job, and maybe those of others."""
    paused: bool = False
    """Whether backfills have to wait."""
    begun: int = 0
    """How many transactions were begun."""
    pace: Pace = field(default_factory=Pace)
    partitions: PartitionCache = field(init=False)
    """Looks for rows in doubt."""

    def __post_init__(self) -> None:
        """Begin without anything that was read."""
        self.partitions = PartitionCache(self.existing_rows)

    async def async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self.hass.async_add_executor_job(call, *args)

    async def async_rest(self) -> None:
        """Pause for other work, after each piece. Raises StoppedError if the job has to end."""
        await self.pace.async_rest()
        if self.stopped:
            raise StoppedError

    async def async_check_known(self, table: Table, before: int, *, query: bool = True) -> None:
        """Make sure that all is found in BigQuery that was committed before a time.

        The time is in milliseconds since 1970 by BigQuery's clock. Without `query` it is to be
        found by lists. Raises RowsNotListedError.
        """
        known_in = partial(self.existing_rows.seconds_until_known, query=query)
        if seconds := await self.async_block(known_in, table, before):
            until = dt_util.now() + timedelta(seconds=seconds + _ROUNDED)
            raise RowsNotListedError(
                table=table.name,
                until=f"{until:%H}:{until.minute // 5 * 5:02}",
                seconds=seconds,
                retry_after=min(seconds, _LOOK_AGAIN),
            )

    async def async_unlisted(
        self, table: Table, commits: Iterable[RecentCommit]
    ) -> list[RecentCommit]:
        """Return those commits of a table that BigQuery may not list yet.

        Raises RowsNotListedError where it is not known which rows they have.
        """
        known_in = partial(self.existing_rows.seconds_until_known, table, query=False)
        unlisted = [commit for commit in commits if await self.async_block(known_in, commit.begun)]
        if any(commit.until == EVERYTHING for commit in unlisted):
            await self.async_check_known(table, last_begun(unlisted))
        return unlisted

    @asynccontextmanager
    async def transaction(
        self,
        table: Table,
        *,
        start: int,
        until: int,
        last: Anchor | None = None,
        position_key: str | None = None,
        after: Callable[[Chunk], Position] | None = None,
    ) -> AsyncIterator[Chunk]:
        """Open a chunk of rows with `start` < id <= `until`, and commit it as the block ends.

        `position_key` is the position that moves with the commit, by default that of the table, to
        what `after` returns; without `after` it stays, and counts the rows. A chunk that is empty
        in the end is not committed. Raises ExportError.
        """
        key = position_key or table.name
        before = self.journal.checkpoint.position(key)
        passed = [last] if last else []
        chunk = Chunk(
            table,
            key,
            start,
            until,
            max_rows=self.transaction_rows,
            # An append most often writes no fence.
            can_commit=lambda: self.transaction_rows is not None or self.journal.fence.is_ready(),
            moves=after is not None,
            again=after is None,
            passed=passed,
        )
        try:
            yield chunk
            if not chunk.empty:
                with self.times.measure(Phase.COMMIT):
                    await self._async_commit(
                        chunk,
                        after or (lambda chunk: replace(before, rows=before.rows + chunk.rows)),
                    )
        finally:
            if chunk.transaction:
                await self.async_block(chunk.transaction.close)

    async def async_send(self, chunk: Chunk, rows: EncodedRows) -> None:
        """Add rows to the transaction of a chunk, which the first ones begin.

        Its label has the table, the export, the position where the chunk begins, and the number of
        transactions before it.
        """
        if not rows.data:
            return
        table = chunk.table
        if chunk.transaction is None:
            label = f"{table.name}_{self.result.export_id}_{chunk.start}_{self.begun}"
            self.begun += 1
            with self.times.measure(Phase.SEND):
                chunk.transaction = await self.async_block(self.delivery.begin, table, label)
        with self.times.measure(Phase.SEND):
            rejections = await self.async_block(chunk.transaction.append, rows.data)
        chunk.add(rows)
        rejected = chunk.reject(rejections, self.delivery.encoding(table))
        await self.journal.async_keep_rejected(self.result.export_id, chunk, rejected)

    async def async_keep_rejected(self, chunk: Chunk, rows: EncodedRows) -> None:
        """Move those rows of a piece that cannot be sent from the memory to their file.

        Raises CheckpointUnwritableError.
        """
        await self.journal.async_keep_rejected(self.result.export_id, chunk, rows.rejected)
        rows.rejected.clear()

    async def async_send_batches(self, chunk: Chunk, rows: EncodedRows) -> None:
        """Add rows to the transaction of a chunk, in batches."""
        for batch in rows.batches(self.batch_rows):
            await self.async_send(chunk, batch)

    async def _async_commit(self, chunk: Chunk, after: Callable[[Chunk], Position]) -> None:
        """Commit the rows of a chunk that could be sent."""
        if chunk.transaction:
            await self.async_block(chunk.transaction.finish)
        journal, delivery = self.journal, self.delivery
        header = {**self.log_header, **(self.settings.columns if self.settings else {})}
        export_timestamp = self.run_values.get("export_timestamp", 0)
        if isinstance(delivery, StreamDelivery):
            keep_rejected = partial(journal.async_keep_rejected, self.result.export_id, chunk)
            await journal.appends.async_append(
                chunk, after, delivery, header, export_timestamp, keep_rejected
            )
        else:
            await journal.async_commit(chunk, after, delivery, header, export_timestamp)
            if self.settings and chunk.rows:  # Otherwise there is no row in the log.
                self.settings.logged = True
        self.result.add(chunk)


def open_session(
    hass: HomeAssistant,
    *,
    journal: Journal,
    delivery: Delivery,
    existing_rows: ExistingRows,
    source: str,
    trigger: str,
    integration_version: str,
    batch_rows: int,
    settings: LoggedSettings | None = None,
    transaction_rows: int | None = None,
    times: PhaseTimes | None = None,
) -> Session:
    """Return a session of its own export_id, whose rows are of the installation `source`.

    `trigger` says in the export log what began it, and `settings` by what its rows are made; its
    seconds are added to `times`.
    """
    result = Result()
    return Session(
        hass,
        journal=journal,
        delivery=delivery,
        existing_rows=existing_rows,
        log_header={
            "export_id": result.export_id,
            "source": source,
            "trigger": trigger,
            "integration_version": integration_version,
        },
        run_values=run_values(
            source=source,
            export_id=result.export_id,
            started=journal.checkpoint.after_latest(result.started),
        ),
        batch_rows=batch_rows,
        result=result,
        settings=settings,
        transaction_rows=transaction_rows,
        times=times or PhaseTimes(),
    )
