"""The delivery into InfluxDB, which has no transactions: points that are sent again stay the same.

    append: all rows are written, and acknowledged -> the intent is saved -> commit: their log

So rows can be read before their commit. Where the process dies before the intent is saved, the next
one sends them again; where it dies afterwards, they are there, and only their row of the export log
may be missing, which the journal writes again as it was.
"""

from collections.abc import Sequence

from ...bigquery.ndjson import NdjsonEncoding
from ...export.delivery import Outcome, Rejection
from ...rows.export_log import EXPORT_LOG
from ...rows.table import Table
from .influxdb_server import InfluxdbServer
from .point_transaction import PointTransaction
from .points import Points


class InfluxdbDelivery:
    """Writes each batch when it is appended."""

    name = "influxdb"
    sending_is_billed = False
    is_listed_at_once = True
    load_jobs_used = 0

    def __init__(self, server: InfluxdbServer) -> None:
        """Connect to nothing yet."""
        self._server = server

    def encoding(self, table: Table) -> NdjsonEncoding:
        """Return how the rows of a table have to be encoded."""
        return Points(table).encoding

    def check_access(self, table: Table) -> None:
        """Do nothing: a right is one to a whole database."""

    def begin(self, table: Table, label: str) -> PointTransaction | LogTransaction:
        """Open a transaction."""
        if table is EXPORT_LOG:
            return LogTransaction(self._server, label)
        return PointTransaction(self._server, Points(table), label)

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide a transaction in doubt: its rows are there, its row of the log perhaps not."""
        return Outcome.NOT_COMMITTED if table is EXPORT_LOG else Outcome.COMMITTED


class LogTransaction:
    """Rows of the export log, which are written with the commit."""

    def __init__(self, server: InfluxdbServer, label: str) -> None:
        """Begin without rows."""
        self._rows = PointTransaction(server, Points(EXPORT_LOG), label)
        self._waiting: list[bytes] = []

    @property
    def name(self) -> str:
        """Return the name of the transaction."""
        return self._rows.name

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Keep rows for the commit."""
        self._waiting += rows
        return []

    def finish(self) -> None:
        """Do nothing: nothing is sent before the commit."""

    def commit(self) -> list[Rejection]:
        """Write the rows."""
        return self._rows.append(self._waiting)

    def close(self) -> None:
        """Do nothing: nothing is open."""
