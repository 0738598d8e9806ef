"""The journal: what is known to be in BigQuery, and the protocol that keeps it true.

    finish -> save intent -> commit -> save position

The intent says which transaction may have been committed when the process ends before the
position is saved. Whoever comes next settles it before it sends anything else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util.ulid import ulid_now

from ..errors import RefusedError
from ..rows.encoded_rows import RejectedRow
from ..rows.export_log import EXPORT_LOG
from ..rows.table import Table
from .checkpoint import Checkpoint, CheckpointFile, Intent, Position
from .chunk import Chunk
from .delivery import Delivery, Outcome, Transaction
from .rejected.rejected_rows import RejectedRows

_REMEMBERED = 90 * 24 * 60 * 60.0
"""Seconds; BigQuery keeps the history of jobs for six months (page "Managing jobs")."""


class Journal:
    """The checkpoint of one config entry, and how it moves."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        file: CheckpointFile,
        checkpoint: Checkpoint,
        tables: Mapping[str, Table],
        deliveries: Mapping[str, Delivery],
        delivery: Delivery,
        rejected_rows: RejectedRows,
        header: Mapping[str, Any],
        on_progress: Callable[[Checkpoint], None],
    ) -> None:
        """Go on from a checkpoint.

        `deliveries` are all that there are, by name: a transaction in doubt may be of another
        one than the chosen `delivery`. `header` has the columns of the export log that are not
        of a chunk.
        """
        self._hass = hass
        self._file = file
        self.checkpoint = checkpoint
        self._tables = tables
        self._deliveries = deliveries
        self._delivery = delivery
        self._rejected_rows = rejected_rows
        self._header = header
        self._on_progress = on_progress

    async def async_save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint. Raises CheckpointUnwritableError."""
        await self._async_block(self._file.save, checkpoint)
        self.checkpoint = checkpoint
        self._on_progress(checkpoint)

    async def async_settle(self) -> None:
        """Find out what became of a transaction whose commit nobody saw."""
        if (intent := self.checkpoint.intent) is None:
            return
        delivery = self._deliveries[intent.delivery]
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
        await self.async_save(self.checkpoint.advanced(intent.position_key, position, sent=sent))

    async def _async_settle_log(self, intent: Intent, delivery: Delivery) -> None:
        """Make sure that the export log has its row of a transaction that was committed."""
        outcome = await self._async_block(delivery.settle, EXPORT_LOG, intent.log_transaction)
        if outcome is Outcome.NOT_COMMITTED and intent.age < _REMEMBERED:
            log = await self._async_block(self._write_log, delivery, intent.log_values)
            await self.async_save(
                replace(self.checkpoint, intent=replace(intent, log_transaction=log.name))
            )
            await self._async_commit_log(log)

    async def async_commit(self, chunk: Chunk, after: Callable[[], Position]) -> None:
        """Commit what was sent, and move the position that it is of to what `after` returns.

        Rows that BigQuery rejects only now are left out and kept, and the others committed.
        """
        while chunk.transaction and chunk.rows:
            log_values = {**chunk.log_values(), **self._header}
            log = await self._async_block(self._write_log, self._delivery, log_values)
            intent = Intent(
                chunk.table.name,
                chunk.position_key,
                self._delivery.name,
                chunk.transaction.name,
                log.name,
                log_values,
                after(),
            )
            await self.async_save(replace(self.checkpoint, intent=intent))
            rejections = await self._async_block(chunk.transaction.commit)
            if not rejections:
                await self._async_commit_log(log)
                break
            log.close()
            rejected = chunk.reject(rejections, self._delivery.encoding(chunk.table))
            await self.async_keep_rejected(chunk.table, rejected)
        sent = chunk.bytes if chunk.rows else 0
        await self.async_save(self.checkpoint.advanced(chunk.position_key, after(), sent=sent))

    async def async_keep_rejected(self, table: Table, rows: Sequence[RejectedRow]) -> None:
        """Write rows that could not be sent to their file."""
        if rows:
            await self._async_block(
                self._rejected_rows.append, str(self._header["export_id"]), table, rows
            )

    def _write_log(self, delivery: Delivery, values: Mapping[str, Any]) -> Transaction:
        """Return a finished transaction with a row of the export log."""
        encoding = delivery.encoding(EXPORT_LOG)
        log = delivery.begin(EXPORT_LOG, f"{EXPORT_LOG.name}_{ulid_now()}")
        try:
            log.append([encoding.row(encoding.fragment(values))])
            log.finish()
        except BaseException:
            log.close()
            raise
        return log

    async def _async_commit_log(self, log: Transaction) -> None:
        if rejections := await self._async_block(log.commit):
            raise RefusedError(message=rejections[0].reason)

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks."""
        return await self._hass.async_add_executor_job(call, *args)
