"""What a delivery is: how rows get into a table, a transaction at a time.

    begin -> append, append ... -> finish -> (the intent is saved) -> commit

All methods block and raise ExportError. Rows become visible with the commit, all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from .encoding import Encoding


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that BigQuery does not take: its place in the batch, and why not."""

    index: int
    reason: str


class Transaction(Protocol):
    """Rows that are committed together or not at all."""

    @property
    def name(self) -> str:
        """Return the name by which the delivery knows the transaction, also after a crash."""

    def append(self, rows: Sequence[bytes]) -> list[RejectedRow]:
        """Send a batch; rows that are rejected are left out, all others are in."""

    def finish(self) -> None:
        """End the sending, and make sure that as many rows arrived as were appended."""

    def commit(self) -> None:
        """Make the rows visible; to commit what is committed already changes nothing."""

    def abandon(self) -> None:
        """Let go of a transaction that will not be committed."""


class Outcome(Enum):
    """What became of a transaction that was in doubt."""

    COMMITTED = auto()
    NOT_COMMITTED = auto()
    """And it never will be."""
    FORGOTTEN = auto()
    """Nobody can tell any more."""


class Delivery(Protocol):
    """A way into one table."""

    @property
    def encoding(self) -> Encoding:
        """Return how rows have to be encoded."""

    def begin(self) -> Transaction:
        """Open a transaction."""

    def settle(self, transaction: str) -> Outcome:
        """Decide a transaction in doubt: commit it if that is still possible."""
