"""Appending rows to streams that are open (open_stream.py).

    finish -> save intent, and write fence if the stream is new -> append

The checkpoint is saved once for each transaction, before its rows are sent: the stream tells what
became of them. The export log tells of many transactions at once (`Journal.async_log_appends`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant

from ..errors import CheckpointOutdatedError
from ..rows.encoded_rows import RejectedRow
from ..rows.table import Table
from .checkpoint import Checkpoint, Intent
from .chunk import Chunk
from .delivery import Delivery, Outcome, StreamDelivery
from .open_stream import COMMITTED_STREAM, Append, OpenStream
from .ownership import Checkpoints, Ownership
from .positions import Position

type KeepRejected = Callable[[Sequence[RejectedRow]], Awaitable[None]]
"""Writes rows to the file of those that cannot be sent, and counts them in their chunk."""


class Appends:
    """Appends the rows of chunks, and decides what became of an append in doubt."""

    def __init__(
        self,
        hass: HomeAssistant,
        checkpoints: Checkpoints,
        ownership: Ownership,
        tables: Mapping[str, Table],
        deliveries: Mapping[str, Delivery],
    ) -> None:
        """Append nothing yet."""
        self._hass = hass
        self._checkpoints = checkpoints
        self._ownership = ownership
        self._tables = tables
        self._deliveries = deliveries

    async def async_append(
        self,
        chunk: Chunk,
        after: Callable[[Chunk], Position],
        delivery: Delivery,
        log_header: Mapping[str, Any],
        export_timestamp: int,
        keep_rejected: KeepRejected,
    ) -> None:
        """Append what a chunk has, and move its position to `after` it.

        Rows that BigQuery rejects are given to `keep_rejected`, and the others are appended to
        another stream. The other arguments are those of `Journal.async_commit`.
        """
        while chunk.transaction and chunk.rows:
            if await self._ownership.async_claim():
                raise CheckpointOutdatedError
            log_values = {**chunk.log_values({}), **log_header}
            await self._async_begin(
                Intent(
                    chunk.table.name,
                    chunk.position_key,
                    delivery.name,
                    chunk.transaction.name,
                    "",
                    log_values,
                    after(chunk),
                    after=chunk.lowest_id - 1,
                    until=chunk.highest_id,
                    again=chunk.again,
                    gap=chunk.gap,
                    left_out=chunk.left_out if chunk.moves else 0,
                    export_timestamp=export_timestamp,
                )
            )
            rejections = await self._async_block(chunk.transaction.commit)
            if not rejections:
                await self._checkpoints.async_update(Checkpoint.appended, save=False)
                return
            await keep_rejected(chunk.reject(rejections, delivery.encoding(chunk.table)))
            await self._async_block(chunk.transaction.finish)
        position = after(chunk)
        left_out, reasons = (chunk.left_out, chunk.reasons) if chunk.moves else (0, {})
        # Rows that are not exported are passed again after a crash.
        await self._checkpoints.async_update(
            lambda now: now.advanced(
                chunk.position_key, position, left_out=left_out, gap=chunk.gap
            ).with_unlogged(chunk.table.name, reasons),
            save=bool(chunk.rejected or chunk.gap),
        )

    async def _async_begin(self, intent: Intent) -> None:
        """Save an intent, and write into the fence which stream is open if it is new.

        Raises what `Ownership.async_begin` raises.
        """
        append = Append.named(intent.transaction)
        stream = self._checkpoints.checkpoint.streams.get(intent.table, OpenStream())
        is_new = stream.name != append.stream
        stream = replace(stream, name=append.stream, rows=append.offset)
        token = self._checkpoints.checkpoint.fence
        if is_new:
            token = self._ownership.new_token(intent.export_timestamp)
        begun = replace(intent, fence=token)
        await self._checkpoints.async_update(
            lambda now: now.with_stream(intent.table, stream).with_intent(begun)
        )
        try:
            await self._ownership.async_begin(begun)
        except CheckpointOutdatedError:
            # Nothing was appended, nor may it be: others may have sent these rows.
            await self._checkpoints.async_update(partial(replace, intent=None))
            raise

    async def async_forget_old(self, table: str) -> None:
        """Forget the stream of a table whose rows are all logged, if it has been open for long.

        BigQuery deletes one that gets no rows for days, and a later process could not tell then
        whether its checkpoint is the newest.
        """
        delivery = self._deliveries.get(COMMITTED_STREAM)
        if isinstance(delivery, StreamDelivery) and delivery.is_old(self._tables[table]):
            delivery.forget(self._tables[table])
            closed = partial(Checkpoint.without_open_stream, table=table)
            await self._checkpoints.async_update(closed)

    async def async_settle(self, intent: Intent) -> None:
        """Decide an append in doubt; the stream is closed."""
        settle = self._deliveries[intent.delivery].settle
        table = self._tables[intent.table]
        outcome = await self._async_block(settle, table, intent.transaction, intent.age)
        if outcome is Outcome.FORGOTTEN:
            await self._ownership.async_doubt()
            return

        def settled(now: Checkpoint) -> Checkpoint:
            key = intent.position_key
            is_there = outcome is Outcome.COMMITTED
            after = now.appended() if is_there else now.advanced(key, now.position(key))
            return after.without_open_stream(intent.table)

        await self._checkpoints.async_update(settled)

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self._hass.async_add_executor_job(call, *args)
