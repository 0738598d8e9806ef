"""A chunk: rows of one transaction."""

from dataclasses import dataclass, field
from datetime import datetime

from homeassistant.util import dt as dt_util

from ..source.states import Anchor
from .delivery import Transaction
from .state_encoder import EncodedRows, RefusedRow


@dataclass(slots=True)
class Chunk:
    """What was sent in one transaction, and how far it reaches."""

    start: int
    last: Anchor | None = None
    """The last row that was read."""
    ended: bool = False
    """Whether there is nothing more to read."""
    transaction: Transaction | None = None
    started: datetime = field(default_factory=dt_util.utcnow)
    first_id: int | None = None
    first_time: int | None = None
    """The earliest last_updated of the rows sent, in microseconds since 1970."""
    last_time: int | None = None
    rows: int = 0
    bytes: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def cursor(self) -> int:
        """Return from where the next read goes on."""
        return self.last.id if self.last else self.start

    def add(self, batch: EncodedRows, *, rejected: int) -> None:
        """Count a batch that was sent."""
        times = [key.last_updated for key in batch.keys]
        if self.first_time is None or self.last_time is None:
            self.first_id, self.first_time, self.last_time = batch.ids[0], times[0], times[0]
        self.first_time = min(self.first_time, *times)
        self.last_time = max(self.last_time, *times)
        self.rows += len(batch.data) - rejected
        self.bytes += sum(map(len, batch.data))
