"""The interface of a delivery: how rows get into the tables, one transaction at a time.

    begin -> append, append ... -> finish -> (the intent is saved) -> commit

All methods block and raise ExportError. Rows become visible with the commit, all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, runtime_checkable

from ..rows.encoding import Encoding
from ..rows.table import Table


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that BigQuery rejects, as it was appended, and why."""

    data: bytes
    reason: str


class Transaction(Protocol):
    """Rows of one table that are committed together or not at all. Its methods block."""

    @property
    def name(self) -> str:
        """Return the name by which the delivery knows the transaction, also after a crash."""

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Send a batch; rows that are rejected are left out, all others are in."""

    def finish(self) -> None:
        """End the sending, and make sure that as many rows arrived as were appended."""

    def commit(self) -> list[Rejection]:
        """Make the rows visible; to commit what is committed already changes nothing.

        A delivery may learn only now that BigQuery rejects rows, and returns them. Then nothing
        was committed and never will be under this name: these rows are left out, and the
        transaction has another name under which to commit the others.
        """

    def close(self) -> None:
        """Release the transaction, committed or not; does nothing if it is closed already."""


class Outcome(Enum):
    """What became of a transaction that was in doubt."""

    COMMITTED = auto()
    """It was committed before."""
    COMMITTED_NOW = auto()
    """It was not committed, or perhaps not, and is now."""
    NOT_COMMITTED = auto()
    """It is not committed, and never will be."""
    FORGOTTEN = auto()
    """BigQuery no longer knows it; it will not be committed from now on."""


@runtime_checkable
class StreamDelivery(Protocol):
    """A delivery whose transactions are appended to streams that stay open (open_stream.py).

    Their rows can be read as soon as they are sent. The name of a transaction is that of an
    `Append`, and known when it is finished.
    """

    def is_old(self, table: Table) -> bool:
        """Return whether the next rows of a table go to another stream than the one before."""

    def forget(self, table: Table) -> None:
        """Append to the stream of a table no more."""

    def close_stream(self, table: Table, name: str, age: float = 0.0) -> int | None:
        """End a stream, to which nothing is appended afterwards, and return how many rows it has.

        It is None where BigQuery does not know. `age` is as for `settle`.
        """

    def close(self) -> None:
        """Close all connections; the streams stay as they are. This does not block."""


class Delivery(Protocol):
    """A way into the tables of a destination."""

    @property
    def name(self) -> str:
        """Return the name of the delivery in intents."""

    @property
    def sending_is_billed(self) -> bool:
        """Return whether BigQuery charges for the bytes that are sent."""

    @property
    def is_listed_at_once(self) -> bool:
        """Return whether BigQuery lists rows by their partition as soon as they are committed."""

    @property
    def load_jobs_used(self) -> int:
        """Return the number of load jobs within a day of the table that has used most."""

    def encoding(self, table: Table) -> Encoding:
        """Return how the rows of a table have to be encoded."""

    def check_access(self, table: Table) -> None:
        """Make sure that the account may send rows to a table; nothing is sent."""

    def begin(self, table: Table, label: str) -> Transaction:
        """Open a transaction.

        The label has letters, digits, - and _, and nothing else ever has the same. A delivery
        that may choose the names of its transactions makes them from it.
        """

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide a transaction in doubt: commit it if that is still possible.

        `age` is how many seconds ago all rows had been sent, at the least.
        """
