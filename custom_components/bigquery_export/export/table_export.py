"""The export of one table in one run.

    resume -> chunk, chunk ...
    chunk: read pieces -> encode -> append -> commit (journal.py)

Where more rows wait than one transaction takes, they become a backfill, and what is newer does not
wait for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
import logging
from typing import Any, cast

from ..errors import RowsNotListedError, TableDamagedError
from ..rows.encoded_rows import EncodedRows
from ..source.readiness import async_read_recorder
from ..source.source_table import Anchor
from .batch_reader import BatchReader
from .changed_history import async_log_changes
from .checkpoint import Checkpoint, Gap
from .chunk import Chunk
from .damaged_rows import lost_at_end
from .ports import Source
from .positions import Position, TablePosition, backfill_of
from .purge import Retention, is_purged_within
from .recent_commits import last_begun
from .resume import divided, look, resumed
from .session import Session
from .set_aside import async_set_aside, has_room
from .unsent_rows import without_existing

_LOGGER = logging.getLogger(__name__)

IN_DOUBT_ROWS = 10_000
"""Rows that are kept in memory while BigQuery is searched for them."""


class TableExport:
    """Exports one table: new rows up to the newest that it has found, and its backfill."""

    def __init__(self, session: Session, source: Source[Any]) -> None:
        """Prepare the export; nothing is read yet."""
        self._session = session
        self._journal = session.journal
        self._table = source.table
        self._reader = source.reader
        self._observer = source.observer
        self._batches = BatchReader(session, source)
        self._own = source.own
        self._until = 0
        """The id of the newest row to be exported."""
        self.has_ids_below = False
        """Whether the recorder gives new rows lower ids than those that were exported."""
        self._unread: Gap | None = None
        """Rows at the end of the last chunk that cannot be read."""
        self.gaps: list[Gap] = []
        """Rows that cannot be exported any more: the recorder has deleted them, or they are on
        damaged pages of its database."""
        session.result.rows[source.table.name] = 0

    @property
    def name(self) -> str:
        """Return the name of the table in BigQuery."""
        return self._table.name

    @property
    def _table_position(self) -> TablePosition:
        return self._journal.checkpoint.table_position(self._table.name)

    async def async_resume(self) -> None:
        """Make sure that the positions belong to the history that the recorder has now."""
        self._until, oldest, found = await self._async_read(
            look, self._reader, self._table_position
        )
        before, after = self._compared(found, oldest)
        if after.oldest.cursor < self._until and await self._journal.async_claim():
            before, after = self._compared(found, oldest)
        broken, gap = False, None
        if before:
            broken = after.anchors != before.anchors
            gap = await async_log_changes(self._session, self._table, before, after)
        if mark := found.get(self._until):
            after = divided(after, oldest=oldest, newest=Anchor(self._until, mark))
        lowest = await self._async_lowest(oldest, broken=broken)
        if after != before or lowest != self._lowest:
            self.gaps += [gap] if gap else []
            resumed = partial(self._resumed, after, gap, lowest, broken=broken)
            await self._journal.async_update(resumed)

    @property
    def _lowest(self) -> int:
        return self._journal.checkpoint.lowest.get(self._table.name, 0)

    async def _async_lowest(self, oldest: int | None, *, broken: bool) -> int:
        """Return the lowest id below which no new row is expected, and look for such rows.

        Ids only ever begin lower where the numbering has begun again (a sequence of PostgreSQL that
        was not set after a move), or where old rows were brought in, whose times are old.
        """
        known = self._lowest
        if oldest is None:
            return 0  # They may begin again at 1, and the position goes back.
        if broken or oldest >= known:
            return oldest
        latest = await self._async_read(self._reader.latest_id)
        self.has_ids_below = latest is not None and latest < known
        return known if self.has_ids_below else oldest

    def _compared(
        self, found: Mapping[int, str], oldest: int | None
    ) -> tuple[TablePosition | None, TablePosition]:
        """Return the positions of the checkpoint, if there are any, and those to resume from."""
        checkpoint, name = self._journal.checkpoint, self._table.name
        before = self._table_position if name in checkpoint.positions else None
        after = resumed(
            before,
            found=found,
            oldest=oldest,
            newest=self._until,
            last_commit=last_begun(checkpoint.commits(name)),
            begin=checkpoint.position(name),
        )
        return before, after

    def _resumed(
        self,
        after: TablePosition,
        gap: Gap | None,
        lowest: int,
        checkpoint: Checkpoint,
        *,
        broken: bool,
    ) -> Checkpoint:
        """Return a checkpoint with the table's position, and the gap that was found.

        Where the history is `broken`, rows that were sent may have other ids by now.
        """
        checkpoint = checkpoint.with_table_position(self._table.name, after)
        checkpoint = replace(checkpoint, lowest={**checkpoint.lowest, self._table.name: lowest})
        if broken:
            checkpoint = checkpoint.without_ids(self._table.name)
        return checkpoint.with_gap(gap) if gap else checkpoint

    async def async_look_for_new(self) -> None:
        """Export new rows up to the newest that there is now."""
        self._until = await self._async_read(self._reader.newest_id)

    async def async_export_chunk(self) -> bool:
        """Send new rows in one transaction, and commit it; return whether there may be more."""
        name = self._table.name
        return await self._async_export_chunk(
            name, self._journal.checkpoint.position(name), self._until
        )

    async def async_backfill_chunk(self) -> bool:
        """Send rows of the backfill likewise; when there are no more, it is done."""
        if (before := self._table_position.backfill) is None:
            return False
        name = self._table.name
        if await self._async_export_chunk(backfill_of(name), before, before.until or 0):
            return True
        done, gap = self._table_position.ended_backfill(), self._unread
        self.gaps += [gap] if gap else []

        def ended(now: Checkpoint) -> Checkpoint:
            now = now.with_table_position(name, done)
            return now.with_gap(gap) if gap else now

        await self._journal.async_update(ended)
        return False

    async def _async_export_chunk(self, position_key: str, before: Position, until: int) -> bool:
        self._unread = None
        if before.cursor >= until:
            return False

        def moved(chunk: Chunk) -> Position:
            return before.moved(chunk.passed, rows=chunk.rows, rejected=chunk.rejected)

        self._observer.begin(position_key, before)
        async with self._session.transaction(
            self._table,
            start=before.cursor,
            until=until,
            position_key=position_key,
            after=moved,
        ) as chunk:
            if before.in_doubt_until > chunk.cursor:
                chunk.again = True
                await self._async_fill_with_unknown(chunk, before.in_doubt_before)
            else:
                await self._async_fill(chunk)
            if not chunk.empty:
                await self._session.async_block(self._observer.keep)
        if chunk.gap:
            self.gaps.append(chunk.gap)
        self._unread = lost_at_end(chunk, before.last_anchor, self._table_position.new)
        return not chunk.empty

    async def _async_fill(self, chunk: Chunk) -> None:
        """Send batches as they are read: while one is on its way, the next is read."""
        batch = await self._batches.async_read(chunk)
        if self._may_wait(chunk, batch):
            chunk.passed.clear()
            return
        while not chunk.full:
            batch, _ = await _async_both(
                self._batches.async_read(chunk), self._session.async_send(chunk, batch)
            )
        await self._session.async_send(chunk, batch)

    def _may_wait(self, chunk: Chunk, batch: EncodedRows) -> bool:
        """Return whether all new rows are ones that exports themselves cause."""
        is_all = (
            chunk.ended
            and chunk.position_key == self._table.name
            and not (chunk.rejected or chunk.gap)
        )
        return is_all and bool(batch.names) and self._own.issuperset(batch.names)

    async def _async_can_look(self, cursor: int, before: int) -> bool:
        """Return whether BigQuery tells which rows it has, or will before the recorder purges them.

        Raises RowsNotListedError where there is time to wait for it.
        """
        hass, name = self._session.hass, self._table.name
        try:
            await self._session.async_check_known(self._table, before)
        except RowsNotListedError as err:
            late = await self._async_read(
                is_purged_within, hass, name, cursor, Retention.of(hass), err.seconds
            )
            room = await self._session.async_block(has_room, self._session, self._table)
            if not (late and room):
                raise
            return False
        return True

    async def _async_fill_with_unknown(self, chunk: Chunk, before: int) -> None:
        """Read all batches first, and send what is not in BigQuery yet."""
        known = await self._async_can_look(chunk.cursor, before)
        rows = EncodedRows()
        while len(rows.data) < IN_DOUBT_ROWS and not chunk.full:
            rows.extend(await self._batches.async_read(chunk))
        if rows.data and not known:
            await async_set_aside(self._session, self._table, rows, before)
            self._observer.leave_out(rows.ids, ())
            return
        if rows.data:
            read = set(rows.ids)
            repeats = await self._async_repeats(chunk)
            rows, same = await self._session.async_block(
                without_existing,
                rows,
                self._table,
                self._session.partitions,
                repeats,
                self._session.delivery.encoding(self._table).decode,
            )
            left_out = read.difference(rows.ids)
            # What came back from BigQuery is there as it is now, in whatever unit and name.
            is_restored = partial(self._journal.checkpoint.is_restored, self._table.name)
            same |= set(filter(is_restored, left_out))
            self._observer.leave_out(left_out, same.difference(rows.ids))
        await self._session.async_send_batches(chunk, rows)

    async def _async_repeats(self, chunk: Chunk) -> Mapping[int, int]:
        """Return how many exported rows have the same identity as one of the chunk."""
        exported = self._table_position.exported
        try:
            return await self._async_read(self._reader.repeats, chunk.start, chunk.cursor, exported)
        except TableDamagedError:
            return {}  # There are hardly any, and of those before the damage it is not known.

    async def _async_read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        return await async_read_recorder(self._session.hass, read, *args)


async def _async_both[A, B](first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Wait until both have ended, and raise what one of them has raised."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast(tuple[A, B], tuple(results))
