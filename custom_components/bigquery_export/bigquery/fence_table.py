"""The fence: a table without rows, whose description says which transaction was begun last.

What is declared about a table is consistent at once, which rows that were streamed are not, and a
change under its etag succeeds only if no other was made meanwhile. It needs no more than the
role BigQuery Data Editor on the dataset. Each installation has a fence of its own, so that homes
that share a dataset do not wait for each other.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed
from google.cloud.bigquery import Table as BigQueryTable
from google.cloud.bigquery.retry import DEFAULT_RETRY
import orjson

from ..export.fence import FencedTransaction, FenceMovedError, FenceState
from .connection import Connection
from .table_settings import TableSettings, encrypt

_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_delay(initial=1.0, maximum=4.0, multiplier=2.0).with_timeout(30.0)
"""It outlasts the time of the quota, which may be used up by what was written before a restart: it
gives up when its next attempt would be too late, so the delays are short."""
FENCE = "export_fence_"
"""How the names of fences begin."""
_EXPLANATION = (
    "Home Assistant keeps here which transaction it has begun last. It has no rows. Do not delete "
    "it: without it, each waiting row is looked for before it is exported."
)
_CHANGES = 5
_SECONDS = 10.0
"""So many changes of a table in so many seconds are allowed (BigQuery's page "Quotas and limits",
"Maximum rate of table metadata update operations per table"), and making it is one."""
_ATTEMPTS = 3
"""Others may change a table's labels, which changes its etag."""


class BigQueryFence:
    """The fence of one installation in the dataset of a connection; its methods block."""

    def __init__(
        self, connection: Connection, source: str, settings: TableSettings | None = None
    ) -> None:
        """Name the fence of the installation `source`; nothing is asked yet."""
        self._connection = connection
        self._client = connection.tables
        self._settings = settings or TableSettings()
        self.reference = connection.destination.dataset_reference.table(FENCE + source)
        """The full name of its table."""
        self.table: BigQueryTable | None = None
        """The fence as it was read or written last."""
        self._written: deque[float] = deque(maxlen=_CHANGES)
        """When it had been made or written, by the clock `monotonic`: BigQuery has counted each
        change by then."""

    def read(self) -> FenceState | None:
        """Return what BigQuery knows, or None where there is no fence. Raises ExportError."""
        with self._connection.errors():
            try:
                self.table = self._client.get_table(self.reference, retry=_RETRY, timeout=_TIMEOUT)
            except NotFound:
                self.table = None
                return None
        return _state(self.table)

    def make(self, first: FencedTransaction) -> FenceState:
        """Make the fence. Raises FenceMovedError when there is one by now, and ExportError."""
        wanted = BigQueryTable(self.reference)
        wanted.description = _description(first)
        encrypt(self._settings, wanted)
        with self._connection.errors(), self._one_change():
            try:
                self.table = self._client.create_table(wanted, retry=_RETRY, timeout=_TIMEOUT)
            except Conflict:
                # Ours, if the answer to an attempt was lost.
                state = self.read()
                if state is None or state.last != first:
                    raise FenceMovedError from None
                return state
        return _state(self.table)

    def write(self, transaction: FencedTransaction) -> FenceState:
        """Write which transaction is begun now. Raises FenceMovedError and ExportError."""
        if (table := self.table) is None:
            raise FenceMovedError
        before = _state(table).last
        for _ in range(_ATTEMPTS):
            if written := self._replace(table, transaction):
                return written
            now = self.read()
            if now and now.last == transaction:
                return now  # The answer to an attempt was lost.
            if self.table is None or now is None or now.last != before:
                break
            table = self.table  # Something else of it was changed.
        self.table = None
        raise FenceMovedError

    def _replace(self, table: BigQueryTable, transaction: FencedTransaction) -> FenceState | None:
        """Change the fence, unless it was changed since it was read. Raises ExportError."""
        table.description = _description(transaction)
        with self._connection.errors(), self._one_change():
            try:
                self.table = self._client.update_table(
                    table, ["description"], retry=_RETRY, timeout=_TIMEOUT
                )
            except NotFound, PreconditionFailed:
                return None
        return _state(self.table)

    def is_ready(self) -> bool:
        """Return whether it can be written now; this does not block."""
        return self._seconds_until_safe() <= 0

    def _seconds_until_safe(self) -> float:
        """Return in how many seconds another change is safe."""
        if len(self._written) < _CHANGES:
            return 0.0
        return self._written[0] + _SECONDS - monotonic()

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        """Wait until another change is safe, and count what is made of it. Raises StoppedError."""
        self._connection.wait(max(0.0, self._seconds_until_safe()))
        try:
            yield
        finally:
            self._written.append(monotonic())


def _description(transaction: FencedTransaction) -> str:
    values = {
        name: value for name in FencedTransaction.__slots__ if (value := getattr(transaction, name))
    }
    return f"{_EXPLANATION}\n{orjson.dumps(values).decode()}"


def _state(table: BigQueryTable) -> FenceState:
    """Return what a fence says; one that is not ours to read is like one that others have moved."""
    text = (table.description or "").rpartition("\n")[2]
    try:
        last = FencedTransaction.from_json({"token": "", **orjson.loads(text)})
    except ValueError, TypeError:
        last = FencedTransaction("unreadable")
    return FenceState(last, int(table.modified.timestamp() * 1000))
