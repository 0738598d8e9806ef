"""The fence of an installation in PostgreSQL: a row of the table export_fence."""

from psycopg.sql import SQL, Identifier

from ...export.fence import FencedTransaction, FenceMovedError, FenceState
from .postgresql_names import FENCE
from .server import Server

_COLUMNS = SQL("token, table_name, delivery, transaction, log_transaction, streams")
_CHANGED = SQL("(extract(epoch FROM changed) * 1000)::bigint")
_READ = SQL("SELECT {}, {} FROM {} WHERE source = %s")
_MAKE = SQL("""
    INSERT INTO {} (source, {}) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
    RETURNING {}
""")
_WRITE = SQL("""
    UPDATE {} SET ({}, changed) = (%s, %s, %s, %s, %s, %s, clock_timestamp())
    WHERE source = %s AND token = ANY (%s) RETURNING {}
""")


class PostgresqlFence:
    """The fence of one installation in one schema. Its methods block and raise ExportError."""

    def __init__(self, server: Server, source: str) -> None:
        """Read nothing yet."""
        self._server = server
        self._source = source
        self._table = Identifier(server.settings.schema, FENCE)
        self._token: str | None = None
        """The token as it was read or written last."""

    def read(self) -> FenceState | None:
        """Return what the database knows, or None where there is no fence."""
        query = _READ.format(_COLUMNS, _CHANGED, self._table)
        with self._server.connected() as connection:
            row = connection.execute(query, (self._source,)).fetchone()
        if row is None:
            self._token = None
            return None
        *values, changed = row
        self._token = values[0]
        return FenceState(FencedTransaction(*values), changed)

    def make(self, first: FencedTransaction) -> FenceState:
        """Make a fence that is missing. Raises FenceMovedError when there is one by now."""
        make = _MAKE.format(self._table, _COLUMNS, _CHANGED)
        with self._server.connected() as connection:
            row = connection.execute(make, (self._source, *_values(first))).fetchone()
        return self._written(first, row)

    def is_ready(self) -> bool:
        """Return True: it can be written at any time."""
        return True

    def write(self, transaction: FencedTransaction) -> FenceState:
        """Write which transaction is begun now. Raises FenceMovedError as the interface says."""
        write = _WRITE.format(self._table, _COLUMNS, _CHANGED)
        # It has this token already where the answer to an earlier attempt was lost.
        before = [token for token in (self._token, transaction.token) if token is not None]
        with self._server.connected() as connection:
            values = (*_values(transaction), self._source, before)
            row = connection.execute(write, values).fetchone()
        return self._written(transaction, row)

    def _written(self, transaction: FencedTransaction, row: tuple[int, ...] | None) -> FenceState:
        if row is None:
            raise FenceMovedError
        self._token = transaction.token
        return FenceState(transaction, row[0])


def _values(transaction: FencedTransaction) -> tuple[str, ...]:
    one = transaction
    return one.token, one.table, one.delivery, one.transaction, one.log_transaction, one.streams
