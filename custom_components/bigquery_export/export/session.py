"""What one export works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from .chunk import Chunk
from .delivery import Delivery
from .journal import Journal
from .lookup import Lookup
from .rejected_rows import RejectedRows


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

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that was committed."""
        self.rows[chunk.table.name] += chunk.rows
        self.rejected += len(chunk.refused)
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
    lookup: Lookup
    rejected_rows: RejectedRows
    run_values: Mapping[str, Any]
    """The values of the columns that all rows of the export share."""
    batch_rows: int
    result: Result
    stopped: bool = False
    """Whether the export has to end soon."""

    async def block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks."""
        return await self.hass.async_add_executor_job(call, *args)
