"""How far exports are: rows that wait, and how long a backfill takes."""

from dataclasses import dataclass
from time import monotonic

from .export.checkpoint import Checkpoint
from .export.sources import SOURCE_TYPES


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the backfills of all tables are, in rows as the recorder numbers them."""

    rows_done: int
    rows_left: int
    seconds_left: float | None
    """None while nothing is sent, or not long enough to tell."""

    @property
    def percent(self) -> float:
        """Return how much is done, in percent."""
        return 100 * self.rows_done / max(1, self.rows_done + self.rows_left)


class Progress:
    """Knows how many rows wait: they are counted now and then, and reckoned in between."""

    def __init__(self) -> None:
        """Know of no rows."""
        self._waiting = 0
        self._handled = 0
        self._began: tuple[float, int] | None = None
        self._sizes: dict[str, int] = {}
        """Rows of each backfill, and of those that are done while others are not."""

    def count(self, checkpoint: Checkpoint, waiting: int) -> None:
        """Take note of how many rows wait behind a checkpoint."""
        self._waiting = waiting
        self._handled = _handled(checkpoint)

    def rows_waiting(self, checkpoint: Checkpoint) -> int:
        """Return how many rows wait, about."""
        return max(0, self._waiting - (_handled(checkpoint) - self._handled))

    def stop(self) -> None:
        """Take note that nothing is sent any more."""
        self._began = None

    def backfill(self, checkpoint: Checkpoint, *, exporting: bool) -> Backfill | None:
        """Return how far the backfills are that a checkpoint has, if it has any."""
        left = 0
        sizes = {}
        for track, position in checkpoint.positions.items():
            if position.since is not None and position.until is not None:
                sizes[track] = position.until - position.since
                left += position.until - position.cursor
        self._sizes = {**self._sizes, **sizes} if sizes else {}
        if not sizes:
            return None
        done = sum(self._sizes.values()) - left
        return Backfill(done, left, self._seconds(left) if exporting else None)

    def _seconds(self, left: int) -> float | None:
        """Return how long it takes, if it goes on as since it began to be sent."""
        now = monotonic()
        if self._began is None or left > self._began[1]:
            self._began = (now, left)
        began, rows = self._began
        return (now - began) / (rows - left) * left if left < rows else None


def _handled(checkpoint: Checkpoint) -> int:
    """Return how many rows were dealt with of those that can wait in the recorder."""
    positions = [
        position
        for table in SOURCE_TYPES
        for position in (checkpoint.standing(table).new, checkpoint.standing(table).backfill)
        if position
    ]
    return sum(position.rows + position.rejected for position in positions)
