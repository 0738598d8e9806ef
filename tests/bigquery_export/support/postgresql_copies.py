"""Copies in a real PostgreSQL: a database of a test's own, and what is in it."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psycopg
from psycopg.errors import UndefinedTable
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from custom_components.bigquery_export.copies.postgresql.postgresql_database import (
    PostgresqlDatabase,
)
from custom_components.bigquery_export.copies.postgresql.postgresql_fence import PostgresqlFence
from custom_components.bigquery_export.copies.postgresql.postgresql_settings import (
    PostgresqlSettings,
)
from custom_components.bigquery_export.copies.postgresql.row_copying import RowTransaction
from tests.bigquery_export.support.warehouse import HOME

SCHEMA = "home_assistant"


@dataclass(frozen=True, slots=True)
class CopyDatabase:
    """A database that copies go to."""

    url: str
    kind: ClassVar = "postgresql"
    product: ClassVar = "PostgreSQL"
    source: ClassVar = HOME
    transaction: ClassVar = RowTransaction
    log: ClassVar = (RowTransaction, "log")
    fence: ClassVar = PostgresqlFence
    unreachable: ClassVar = {"port": 1}
    elsewhere: ClassVar = {"schema": "elsewhere"}

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of a subentry that copies there."""
        parts = urlsplit(self.url)
        return {
            "host": parts.hostname,
            "port": parts.port,
            "database": parts.path.removeprefix("/"),
            "username": parts.username,
            "schema": SCHEMA,
            "tls": "off",
        }

    @property
    def settings(self) -> PostgresqlSettings:
        """Return these data as a destination has them."""
        return PostgresqlSettings.of(self.data)

    def open(self) -> PostgresqlDatabase:
        """Return the destination as a process that has just begun has it."""
        return PostgresqlDatabase(self.settings)

    def end_process(self) -> None:
        """End the connections of a process that died."""
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'BigQuery Export' AND datname = current_database()"
        )

    def refuse(self) -> None:
        """Let it refuse all until a user puts it right."""
        self.query("ALTER TABLE export_log RENAME COLUMN label TO named")

    def accept(self) -> None:
        """Put that right."""
        self.query("ALTER TABLE export_log RENAME COLUMN named TO label")

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        """Return a connection that commits each statement."""
        data = self.data
        return psycopg.connect(
            host=data["host"],
            port=data["port"],
            dbname=data["database"],
            user=data["username"],
            autocommit=True,
            row_factory=dict_row,
            options="-c timezone=UTC",
        )

    def query(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Return the rows of a query, whose tables are those of the copy."""
        with self.connect() as connection:
            connection.execute(SQL("SET search_path TO {}").format(Identifier(SCHEMA)))
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def rows(self, table: str = "sensor_data", order: str = "state_id") -> list[dict[str, Any]]:
        """Return all rows of a table; raises LookupError where there is none."""
        try:
            return self.query(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608
        except UndefinedTable as err:
            raise LookupError(table) from err

    def states(self) -> list[str]:
        """Return all states in the order of the recorder's ids."""
        return [row["state"] for row in self.rows()]
