"""Rows of the export log that are committed in the transaction of the rows that they tell of."""

from collections.abc import Callable, Sequence
from typing import Protocol

from ..export.delivery import Rejection, Transaction
from ..rows.export_log import EXPORT_LOG
from ..rows.table import Table


class LoggedTransaction(Transaction, Protocol):
    """A transaction that takes rows of the export log, too."""

    @property
    def is_open(self) -> bool:
        """Return whether rows of the log may be added: all others are sent."""

    def log(self, rows: Sequence[bytes], table: Table) -> None:
        """Add rows of the export log."""


class TransactionsWithLog[T: LoggedTransaction]:
    """Begins the transactions of a delivery."""

    def __init__(self, begin: Callable[[Table, str], T]) -> None:
        """`begin` opens a transaction of rows."""
        self._begin = begin
        self._last: T | None = None
        """The transaction of rows that was begun last."""

    def begin(self, table: Table, label: str) -> T | LogTransaction:
        """Open a transaction; one of the export log joins that whose rows were sent last."""
        if table is not EXPORT_LOG:
            self._last = self._begin(table, label)
            return self._last
        if self._last and self._last.is_open:
            return LogTransaction(self._last)
        alone = self._begin(table, label)
        alone.finish()
        return LogTransaction(alone, alone=True)


class LogTransaction:
    """Rows of the export log, in the transaction of the rows that they tell of."""

    def __init__(self, rows: LoggedTransaction, *, alone: bool = False) -> None:
        """Join a transaction; `alone` says that it has no other rows."""
        self._rows = rows
        self._alone = alone

    @property
    def name(self) -> str:
        """Return the name of the transaction that they are in."""
        return self._rows.name

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Add rows."""
        self._rows.log(rows, EXPORT_LOG)
        return []

    def finish(self) -> None:
        """Do nothing: all is sent."""

    def commit(self) -> list[Rejection]:
        """Make sure that the transaction is committed."""
        result = self._rows.commit()
        if self._alone:
            self._rows.close()
        return result

    def close(self) -> None:
        """Release a transaction that has no other rows."""
        if self._alone:
            self._rows.close()
