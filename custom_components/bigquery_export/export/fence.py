"""The interface of the fence: which transaction was begun last, as the destination knows it.

A checkpoint may be older than what was exported: it was restored from a backup, or copied to a
second machine. Nothing at home can tell, so the destination keeps the token of the last transaction
that was begun. It is written before each commit, and remembered in the checkpoint. A checkpoint
that remembers another one is not the newest.

All methods block and raise ExportError.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import time
from typing import Protocol, Self

from homeassistant.util.ulid import ulid_to_bytes_or_none

BEFORE_FENCE = "before"
"""The token of a fence that was made when there were tables already: rows may have been exported by
a version that had none. Its checkpoints are trusted until the next transaction."""


@dataclass(frozen=True, slots=True)
class FencedTransaction:
    """A transaction that was begun: what is needed to decide what became of it."""

    token: str
    """What no other transaction has."""
    table: str = ""
    delivery: str = ""
    transaction: str = ""
    log_transaction: str = ""
    streams: str = ""
    """The streams that are open (open_stream.py), with spaces between them, each as its table, an
    equals sign and its name."""

    @property
    def time(self) -> int:
        """Return when it was begun by the clock of its home, in microseconds since 1970, else 0.

        The token is a ULID, which begins with 48 bits of milliseconds.
        """
        token = ulid_to_bytes_or_none(self.token)
        return int.from_bytes(token[:6]) * 1000 if token else 0

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Self:
        """Return a transaction as it was written; raises ValueError if it is none."""
        try:
            return cls(**{name: str(value) for name, value in data.items()})
        except (TypeError, AttributeError) as err:
            raise ValueError("no transaction") from err


@dataclass(frozen=True, slots=True)
class FenceState:
    """What the destination knows."""

    last: FencedTransaction
    """The last transaction that was begun; its token is empty before the first one."""
    changed: int
    """When that was written, in milliseconds since 1970 by BigQuery's clock."""


class FenceMovedError(Exception):
    """The fence is not as it was read or written last: it was written elsewhere."""


class Fence(Protocol):
    """The fence of one installation in one dataset."""

    def read(self) -> FenceState | None:
        """Return what the destination knows, or None where there is no fence."""

    def make(self, first: FencedTransaction) -> FenceState:
        """Make a fence that is missing. Raises FenceMovedError when there is one by now."""

    def is_ready(self) -> bool:
        """Return whether it can be written now; `write` may wait. This does not block."""

    def write(self, transaction: FencedTransaction) -> FenceState:
        """Write which transaction is begun now, in place of what was read or written last.

        Raises FenceMovedError when it was written elsewhere since, or is gone; then nothing is
        changed. To write the same again changes nothing.
        """


class NoFence:
    """Stands for a fence where rows that are sent again take the place of those that are there.

    Nothing is kept in such a destination: every checkpoint is the newest one.
    """

    def __init__(self, remembered: Callable[[], str]) -> None:
        """Ask for the token that the checkpoint remembers by a call."""
        self._remembered = remembered

    def read(self) -> FenceState:
        """Return what the checkpoint remembers."""
        return self.write(FencedTransaction(self._remembered()))

    def make(self, first: FencedTransaction) -> FenceState:
        """Return what was to be kept."""
        return self.write(first)

    def is_ready(self) -> bool:
        """Return True."""
        return True

    def write(self, transaction: FencedTransaction) -> FenceState:
        """Return what was to be kept."""
        return FenceState(transaction, time.time_ns() // 1_000_000)
