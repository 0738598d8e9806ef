"""Copies in PostgreSQL and in TimescaleDB."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from custom_components.bigquery_export.rows.table import Column, Table
from tests.home.client import Json

from .postgresql_server import PostgresqlServer, postgresql_server

_DATABASE = "home"
_SCHEMA = "home_assistant"
_MAKE = f"CREATE ROLE {_DATABASE} LOGIN; CREATE DATABASE {_DATABASE} OWNER {_DATABASE}"
_PAGE = 2_000
# What has written something, and is not committed.
_BREAK_OFF = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'BigQuery Export' AND datname = current_database()
      AND backend_xid IS NOT NULL
"""
_PLAIN_VERSION = "SELECT split_part(current_setting('server_version'), ' ', 1)"
_TIMESCALE_VERSION = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
_HYPERTABLES = "SELECT count(*) FROM timescaledb_information.hypertables"


@dataclass(frozen=True, slots=True)
class PostgresqlDestination:
    """Plain PostgreSQL, or with TimescaleDB: a role that owns its database, as docs/copies.md."""

    name: str
    timescale: bool
    subentry_type: str = "postgresql"

    @contextmanager
    def running(self, folder: Path) -> Iterator[PostgresqlCopy]:
        """Run a server with an empty database."""
        with postgresql_server(folder, timescale=self.timescale) as server:
            with server.connect() as connection:
                for statement in _MAKE.split("; "):
                    connection.execute(statement)
            yield PostgresqlCopy(server, self.timescale)


@dataclass(frozen=True, slots=True)
class PostgresqlCopy:
    """The database that a copy goes to."""

    server: PostgresqlServer
    timescale: bool

    @property
    def version(self) -> str:
        """Return the version of the server, or of TimescaleDB."""
        return self._value(_TIMESCALE_VERSION if self.timescale else _PLAIN_VERSION)

    @property
    def fields(self) -> Json:
        """Return the fields of the form."""
        return {
            "host": "127.0.0.1",
            "port": self.server.port,
            "database": _DATABASE,
            "username": _DATABASE,
            "schema": _SCHEMA,
            "tls": "off",
        }

    def columns(self, table: Table) -> Sequence[Column]:
        """Return all columns."""
        return table.columns

    def rows(self, table: Table) -> Iterator[Mapping[str, Any]]:
        """Yield all rows."""
        names = SQL(", ").join(Identifier(column.name) for column in table.columns)
        query = SQL("SELECT {} FROM {}").format(names, Identifier(_SCHEMA, table.name))
        with (
            self.server.connect(_DATABASE) as connection,
            connection.transaction(),
            connection.cursor("rows", row_factory=dict_row) as cursor,
        ):
            cursor.itersize = _PAGE
            yield from cursor.execute(query)

    def kept(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
        """Return all rows."""
        return rows

    def break_off(self) -> bool:
        """End the transactions that have written something."""
        with self.server.connect(_DATABASE) as connection:
            return bool(connection.execute(_BREAK_OFF).fetchall())

    def _value(self, query: str) -> str:
        with self.server.connect(_DATABASE) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row
        return str(row[0])
