"""Whether this checkpoint is the newest one of its export, which the fence tells (fence.py).

A checkpoint that was restored from a backup, or copied to a second machine, may be older than what
was exported. Nothing at home can tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, reduce
import logging
from time import time
from typing import Protocol

from homeassistant.core import HomeAssistant
from homeassistant.util.ulid import ulid_at_time

from ..errors import AnotherExportError, CheckpointOutdatedError, ExportError, TransientError
from ..rows.export_log import EXPORT_LOG
from ..rows.table import Table
from .checkpoint import Checkpoint, Intent
from .delivery import Delivery, Outcome, StreamDelivery
from .fence import Fence, FencedTransaction, FenceMovedError, FenceState
from .open_stream import COMMITTED_STREAM

_LOGGER = logging.getLogger(__name__)
_ATTEMPTS = 3
"""How often to take over from others that are sending at the moment."""


class Checkpoints(Protocol):
    """Has the checkpoint, and writes it."""

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint as it was written last."""

    async def async_update(
        self, change: Callable[[Checkpoint], Checkpoint], *, save: bool = True
    ) -> None:
        """Write the checkpoint as `change` returns it, or only have it, without `save`.

        Raises CheckpointUnwritableError.
        """


class Ownership:
    """Compares a checkpoint with the fence, and writes into the fence what is begun."""

    def __init__(
        self,
        hass: HomeAssistant,
        checkpoints: Checkpoints,
        fence: Fence,
        tables: Mapping[str, Table],
        deliveries: Mapping[str, Delivery],
    ) -> None:
        """Know nothing of the fence yet."""
        self._hass = hass
        self._checkpoints = checkpoints
        self._fence = fence
        self._tables = tables
        self._deliveries = deliveries
        self._state: FenceState | None = None
        """The fence as it was read or written last, once it is known to be this checkpoint's."""

    @property
    def changed(self) -> int:
        """Return when this process wrote or read the fence last, by BigQuery's clock; else 0.

        It is in milliseconds since 1970.
        """
        return self._state.changed if self._state else 0

    @property
    def _checkpoint(self) -> Checkpoint:
        return self._checkpoints.checkpoint

    async def async_claim(self) -> bool:
        """Make sure that this is the newest checkpoint; return whether it was not.

        Then others have sent rows since, or may have: all that waits is in doubt from now on, and
        an export with another copy of the checkpoint stops before its next commit. BigQuery is
        asked once in the life of a journal. Raises AnotherExportError when the user has to decide.
        """
        if self._state:
            return False
        if self._checkpoint.superseded:
            raise AnotherExportError
        for _ in range(_ATTEMPTS):
            try:
                return await self._async_claim()
            except FenceMovedError:
                continue
        raise AnotherExportError

    async def _async_claim(self) -> bool:
        """Read the fence, and take over if it is not this checkpoint's. Raises FenceMovedError."""
        intent = self._checkpoint.intent
        state = await self._async_block(self._fence.read)
        if state is None:
            # With this token no checkpoint is the newest one. Most likely no other has exported.
            last = intent.fenced if intent else FencedTransaction("")
            made = replace(last, token=self.new_token(), streams=self._open_streams)
            state = await self._async_block(self._fence.make, made)
        known = state.last.token in (self._checkpoint.fence, intent.fence if intent else None)
        appended = known and await self._async_close_streams(intent)
        if known and not appended:
            await self._async_forget_closed(intent)
            self._state = state
            return False
        _LOGGER.warning(
            "Rows were exported that the checkpoint of this Home Assistant does not know of: it was"
            " lost, a backup was restored, or a copy of Home Assistant has exported. Each waiting"
            " row is looked for in BigQuery before it is sent, so that none is there twice"
        )
        if await self._async_settle_last(state) or appended:
            # It was committed only now: from now on it may not be listed yet.
            token = self.new_token(state.last.time)
            last = FencedTransaction(token)
            state = replace(await self._async_block(self._fence.write, last), last=state.last)
        await self._async_doubt(state)
        return True

    async def async_doubt(self) -> None:
        """Put all in doubt that waits: it is not known what this process has appended, or when.

        Raises CheckpointOutdatedError when the fence was moved.
        """
        try:
            last = FencedTransaction(self.new_token())
            await self._async_doubt(await self._async_block(self._fence.write, last))
        except FenceMovedError:
            self._state = None
            raise CheckpointOutdatedError from None

    async def _async_doubt(self, state: FenceState) -> None:
        """Put all in doubt that was sent until the fence was changed. Raises FenceMovedError."""
        latest = max(state.last.time, self._checkpoint.latest)
        token = self.new_token(latest)
        await self._checkpoints.async_update(
            lambda now: now.taken_over(token, state.changed, latest)
        )
        self._state = await self._async_block(self._fence.write, FencedTransaction(token))

    async def _async_close_streams(self, intent: Intent | None) -> bool:
        """Close the streams that an earlier process has left open.

        Return whether one has other rows than this checkpoint knows of, or is not known any more.
        """
        others = False
        for table, stream in self._checkpoint.streams.items():
            if not stream.name:
                continue
            append = intent.append if intent and intent.table == table else None
            # When rows that are logged were appended is not known: it may have been just now.
            age = time() - stream.unlogged.commit.begun / 1000 if stream.unlogged else 0.0
            rows = await self._async_close(table, stream.name, age)
            most = stream.rows + (append.rows if append else 0)
            others = others or rows is None or not stream.rows <= rows <= most
        return others

    async def _async_forget_closed(self, intent: Intent | None) -> None:
        """Forget the streams that were closed, now that all their rows are known.

        One with an append in doubt is forgotten when that is settled.
        """
        in_doubt = intent.table if intent and intent.append else None
        streams = self._checkpoint.streams.items()
        if closed := [table for table, one in streams if one.name and table != in_doubt]:
            await self._checkpoints.async_update(
                lambda now: reduce(Checkpoint.without_open_stream, closed, now)
            )

    async def _async_close(self, table: str, stream: str, age: float) -> int | None:
        """Close a stream of a table, and return how many rows it has, if that is known."""
        delivery = self._deliveries.get(COMMITTED_STREAM)
        if not (isinstance(delivery, StreamDelivery) and table in self._tables):
            return None
        return await self._async_block(delivery.close_stream, self._tables[table], stream, age)

    def new_token(self, latest: int = 0) -> str:
        """Return a token that is not earlier than any `export_timestamp`, in microseconds."""
        latest = max(latest, self._checkpoint.latest)
        # A ULID has milliseconds, of which the last may be lost as a float.
        return ulid_at_time(max(time(), (latest // 1000 + 2) / 1000))

    async def _async_settle_last(self, state: FenceState) -> bool:
        """Commit the transaction that others have begun last; return whether that was needed.

        A process that was held up, or its request on its way, may commit it at any time: now it is
        known that its rows are there, or never will be.
        """
        last, age = state.last, time() - state.changed / 1000
        for name in last.streams.split():
            table_name, _, stream = name.partition("=")
            await self._async_close(table_name, stream, age)
        appended = bool(last.streams)  # Then rows may have been appended until now.
        table, delivery = self._tables.get(last.table), self._deliveries.get(last.delivery)
        if table is None or delivery is None:
            return appended
        try:
            outcome = await self._async_block(delivery.settle, table, last.transaction, age)
        except TransientError:
            raise
        except ExportError:
            return True  # It cannot be decided, for example because the key may run no jobs.
        if outcome in (Outcome.COMMITTED, Outcome.COMMITTED_NOW):
            await self._async_block(delivery.settle, EXPORT_LOG, last.log_transaction, age)
        return appended or outcome is Outcome.COMMITTED_NOW

    async def async_begin(self, intent: Intent) -> None:
        """Write into the fence that a transaction is begun.

        Raises AnotherExportError if another copy of this export has gone on meanwhile, and
        CheckpointOutdatedError if the fence is gone. What the fence says already is not written.
        """
        if self._state and self._state.last.token == intent.fence:
            return
        try:
            begun = replace(intent.fenced, streams=self._open_streams)
            self._state = await self._async_block(self._fence.write, begun)
        except FenceMovedError:
            self._state = None
            if await self._async_block(self._fence.read) is None:
                raise CheckpointOutdatedError from None
            await self._checkpoints.async_update(partial(replace, intent=None, superseded=True))
            raise AnotherExportError from None

    @property
    def _open_streams(self) -> str:
        """Return which streams are open, as the fence has it."""
        streams = self._checkpoint.streams.items()
        return " ".join(f"{table}={stream.name}" for table, stream in streams if stream.name)

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self._hass.async_add_executor_job(call, *args)
