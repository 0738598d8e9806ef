"""What one export works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from ..errors import StoppedError
from ..rows.encoded_rows import EncodedRows
from .checkpoint import Position
from .chunk import Chunk
from .delivery import Delivery
from .existing_rows import ExistingRows
from .journal import Journal
from .pace import Pace
from .rejected.rejected_rows import RejectedRows


@dataclass(slots=True)
class Result:
    """What an export has done."""

    export_id: str = field(default_factory=ulid_now)
    started: datetime = field(default_factory=dt_util.utcnow)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows committed, by table."""
    rejected: int = 0
    """Rows that were rejected, and lie in the file of rejected rows."""
    bytes: int = 0
    """Bytes of rows sent, before protocols and compression."""
    seconds: float = 0
    sent_again: dict[str, int] | None = None
    """Those of the rows that were exported before, by table, if they were looked for."""

    @property
    def total(self) -> int:
        """Return how many rows were committed in all."""
        return sum(self.rows.values())

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that was committed."""
        self.rows[chunk.table.name] += chunk.rows
        self.rejected += len(chunk.rejected)
        self.bytes += chunk.bytes

    def include(self, other: Result) -> None:
        """Count what another export has done for the same reason."""
        for table, rows in other.rows.items():
            self.rows[table] = self.rows.get(table, 0) + rows
        self.rejected += other.rejected
        self.bytes += other.bytes
        self.seconds += other.seconds


@dataclass(slots=True)
class Session:
    """What one export works with, and where it counts what it does."""

    hass: HomeAssistant
    journal: Journal
    delivery: Delivery
    lookup: ExistingRows
    rejected_rows: RejectedRows
    run_values: Mapping[str, Any]
    """The values of the columns that all rows of the export share."""
    batch_rows: int
    result: Result
    stopped: bool = False
    """Whether the export has to end soon."""
    paused: bool = False
    """Whether backfills have to wait."""
    begun: int = 0
    """How many transactions were begun."""
    pace: Pace = field(default_factory=Pace)

    async def async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks."""
        return await self.hass.async_add_executor_job(call, *args)

    async def async_rest(self) -> None:
        """Let others have their turn, after each piece. Raises StoppedError if it was the last."""
        await self.pace.async_rest()
        if self.stopped:
            raise StoppedError

    async def async_send(self, chunk: Chunk, rows: EncodedRows) -> None:
        """Add rows to the transaction of a chunk, which the first ones begin.

        Its label is of the table, the export, the place where the chunk begins, and the number of
        transactions before it.
        """
        if not rows.data:
            return
        table = chunk.table
        if chunk.transaction is None:
            label = f"{table.name}_{self.result.export_id}_{chunk.start}_{self.begun}"
            self.begun += 1
            chunk.transaction = await self.async_block(self.delivery.begin, table, label)
        rejections = await self.async_block(chunk.transaction.append, rows.data)
        chunk.add(rows)
        chunk.reject(rejections, self.delivery.encoding(table))

    async def async_commit(self, chunk: Chunk, after: Callable[[], Position]) -> None:
        """Keep the rows of a chunk that could not be sent, and commit the others.

        The position that they are of moves to what `after` returns when that is done.
        """
        await self.journal.async_keep_rejected(chunk.table, chunk.rejected)
        if chunk.transaction:
            await self.async_block(chunk.transaction.finish)
        await self.journal.async_commit(chunk, after)
        self.result.add(chunk)
