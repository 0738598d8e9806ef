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
from time import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util.ulid import ulid_at_time, ulid_now

from ..errors import (
    AnotherExportError,
    CheckpointOutdatedError,
    ExportError,
    RefusedError,
    TransientError,
)
from ..rows.encoded_rows import RejectedRow
from ..rows.export_log import EXPORT_LOG
from ..rows.table import Table
from .checkpoint import Checkpoint, Intent
from .checkpoint_file import CheckpointFile
from .chunk import Chunk
from .damaged_ends import DamagedEnds
from .delivery import Delivery, Outcome, Transaction
from .fence import Fence, FencedTransaction, FenceMovedError, FenceState
from .positions import Position
from .recent_commits import RecentCommit
from .rejected_rows import RejectedRows

_LOGGER = logging.getLogger(__name__)
_ATTEMPTS = 3
"""How often to take over from others that are sending at the moment."""


class Journal:
    """The checkpoint of one config entry, and the only one that writes it."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        file: CheckpointFile,
        fence: Fence,
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
        self.fence = fence
        self.tables = tables
        self.deliveries = deliveries
        self._on_progress = on_progress
        self.rejected_rows = rejected_rows
        self.set_aside_rows = set_aside_rows
        self.checkpoint = Checkpoint()
        self.damaged_ends = DamagedEnds()
        self._lock = asyncio.Lock()
        self._fenced: FenceState | None = None
        """The fence as it was read or written last, once it is known to be this checkpoint's."""

    async def async_load(self) -> None:
        """Continue from the checkpoint as it was saved last."""
        self.checkpoint = await self._async_block(self._file.load)

    async def async_update(self, change: Callable[[Checkpoint], Checkpoint]) -> None:
        """Write the checkpoint as `change` returns it. Raises CheckpointUnwritableError.

        Changes come one after another: gaps may be acknowledged while a job is running.
        """
        async with self._lock:
            checkpoint = change(self.checkpoint)
            await self._async_block(self._file.save, checkpoint)
            self.checkpoint = checkpoint
        self._on_progress()

    async def async_claim(self) -> bool:
        """Make sure that this is the newest checkpoint; return whether it was not.

        Then others have sent rows since, or may have: all that waits is in doubt from now on, and
        an export with another copy of the checkpoint stops before its next commit. BigQuery is
        asked once in the life of a journal. Raises AnotherExportError when the user has to decide.
        """
        if self._fenced:
            return False
        if self.checkpoint.superseded:
            raise AnotherExportError
        for _ in range(_ATTEMPTS):
            try:
                return await self._async_claim()
            except FenceMovedError:
                continue
        raise AnotherExportError

    async def async_take_over(self) -> None:
        """Go on although another copy of this export has: its user has decided that it stops.

        Raises CheckpointUnwritableError.
        """
        await self.async_update(partial(replace, superseded=False))

    async def _async_claim(self) -> bool:
        """Read the fence, and take over if it is not this checkpoint's. Raises FenceMovedError."""
        intent = self.checkpoint.intent
        state = await self._async_block(self.fence.read)
        if state is None:
            # With this token no checkpoint is the newest one. Most likely no other has exported.
            last = intent.fenced if intent else FencedTransaction("")
            made = replace(last, token=self._new_token())
            state = await self._async_block(self.fence.make, made)
        if state.last.token in (self.checkpoint.fence, intent.fence if intent else None):
            self._fenced = state
            return False
        _LOGGER.warning(
            "Rows were exported that the checkpoint of this Home Assistant does not know of: it was"
            " lost, a backup was restored, or a copy of Home Assistant has exported. Each waiting"
            " row is looked for in BigQuery before it is sent, so that none is there twice"
        )
        latest = state.last.time
        token = self._new_token(latest)
        if await self._async_settle_last(state):
            # It was committed only now: from now on it may not be listed yet.
            state = await self._async_block(self.fence.write, FencedTransaction(token))
            token = self._new_token(latest)
        before = state.changed
        await self.async_update(lambda now: now.taken_over(token, before, latest))
        self._fenced = await self._async_block(self.fence.write, FencedTransaction(token))
        return True

    def _new_token(self, latest: int = 0) -> str:
        """Return a token that is not earlier than any `export_timestamp`, in microseconds."""
        latest = max(latest, self.checkpoint.latest)
        # A ULID has milliseconds, of which the last may be lost as a float.
        return ulid_at_time(max(time(), (latest // 1000 + 2) / 1000))

    async def _async_settle_last(self, state: FenceState) -> bool:
        """Commit the transaction that others have begun last; return whether that was needed.

        A process that was held up, or its request on its way, may commit it at any time: now it is
        known that its rows are there, or never will be.
        """
        last, age = state.last, time() - state.changed / 1000
        table, delivery = self.tables.get(last.table), self.deliveries.get(last.delivery)
        if table is None or delivery is None:
            return False
        try:
            outcome = await self._async_block(delivery.settle, table, last.transaction, age)
        except TransientError:
            raise
        except ExportError:
            return True  # It cannot be decided, for example because the key may run no jobs.
        if outcome in (Outcome.COMMITTED, Outcome.COMMITTED_NOW):
            await self._async_block(delivery.settle, EXPORT_LOG, last.log_transaction, age)
        return outcome is Outcome.COMMITTED_NOW

    async def async_settle(self) -> None:
        """Settle the transaction in doubt, if there is one."""
        if self.checkpoint.superseded:
            raise AnotherExportError
        if (intent := self.checkpoint.intent) and intent.fence:
            await self.async_claim()
        if (intent := self.checkpoint.intent) is None:
            return
        if intent.fence and self._fenced and self._fenced.last.token != intent.fence:
            await self._async_begin(intent)
        await self._async_settle(intent)

    async def _async_settle(self, intent: Intent) -> None:
        """Decide a transaction, and move its position if it is committed."""
        delivery = self.deliveries[intent.delivery]
        table = self.tables[intent.table]
        outcome = await self._async_block(delivery.settle, table, intent.transaction, intent.age)
        position = self.checkpoint.position(intent.position_key)
        if outcome in (Outcome.COMMITTED, Outcome.COMMITTED_NOW):
            await self._async_settle_log(intent, delivery)
            await self._async_committed(intent)
            return
        commit = None
        if outcome is Outcome.FORGOTTEN or not intent.is_recent:
            position = position.in_doubt(intent.position.cursor, self._changed)
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
            token = intent.fence and self._new_token()
            settled = replace(intent, log_transaction=log.name, fence=token)
            await self.async_update(
                lambda now: replace(now, intent=settled, fence=intent.fence or now.fence)
            )
            if settled.fence:
                await self._async_begin(settled)
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
            log_values = {**chunk.log_values(), **log_header}
            log = await self._async_block(write_log, delivery, log_values)
            intent = Intent(
                chunk.table.name,
                chunk.position_key,
                delivery.name,
                chunk.transaction.name,
                log.name,
                log_values,
                after(chunk),
                self._new_token(export_timestamp),
                chunk.lowest_id - 1,
                chunk.highest_id,
                chunk.again,
                chunk.gap,
                chunk.left_out if chunk.moves else 0,
                export_timestamp,
            )
            await self.async_update(partial(replace, intent=intent))
            await self._async_begin(intent)
            rejections = await self._async_block(chunk.transaction.commit)
            if not rejections:
                await self._async_commit_log(log)
                await self._async_committed(intent)
                return
            log.close()
            rejected = chunk.reject(rejections, delivery.encoding(chunk.table))
            await self.async_keep_rejected(str(log_header["export_id"]), chunk, rejected)
        position = after(chunk)
        left_out = chunk.left_out if chunk.moves else 0
        await self.async_update(
            lambda now: now.advanced(chunk.position_key, position, left_out=left_out, gap=chunk.gap)
        )

    async def _async_begin(self, intent: Intent) -> None:
        """Write into the fence that a transaction is begun.

        Raises AnotherExportError if another copy of this export has gone on meanwhile, and
        CheckpointOutdatedError if the fence is gone.
        """
        try:
            self._fenced = await self._async_block(self.fence.write, intent.fenced)
        except FenceMovedError:
            self._fenced = None
            if await self._async_block(self.fence.read) is None:
                raise CheckpointOutdatedError from None
            await self.async_update(partial(replace, intent=None, superseded=True))
            raise AnotherExportError from None

    async def _async_committed(self, intent: Intent) -> None:
        """Move the position of a transaction that is committed."""
        commit = self._recent_commit(intent)
        await self.async_update(
            lambda now: now.advanced(
                intent.position_key,
                intent.position,
                sent=intent.bytes,
                left_out=intent.left_out,
                commit=commit,
                gap=intent.gap,
            )
        )

    def _recent_commit(self, intent: Intent) -> RecentCommit | None:
        """Return a transaction as one that BigQuery may not list yet, unless it does at once."""
        if self.deliveries[intent.delivery].is_listed_at_once:
            return None
        return RecentCommit(self._changed, intent.after, intent.until, intent.again)

    @property
    def _changed(self) -> int:
        """Return when the fence was written last by this process, by BigQuery's clock; else 0."""
        return self._fenced.changed if self._fenced else 0

    async def async_keep_rejected(
        self, export_id: str, chunk: Chunk, rows: Sequence[RejectedRow]
    ) -> None:
        """Write rows of a chunk that cannot be sent to their file, and count them.

        Raises CheckpointUnwritableError.
        """
        if rows:
            append = self.rejected_rows.append
            chunk.count_rejected(
                len(rows), await self._async_block(append, export_id, chunk.table, rows)
            )

    async def _async_commit_log(self, log: Transaction) -> None:
        if rejections := await self._async_block(log.commit):
            raise RefusedError(message=rejections[0].reason)

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self._hass.async_add_executor_job(call, *args)


def write_log(delivery: Delivery, values: Mapping[str, Any]) -> Transaction:
    """Return a finished transaction with a row of the export log; this blocks."""
    encoding = delivery.encoding(EXPORT_LOG)
    log = delivery.begin(EXPORT_LOG, f"{EXPORT_LOG.name}_{ulid_now()}")
    try:
        log.append([encoding.row(encoding.fragment(values))])
        log.finish()
    except BaseException:
        log.close()
        raise
    return log
