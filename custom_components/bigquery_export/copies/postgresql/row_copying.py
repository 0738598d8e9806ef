"""One transaction of PostgreSQL: rows are copied as lines of JSON, and the database reads them.

    begin -> COPY lines -> INSERT ... SELECT json_populate_record, for each batch

So types and columns are those of the table, and no row is decoded at home.
"""

from collections.abc import Sequence
import re

from psycopg import Connection, DataError, IntegrityError
from psycopg.errors import ProgramLimitExceeded
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from ...export.delivery import Rejection
from ...rows.table import Table
from .partitions import is_partitioned, make_partitions
from .postgresql_errors import PostgresqlRefusedError
from .postgresql_names import LABEL, column_list
from .server import Server

_OF_A_ROW = (DataError, IntegrityError, ProgramLimitExceeded)
_STAGE = SQL("CREATE TEMPORARY TABLE IF NOT EXISTS export_stage (row json) ON COMMIT DELETE ROWS")
# A line of JSON has no control character, so none has to be escaped.
_COPY = SQL(r"COPY export_stage (row) FROM STDIN (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')")
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACEMENT = rb"\1\\ufffd"
_LINE = bytes.maketrans(b"\t\r\n", b"   ")
"""Between values JSON may have these; inside of text they are escaped."""


def storable(row: bytes) -> bytes:
    """Return a line of JSON as PostgreSQL takes it: with U+FFFD in place of NUL.

    No text of PostgreSQL has NUL (its page "Character Types").
    """
    row = row.translate(_LINE)
    return _NUL.sub(_REPLACEMENT, row) if b"\\u0000" in row else row


class RowTransaction:
    """Rows of one table, and a row of the export log with the name of the transaction."""

    def __init__(self, server: Server, table: Table, label: str) -> None:
        """Begin a transaction on a connection of its own."""
        self._server = server
        self._schema = server.settings.schema
        self._table = table
        self._label = label
        self._rows = 0
        self._finished = False
        self._committed = False
        self._connection: Connection[TupleRow] = server.connect()
        with self._server.errors():
            self._connection.execute(_STAGE)

    @property
    def name(self) -> str:
        """Return the name, which the export log has when it is committed."""
        return self._label

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Insert a batch; rows that the database cannot hold are left out, all others are in."""
        rejected: list[Rejection] = []
        with self._server.errors():
            self._insert([storable(row) for row in rows], rows, rejected)
        self._rows += len(rows) - len(rejected)
        return rejected

    def finish(self) -> None:
        """End the sending."""
        self._finished = True

    def log(self, rows: Sequence[bytes], table: Table) -> None:
        """Add rows of the export log, which have the name of the transaction."""
        with self._server.errors():
            self._stage([storable(row) for row in rows])
            insert = SQL("INSERT INTO {} ({}, {}) SELECT {}, %s FROM export_stage, {}").format(
                self._name(table),
                column_list(table.columns),
                Identifier(LABEL),
                _values(table),
                self._records(table),
            )
            self._connection.execute(insert, (self._label,))

    def commit(self) -> list[Rejection]:
        """Commit rows and log; if no answer comes, the transaction is in doubt."""
        if not self._committed:
            with self._server.errors():
                self._connection.commit()
            self._committed = True
        return []

    def close(self) -> None:
        """Undo what is not committed, and close the connection."""
        self._connection.close()

    @property
    def is_open(self) -> bool:
        """Return whether rows of the log may be added."""
        return self._finished and not self._committed and not self._connection.closed

    def _insert(self, lines: list[bytes], rows: Sequence[bytes], rejected: list[Rejection]) -> None:
        """Insert rows, or halve them until those that cannot be inserted are alone."""
        if not lines:
            return
        try:
            with self._connection.transaction():
                self._stage(lines)
                if is_partitioned(self._table):
                    make_partitions(self._connection, self._table, self._schema)
                insert = SQL("INSERT INTO {} ({}) SELECT {} FROM export_stage, {}").format(
                    self._name(self._table),
                    column_list(self._table.columns),
                    _values(self._table),
                    self._records(self._table),
                )
                inserted = self._connection.execute(insert).rowcount
        except _OF_A_ROW as err:
            if len(lines) == 1:
                reason = err.diag.message_primary or type(err).__name__
                rejected.append(Rejection(rows[0], reason))
                return
            half = len(lines) // 2
            self._insert(lines[:half], rows[:half], rejected)
            self._insert(lines[half:], rows[half:], rejected)
        else:
            if inserted != len(lines):
                raise PostgresqlRefusedError(
                    message=f"{len(lines)} rows were sent and {inserted} arrived"
                )

    def _stage(self, lines: Sequence[bytes]) -> None:
        """Replace the rows of the stage."""
        self._connection.execute("DELETE FROM export_stage")
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(b"\n".join((*lines, b"")))

    def _name(self, table: Table) -> Identifier:
        return Identifier(self._schema, table.name)

    def _records(self, table: Table) -> Composed:
        """Return the rows of the stage as records of a table."""
        return SQL("json_populate_record(NULL::{}, export_stage.row) AS record").format(
            self._name(table)
        )


def _values(table: Table) -> Composed:
    return SQL(", ").join(Identifier("record", column.name) for column in table.columns)
