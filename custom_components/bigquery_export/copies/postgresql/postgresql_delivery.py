"""The delivery into PostgreSQL: a transaction is one of the database."""

from functools import partial

from psycopg.sql import SQL, Identifier

from ...bigquery.ndjson import NdjsonEncoding
from ...export.delivery import Outcome
from ...rows.encoding import Encoding
from ...rows.export_log import EXPORT_LOG
from ...rows.table import Table
from ..log_with_rows import LogTransaction, TransactionsWithLog
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
        self._transactions = TransactionsWithLog(partial(RowTransaction, server))

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
        return self._transactions.begin(table, label)

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
