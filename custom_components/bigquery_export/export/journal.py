"""The journal: the checkpoint, and the protocol that keeps it consistent with BigQuery.

    finish -> save intent -> write fence -> commit -> save position

The intent says which transaction may have been committed when the process ends before the
position is saved. The next job settles it before it sends anything. The fence (fence.py) says
whether another copy of the checkpoint has sent rows since this one did.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
import logging
from typing import Any

from homeassistant.core import HomeAssistant

from ..errors import (
    AnotherExportError,
    CheckpointOutdatedError,
    RefusedError,
)
from ..rows.encoded_rows import RejectedRow
from ..rows.export_log import EXPORT_LOG
from ..rows.table import Table
from .appends import Appends
from .checkpoint import Checkpoint, Intent
from .checkpoint_file import CheckpointFile
from .chunk import Chunk
from .damaged_ends import DamagedEnds
from .delivery import Delivery, Outcome, Transaction
from .fence import Fence, NoFence
from .log_transaction import write_log
from .ownership import Ownership
from .positions import Position
from .recent_commits import RecentCommit
from .rejected_rows import RejectedRows

_LOGGER = logging.getLogger(__name__)


class Journal:
    """The checkpoint of one config entry, and the only one that writes it."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        file: CheckpointFile,
        fence: Fence | None,
        tables: Mapping[str, Table],
        deliveries: Mapping[str, Delivery],
        rejected_rows: RejectedRows,
        set_aside_rows: RejectedRows,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with an empty checkpoint.

        `deliveries` has all of them by name: a transaction in doubt may be of another one than the
        one in use now. `on_progress` is called on the event loop when the checkpoint has moved.
        """
        self._hass = hass
        self._file = file
        self.fence = fence or NoFence(lambda: self.checkpoint.fence)
        self.tables = tables
        self.deliveries = deliveries
        self._on_progress = on_progress
        self.rejected_rows = rejected_rows
        self.set_aside_rows = set_aside_rows
        self.checkpoint = Checkpoint()
        self.damaged_ends = DamagedEnds()
        self._lock = asyncio.Lock()
        self.ownership = Ownership(hass, self, self.fence, tables, deliveries)
        self.appends = Appends(hass, self, self.ownership, tables, deliveries)

    async def async_load(self) -> None:
        """Continue from the checkpoint as it was saved last."""
        self.checkpoint = await self._async_block(self._file.load)

    async def async_update(
        self, change: Callable[[Checkpoint], Checkpoint], *, save: bool = True
    ) -> None:
        """Write the checkpoint as `change` returns it. Raises CheckpointUnwritableError.

        Changes come one after another: gaps may be acknowledged while a job is running. What would
        be found out again after a crash need not be saved before the next change is.
        """
        async with self._lock:
            checkpoint = change(self.checkpoint)
            if save:
                await self._async_block(self._file.save, checkpoint)
            self.checkpoint = checkpoint
        self._on_progress()

    async def async_claim(self) -> bool:
        """Make sure that this is the newest checkpoint, as `Ownership.async_claim` does."""
        return await self.ownership.async_claim()

    async def async_take_over(self) -> None:
        """Go on although another copy of this export has: its user has decided that it stops.

        Raises CheckpointUnwritableError.
        """
        await self.async_update(partial(replace, superseded=False))

    async def async_settle(self) -> None:
        """Settle the transaction in doubt, if there is one."""
        if self.checkpoint.superseded:
            raise AnotherExportError
        if (intent := self.checkpoint.intent) and intent.fence:
            await self.async_claim()
        if (intent := self.checkpoint.intent) is None:
            return
        if intent.fence:
            await self.ownership.async_begin(intent)
        await self._async_settle(intent)

    async def _async_settle(self, intent: Intent) -> None:
        """Decide a transaction, and move its position if it is committed."""
        if intent.append:
            await self.appends.async_settle(intent)
            return
        delivery = self.deliveries[intent.delivery]
        outcome = Outcome.COMMITTED
        if intent.transaction:
            settle = partial(delivery.settle, self.tables[intent.table])
            outcome = await self._async_block(settle, intent.transaction, intent.age)
        position = self.checkpoint.position(intent.position_key)
        if outcome in (Outcome.COMMITTED, Outcome.COMMITTED_NOW):
            await self._async_settle_log(intent, delivery)
            await self._async_committed(intent)
            return
        commit = None
        if outcome is Outcome.FORGOTTEN or not intent.is_recent:
            position = position.in_doubt(intent.position.cursor, self.ownership.changed)
            commit = self._recent_commit(intent)
        await self.async_update(
            lambda now: now.advanced(intent.position_key, position, commit=commit)
        )

    async def _async_settle_log(self, intent: Intent, delivery: Delivery) -> None:
        """Ensure that the export log has the row about a transaction that was committed."""
        outcome = await self._async_block(
            delivery.settle, EXPORT_LOG, intent.log_transaction, intent.age
        )
        if outcome is Outcome.NOT_COMMITTED and intent.is_recent:
            log = await self._async_block(write_log, delivery, intent.log_values)
            token = intent.fence and self.ownership.new_token()
            settled = replace(intent, log_transaction=log.name, fence=token)
            await self.async_update(
                lambda now: replace(now, intent=settled, fence=intent.fence or now.fence)
            )
            if settled.fence:
                await self.ownership.async_begin(settled)
            await self._async_commit_log(log)

    async def async_commit(
        self,
        chunk: Chunk,
        after: Callable[[Chunk], Position],
        delivery: Delivery,
        log_header: Mapping[str, Any],
        export_timestamp: int = 0,
    ) -> None:
        """Commit what was sent by a delivery, and move the chunk's position to `after` it.

        `log_header` has the columns of the export log that are not the chunk's, whose rows have
        this `export_timestamp`. Rows that BigQuery rejects only now are written to the file of
        rejected rows, and the others are committed.
        """
        while chunk.transaction and chunk.rows:
            if await self.async_claim():
                raise CheckpointOutdatedError
            unlogged = self.checkpoint.unlogged.get(chunk.table.name, {}) if chunk.moves else {}
            log_values = {**chunk.log_values(unlogged), **log_header}
            log = await self._async_block(write_log, delivery, log_values)
            intent = Intent(
                chunk.table.name,
                chunk.position_key,
                delivery.name,
                chunk.transaction.name,
                log.name,
                log_values,
                after(chunk),
                self.ownership.new_token(export_timestamp),
                chunk.lowest_id - 1,
                chunk.highest_id,
                chunk.again,
                chunk.gap,
                chunk.left_out if chunk.moves else 0,
                export_timestamp,
            )
            await self.async_update(partial(Checkpoint.with_intent, intent=intent))
            try:
                await self.ownership.async_begin(intent)
            except CheckpointOutdatedError:
                # It was not committed, nor may it be: others may have sent its rows.
                await self.async_update(partial(replace, intent=None))
                raise
            rejections = await self._async_block(chunk.transaction.commit)
            if not rejections:
                await self._async_commit_log(log)
                await self._async_committed(intent)
                return
            await self._async_block(log.close)
            rejected = chunk.reject(rejections, delivery.encoding(chunk.table))
            await self.async_keep_rejected(str(log_header["export_id"]), chunk, rejected)
        await self._async_pass(chunk, after(chunk))

    async def async_log_appends(self, delivery: Delivery) -> None:
        """Write a row of the export log about all that was appended since the last one."""
        for table, stream in list(self.checkpoint.streams.items()):
            if (rows := stream.unlogged) is None:
                await self.appends.async_forget_old(table)
                continue
            if await self.async_claim():
                return  # It is in doubt now.
            log = await self._async_block(write_log, delivery, rows.log_values)
            intent = Intent(
                table,
                table,
                delivery.name,
                "",
                log.name,
                dict(rows.log_values),
                self.checkpoint.position(table),
                self.ownership.new_token(rows.export_timestamp),
                rows.after,
                rows.until,
                again=False,
                export_timestamp=rows.export_timestamp,
            )
            await self.async_update(partial(replace, intent=intent))
            await self.ownership.async_begin(intent)
            await self._async_commit_log(log)
            await self._async_committed(intent)

    async def _async_pass(self, chunk: Chunk, position: Position) -> None:
        """Move the position past rows of which none is sent."""
        left_out, reasons = (chunk.left_out, chunk.reasons) if chunk.moves else (0, {})
        await self.async_update(
            lambda now: now.advanced(
                chunk.position_key, position, left_out=left_out, gap=chunk.gap
            ).with_unlogged(chunk.table.name, reasons)
        )

    async def _async_committed(self, intent: Intent) -> None:
        """Move the position of a transaction that is committed."""
        commit = self._recent_commit(intent)

        def committed(now: Checkpoint) -> Checkpoint:
            after = now.advanced(
                intent.position_key,
                intent.position,
                sent=intent.bytes,
                left_out=intent.left_out,
                commit=commit,
                gap=intent.gap,
            )
            if not intent.transaction:
                return after.with_appends_logged(intent.table)
            return after if intent.again else after.with_all_logged(intent.table)

        await self.async_update(committed)

    def _recent_commit(self, intent: Intent) -> RecentCommit | None:
        """Return a transaction as one that BigQuery may not list yet, unless it does at once."""
        if intent.transaction and self.deliveries[intent.delivery].is_listed_at_once:
            return None
        return RecentCommit(self.ownership.changed, intent.after, intent.until, intent.again)

    async def async_keep_rejected(
        self, export_id: str, chunk: Chunk, rows: Sequence[RejectedRow]
    ) -> None:
        """Write rows of a chunk that cannot be sent to their file, and count them.

        Raises CheckpointUnwritableError.
        """
        if rows:
            append = self.rejected_rows.append
            chunk.count_rejected(
                rows, await self._async_block(append, export_id, chunk.table, rows)
            )

    async def _async_commit_log(self, log: Transaction) -> None:
        if rejections := await self._async_block(log.commit):
            raise RefusedError(message=rejections[0].reason)

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self._hass.async_add_executor_job(call, *args)
