"""Connections to one database, and its errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import certifi
from psycopg import Connection, Error, OperationalError, connect
from psycopg.rows import TupleRow

from ...errors import ExportError, StoppedError
from .postgresql_errors import (
    PostgresqlAccessError,
    PostgresqlPermissionError,
    PostgresqlRefusedError,
    PostgresqlTlsError,
    PostgresqlUnfitError,
    PostgresqlUnreachableError,
)
from .postgresql_settings import PostgresqlSettings, Tls

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 300
_LOCK_SECONDS = 30
_CANCEL_SECONDS = 2.0
_IDLE_SECONDS = 900
"""A transaction of ours that nothing has been heard of for so long is ended by the server."""
_OLDEST = 120_000
"""A partition is attached without a lock that stops readers from version 12 on."""
_SSL_MODES = {Tls.VERIFIED: "verify-full", Tls.ON: "require", Tls.OFF: "disable"}
_PASSING = ("08", "25P03", "40", "53", "55006", "55P03", "57", "58", "XX000")
"""Beginnings of SQLSTATEs of what passes (PostgreSQL's page "PostgreSQL Error Codes"): connections,
serialization, resources, locks, an operator who stops the server, the system around it."""
_STARTING = ("starting up", "shutting down", "too many", "remaining connection", "recovery")
_PERMISSION = "42501"
_PREPARE = """
    SELECT current_setting('server_encoding'), set_config('timezone', 'UTC', false),
        set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
        set_config('idle_in_transaction_session_timeout', %s, false)
"""


class Server:
    """Opens connections to one database. Its methods block and raise ExportError."""

    def __init__(self, settings: PostgresqlSettings) -> None:
        """Connect to nothing yet."""
        self.settings = settings
        self._open: set[Connection[TupleRow]] = set()
        self._lock = Lock()
        self._stopped = False

    def connect(self, *, autocommit: bool = False) -> Connection[TupleRow]:
        """Return a new connection, with the times and limits that all statements here rely on.

        Raises StoppedError when there may be no more of them.
        """
        with self.errors():
            connection = self._connect()
        with self._lock:
            self._open = {one for one in self._open if not one.closed}
            if self._stopped:
                connection.close()
                raise StoppedError
            self._open.add(connection)
        try:
            with self.errors():
                connection.autocommit = True
                self._prepare(connection)
                connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def connected(self) -> Iterator[Connection[TupleRow]]:
        """Connect for a few statements, each of which is committed at once."""
        connection = self.connect(autocommit=True)
        try:
            with self.errors():
                yield connection
        finally:
            connection.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise PostgreSQL's errors as ours; of one about values, only what is in no row."""
        try:
            yield
        except Error as err:
            if self._stopped:
                raise StoppedError from None
            raise self._error(err) from None

    def stop(self) -> None:
        """Let no connection be made any more, and end the waiting for an answer of any."""
        with self._lock:
            self._stopped = True
            connections = list(self._open)
        for connection in connections:
            with suppress(Error):
                connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def _connect(self) -> Connection[TupleRow]:
        settings = self.settings
        return connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=settings.user,
            password=settings.password or None,
            sslmode=_SSL_MODES[settings.tls],
            sslrootcert=certifi.where() if settings.tls is Tls.VERIFIED else None,
            gssencmode="disable",
            connect_timeout=_CONNECT_SECONDS,
            application_name="BigQuery Export",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            client_encoding="UTF8",
            prepare_threshold=None,  # PgBouncer may change the server between two statements.
        )

    def _prepare(self, connection: Connection[TupleRow]) -> None:
        """Set the limits, and make sure that the database can hold the rows."""
        limits = [f"{n * 1_000:.0f}" for n in (_STATEMENT_SECONDS, _LOCK_SECONDS, _IDLE_SECONDS)]
        row = connection.execute(_PREPARE, limits).fetchone()
        version = connection.info.server_version
        encoding = str(row[0]) if row else ""
        if version < _OLDEST or encoding != "UTF8":
            raise PostgresqlUnfitError(
                version=f"{version // 10_000}.{version % 10_000}", encoding=encoding
            )

    def _error(self, err: Error) -> ExportError:
        state, server = err.sqlstate, self.settings.server
        if state is None:
            return self._without_state(err)
        message = err.diag.message_primary or state
        if state.startswith(_PASSING):
            return PostgresqlUnreachableError(server=server, message=message)
        if state.startswith("28"):
            return PostgresqlAccessError(server=server, message=message)
        if state == _PERMISSION:
            return PostgresqlPermissionError(message=message)
        return PostgresqlRefusedError(message=f"{message} ({state})")

    def _without_state(self, err: Error) -> ExportError:
        """Return an error of the client, which has no SQLSTATE of what the server has answered."""
        server = self.settings.server
        lines = [line.strip() for line in str(err).splitlines() if line.strip()]
        message = (lines[0] if lines else type(err).__name__).removeprefix("connection failed: ")
        if not isinstance(err, OperationalError):
            return PostgresqlRefusedError(message=message)
        said = message.rpartition("FATAL:")[2].strip()
        if any(words in message for words in ("SSL", "certificate", "no encryption")):
            return PostgresqlTlsError(server=server, message=said)
        if "FATAL:" in message and not any(words in message for words in _STARTING):
            return PostgresqlAccessError(server=server, message=said)
        return PostgresqlUnreachableError(server=server, message=said)
