"""The journal: the checkpoint, and the protocol that keeps it consistent with BigQuery.

    finish -> save intent -> commit -> save position

The intent says which transaction may have been committed when the process ends before the
position is saved. The next job settles it before it sends anything.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util.ulid import ulid_now

from ..errors import RefusedError
from ..rows.encoded_rows import RejectedRow
from ..rows.export_log import EXPORT_LOG
from ..rows.table import Table
from .checkpoint import Checkpoint, CheckpointFile, Intent
from .chunk import Chunk
from .delivery import Delivery, Outcome, Transaction
from .positions import Position
from .rejected_rows import RejectedRows

_REMEMBERED = 90 * 24 * 60 * 60.0
"""Seconds; BigQuery keeps the history of jobs for six months (page "Managing jobs")."""


class Journal:
    """The checkpoint of one config entry, and the only one that writes it."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        file: CheckpointFile,
        tables: Mapping[str, Table],
        deliveries: Mapping[str, Delivery],
        rejected_rows: RejectedRows,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with an empty checkpoint.

        `deliveries` has all of them by name: a transaction in doubt may be of another one than the
        one in use now. `on_progress` is called on the event loop when the checkpoint has moved.
        """
        self._hass = hass
        self._file = file
        self._tables = tables
        self.deliveries = deliveries
        self._on_progress = on_progress
        self.rejected_rows = rejected_rows
        self.checkpoint = Checkpoint()
        self._lock = asyncio.Lock()

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

    async def async_settle(self) -> None:
        """Settle the transaction in doubt, if there is one."""
        if (intent := self.checkpoint.intent) is None:
            return
        delivery = self.deliveries[intent.delivery]
        table = self._tables[intent.table]
        outcome = await self._async_block(delivery.settle, table, intent.transaction)
        position = self.checkpoint.position(intent.position_key)
        sent = 0
        if outcome is Outcome.COMMITTED:
            position = intent.position
            sent = intent.bytes
            await self._async_settle_log(intent, delivery)
        elif outcome is Outcome.FORGOTTEN or intent.age > _REMEMBERED:
            in_doubt = max(position.in_doubt_until, intent.position.cursor)
            position = replace(position, in_doubt_until=in_doubt)
        await self.async_update(lambda now: now.advanced(intent.position_key, position, sent=sent))

    async def _async_settle_log(self, intent: Intent, delivery: Delivery) -> None:
        """Ensure that the export log has the row about a transaction that was committed."""
        outcome = await self._async_block(delivery.settle, EXPORT_LOG, intent.log_transaction)
        if outcome is Outcome.NOT_COMMITTED and intent.age < _REMEMBERED:
            log = await self._async_block(_write_log, delivery, intent.log_values)
            settled = replace(intent, log_transaction=log.name)
            await self.async_update(lambda now: replace(now, intent=settled))
            await self._async_commit_log(log)

    async def async_commit(
        self,
        chunk: Chunk,
        after: Callable[[Chunk], Position],
        delivery: Delivery,
        log_header: Mapping[str, Any],
    ) -> None:
        """Commit what was sent by a delivery, and move the chunk's position to `after` it.

        `log_header` has the columns of the export log that are not the chunk's. Rows that BigQuery
        rejects only now are written to the file of rejected rows, and the others are committed.
        """
        while chunk.transaction and chunk.rows:
            log_values = {**chunk.log_values(), **log_header}
            log = await self._async_block(_write_log, delivery, log_values)
            intent = Intent(
                chunk.table.name,
                chunk.position_key,
                delivery.name,
                chunk.transaction.name,
                log.name,
                log_values,
                after(chunk),
            )
            await self.async_update(partial(replace, intent=intent))
            rejections = await self._async_block(chunk.transaction.commit)
            if not rejections:
                await self._async_commit_log(log)
                break
            log.close()
            rejected = chunk.reject(rejections, delivery.encoding(chunk.table))
            await self.async_keep_rejected(str(log_header["export_id"]), chunk.table, rejected)
        sent = chunk.bytes if chunk.rows else 0
        position = after(chunk)
        await self.async_update(lambda now: now.advanced(chunk.position_key, position, sent=sent))

    async def async_keep_rejected(
        self, export_id: str, table: Table, rows: Sequence[RejectedRow]
    ) -> None:
        """Write rows that could not be sent to their file. Raises CheckpointUnwritableError."""
        if rows:
            await self._async_block(self.rejected_rows.append, export_id, table, rows)

    async def _async_commit_log(self, log: Transaction) -> None:
        if rejections := await self._async_block(log.commit):
            raise RefusedError(message=rejections[0].reason)

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self._hass.async_add_executor_job(call, *args)


def _write_log(delivery: Delivery, values: Mapping[str, Any]) -> Transaction:
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
