"""The delivery into PostgreSQL: a transaction is one of the database."""

from collections.abc import Sequence

from psycopg.sql import SQL, Identifier

from ...bigquery.ndjson import NdjsonEncoding
from ...export.delivery import Outcome, Rejection
from ...rows.encoding import Encoding
from ...rows.export_log import EXPORT_LOG
from ...rows.table import Table
from .postgresql_names import LABEL
from .row_copying import RowTransaction
from .server import Server

_IS_THERE = SQL("SELECT 1 FROM {} WHERE {} = %s")
_TRY = SQL("""
    INSERT INTO {} (export_id, source, table_name, finished, {}) VALUES ('', '', '', now(), %s)
    ON CONFLICT DO NOTHING
""")


class PostgresqlDelivery:
    """A transaction has all rows of a chunk, and its row of the export log.

    Its name is in the log once, so what has become of one in doubt is looked up.
    """

    name = "postgresql"
    sending_is_billed = False
    is_listed_at_once = True
    load_jobs_used = 0

    def __init__(self, server: Server) -> None:
        """Connect to nothing yet."""
        self._server = server
        self._last: RowTransaction | None = None
        """The transaction of rows that was begun last."""

    def encoding(self, table: Table) -> Encoding:
        """Return how the rows of a table have to be encoded: as for load jobs."""
        return NdjsonEncoding(table)

    def check_access(self, table: Table) -> None:
        """Make sure that the user may insert rows into a table; nothing is sent."""
        insert = SQL("INSERT INTO {} SELECT * FROM {} WHERE false")
        name = self._name(table)
        with self._server.connected() as connection:
            connection.execute(insert.format(name, name))

    def begin(self, table: Table, label: str) -> RowTransaction | LogTransaction:
        """Open a transaction; one of the export log joins that whose rows were sent last."""
        if table is EXPORT_LOG:
            if self._last and self._last.is_open:
                return LogTransaction(self._last)
            alone = RowTransaction(self._server, table, label)
            alone.finish()
            return LogTransaction(alone, alone=True)
        self._last = RowTransaction(self._server, table, label)
        return self._last

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Look up a transaction in doubt.

        A commit that is still under way is waited for: until it ends, no other can write its
        name. None comes afterwards, as the name was written before the intent was saved.
        """
        log = self._name(EXPORT_LOG)
        connection = self._server.connect()
        try:
            with self._server.errors():
                if connection.execute(_TRY.format(log, Identifier(LABEL)), (transaction,)).rowcount:
                    connection.rollback()
                    return Outcome.NOT_COMMITTED
                found = connection.execute(_IS_THERE.format(log, Identifier(LABEL)), (transaction,))
                return Outcome.COMMITTED if found.fetchone() else Outcome.NOT_COMMITTED
        finally:
            connection.close()

    def _name(self, table: Table) -> Identifier:
        return Identifier(self._server.settings.schema, table.name)


class LogTransaction:
    """Rows of the export log, in the transaction of the rows that they tell of."""

    def __init__(self, rows: RowTransaction, *, alone: bool = False) -> None:
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
