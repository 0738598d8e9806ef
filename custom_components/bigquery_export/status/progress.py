"""The progress of exports: how many rows wait, and how long a backfill takes."""

from dataclasses import dataclass
from time import monotonic

from ..export.checkpoint import Checkpoint
from ..export.recorder_tables import RECORDER_TABLES


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the backfills of all tables are, in rows as the recorder numbers them."""

    rows_done: int
    rows_left: int
    seconds_left: float | None
    """None while nothing is sent, or when it began too recently to tell."""

    @property
    def percent(self) -> float:
        """Return how much is done, in percent."""
        return 100 * self.rows_done / max(1, self.rows_done + self.rows_left)


class Progress:
    """Estimates how many rows wait: they are counted now and then, and computed in between."""

    def __init__(self) -> None:
        """Begin without rows."""
        self.oldest_age: float | None = None
        """The age of the oldest waiting row when they were counted, in seconds."""
        self._waiting = 0
        self._handled = 0
        self._started: tuple[float, int] | None = None
        self._began: tuple[float, int] | None = None
        self._sizes: dict[str, int] = {}
        """Rows of each backfill, including those that are done while others are not."""

    def count(self, checkpoint: Checkpoint, waiting: int, oldest_age: float | None) -> None:
        """Set how many rows wait behind a checkpoint, and the age of the oldest in seconds."""
        self._waiting = waiting
        self.oldest_age = oldest_age
        self._handled = _handled(checkpoint)

    def rows_waiting(self, checkpoint: Checkpoint) -> int:
        """Return approximately how many rows wait."""
        return max(0, self._waiting - (_handled(checkpoint) - self._handled))

    def start(self, checkpoint: Checkpoint) -> None:
        """Start measuring the speed of an export that begins at a checkpoint."""
        self._started = (monotonic(), _handled(checkpoint))

    def stop(self) -> None:
        """Stop measuring: nothing is sent any more."""
        self._began = None
        self._started = None

    def rows_per_second(self, checkpoint: Checkpoint) -> float | None:
        """Return the speed of the running export, or else of the last one, if there was one."""
        if self._started:
            began, handled = self._started
            return (_handled(checkpoint) - handled) / max(monotonic() - began, 1e-3)
        if checkpoint.last_rows is None or checkpoint.last_seconds is None:
            return None
        return checkpoint.last_rows / max(checkpoint.last_seconds, 1e-3)

    def backfill(self, checkpoint: Checkpoint, *, exporting: bool) -> Backfill | None:
        """Return the progress of the backfills in a checkpoint, if it has any."""
        left = 0
        sizes = {}
        for position_key, position in checkpoint.positions.items():
            if position.since is not None and position.until is not None:
                sizes[position_key] = position.until - position.since
                left += position.until - position.cursor
        self._sizes = {**self._sizes, **sizes} if sizes else {}
        if not sizes:
            return None
        done = sum(self._sizes.values()) - left
        return Backfill(done, left, self._seconds(left) if exporting else None)

    def _seconds(self, left: int) -> float | None:
        """Return how many seconds the rest takes, at the mean speed since sending began."""
        now = monotonic()
        if self._began is None or left > self._began[1]:
            self._began = (now, left)
        began, rows = self._began
        return (now - began) / (rows - left) * left if left < rows else None


def _handled(checkpoint: Checkpoint) -> int:
    """Return how many rows of the recorder's tables were sent or rejected."""
    positions = [
        position
        for table in RECORDER_TABLES
        for position in (
            checkpoint.table_position(table).new,
            checkpoint.table_position(table).backfill,
        )
        if position
    ]
    return sum(position.rows + position.rejected for position in positions)
