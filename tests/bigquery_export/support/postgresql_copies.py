"""Copies in a real PostgreSQL: a database of a test's own, and what is in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.copies.postgresql_settings import PostgresqlSettings

SCHEMA = "home_assistant"


@dataclass(frozen=True, slots=True)
class CopyDatabase:
    """A database that copies go to."""

    url: str

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
        """Return all rows of a table."""
        return self.query(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608

    def states(self) -> list[str]:
        """Return all states in the order of the recorder's ids."""
        return [row["state"] for row in self.rows()]


def put_copy(
    hass: HomeAssistant, entry: MockConfigEntry, database: CopyDatabase, **changes: Any
) -> ConfigSubentry:
    """Add a copy that no form has checked; return its subentry."""
    data: Mapping[str, Any] = {**database.data, **changes}
    subentry = ConfigSubentry(
        data=MappingProxyType(dict(data)),
        subentry_type="postgresql",
        title="At home",
        unique_id=PostgresqlSettings.of(data).identity,
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    return subentry
