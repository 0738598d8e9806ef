"""A project in the local BigQuery, as a test sees it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.connection import Connection, Destination
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.fence_table import BigQueryFence
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.const import (
    CONF_API_ENDPOINT,
    CONF_DATASET_ID,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
    DOMAIN,
)
from custom_components.bigquery_export.export.fence import FencedTransaction
from custom_components.bigquery_export.export.tables import TABLES as CHOICES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.table import Table
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER, LocalBigQuery

HOME = "home"
"""The installation that exports there."""
TABLES = [*CHOICES.values(), EXPORT_LOG]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """One test's own project in the local BigQuery, and the table in it."""

    server: LocalBigQuery
    project: str

    @property
    def destination(self) -> Destination:
        """Return the table that the tests export to."""
        return Destination(
            project=self.project,
            dataset="home",
            location="EU",
            table="sensor_data",
            api_endpoint=self.server.rest_url,
            storage_endpoint=self.server.storage_url,
        )

    def create_key(self, *roles: str) -> dict[str, Any]:
        """Return the key of a new service account with roles on the project."""
        key = self.server.create_account(self.project)
        self.grant(key, *roles)
        return key

    def grant(self, key: dict[str, Any], *roles: str, dataset: str | None = None) -> None:
        """Give an account these roles, on the project or on a dataset, and no other."""
        grants = [{"role": role, "project": self.project, "dataset": dataset} for role in roles]
        self.server.set_grants(key["client_email"], grants)

    def create_dataset(self) -> None:
        """Make the dataset."""
        with self.connecting() as connection:
            DatasetSchema(connection).ensure_dataset()

    def create_table(self, *viewed: Table, tables: Sequence[Table] = TABLES) -> None:
        """Make the dataset and tables, and the views of some: those take seconds."""
        with self.connecting() as connection:
            schema = DatasetSchema(connection, fence=BigQueryFence(connection, HOME))
            schema.ensure_dataset()
            schema.ensure_tables(tables)
        if viewed:
            self.make_views(*viewed)

    def make_views(self, *viewed: Table) -> None:
        """Make the views of some tables that are missing, which exports do not in most tests."""
        with self.connecting() as connection:
            assert not DatasetViews(connection).ensure(viewed)

    def make_recorder_views(self, prefix: str) -> None:
        """Make the views under the recorder's own names, with a prefix before them."""
        with self.connecting() as connection:
            assert not DatasetViews(connection).ensure([], prefix)

    def export_elsewhere(self) -> None:
        """Let it seem that a copy of the home has exported, hours ago."""
        with self.connecting() as connection:
            fence = BigQueryFence(connection, HOME)
            fence.read()
            fence.write(FencedTransaction("elsewhere"))
        self.server.move_clock(3 * 60 * 60)

    def connecting(self) -> closing[Connection]:
        """Return a connection that is closed at the end of a `with` block."""
        return closing(self.connect())

    def connect(self, *roles: str, location: str = "EU") -> Connection:
        """Return a connection of an account with these roles, or else may edit and run jobs."""
        destination = replace(self.destination, location=location)
        return Connection(self.create_key(*(roles or (DATA_EDITOR, JOB_USER))), destination)

    def config_entry(self, key: dict[str, Any]) -> MockConfigEntry:
        """Return a config entry for the table, always with the same id."""
        destination = self.destination
        return MockConfigEntry(
            domain=DOMAIN,
            entry_id=self.project,
            title="home.sensor_data",
            unique_id=destination.table_id,
            data={
                CONF_SERVICE_ACCOUNT_KEY: key,
                CONF_PROJECT_ID: destination.project,
                CONF_DATASET_ID: destination.dataset,
                CONF_LOCATION: destination.location,
                CONF_TABLE_ID: destination.table,
                CONF_API_ENDPOINT: destination.api_endpoint,
                CONF_STORAGE_ENDPOINT: destination.storage_endpoint,
            },
        )

    def rows(self, columns: str = "*", where: str = "TRUE") -> list[dict[str, Any]]:
        """Return rows of the table in the order of the recorder's ids."""
        return self.server.query(
            f"SELECT {columns} FROM `{self.destination.table_id}` WHERE {where} ORDER BY state_id",  # noqa: S608
            self.project,
        )
