"""The views of the latest rows: made, changed and left alone."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from unittest.mock import patch

from google.cloud.bigquery import Table as BigQueryTable
import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.errors import TableMismatchError
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope
from tests.bigquery_export.support.warehouse import TABLES, Warehouse
from tests.local_bigquery.process import DATA_EDITOR


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to tables without views, of an account that may only edit data."""
    warehouse.create_table()
    key = warehouse.create_key()
    warehouse.grant(key, DATA_EDITOR, dataset="home")
    with closing(Connection(key, warehouse.destination)) as connection:
        yield connection


def view(connection: Connection, name: str = "statistics_latest") -> BigQueryTable:
    """Return a view as BigQuery has it."""
    reference = connection.destination.dataset_reference.table(name)
    return connection.tables.get_table(reference)


def test_made_once(connection: Connection) -> None:
    """Tables that have versions get a view, with the right to edit the data of a dataset alone."""
    DatasetSchema(connection).ensure_views(TABLES)
    made = view(connection)
    assert made.table_type == "VIEW"
    assert not made.view_use_legacy_sql
    names = [column.name for column in STATISTICS.columns if column.name != "deleted"]
    assert [field.name for field in made.schema] == names
    assert view(connection, "statistics_short_term_latest").table_type == "VIEW"
    names = {table.table_id for table in connection.tables.list_tables("home")}  # type: ignore[assignment]
    assert len(names) == len(TABLES) + 10 + 1  # the fence
    DatasetSchema(connection).ensure_views(TABLES)
    assert view(connection).etag == made.etag


def test_changed(connection: Connection) -> None:
    """A view shows the columns that a table has got since it was made."""
    DatasetSchema(connection).ensure_views(TABLES)
    new = Column("new", ColumnType.STRING, Scope.ROW, "New")
    table = replace(STATISTICS, columns=(*STATISTICS.columns, new))
    DatasetSchema(connection).ensure_tables([table])
    DatasetSchema(connection).ensure_views([table])
    assert "new" in [field.name for field in view(connection).schema]


def test_name_taken(connection: Connection) -> None:
    """A table with the name of a view stays as it is, and is named."""
    reference = connection.destination.dataset_reference.table("statistics_latest")
    connection.tables.create_table(BigQueryTable(reference))
    with pytest.raises(TableMismatchError) as raised:
        DatasetSchema(connection).ensure_views(TABLES)
    assert "statistics_latest" in raised.value.table


def test_made_by_others_meanwhile(connection: Connection) -> None:
    """A view that appears between looking and making is used, and gets the query that it needs."""
    schema = DatasetSchema(connection)
    schema.ensure_views([replace(STATISTICS, columns=STATISTICS.columns[:-1])])
    missing = STATISTICS.columns[-1].name
    assert missing not in [field.name for field in view(connection).schema]
    create_table = connection.tables.create_table
    with (
        patch.object(schema, "_find_table", return_value=None),
        patch.object(connection.tables, "create_table", side_effect=create_table) as created,
    ):
        schema.ensure_views([STATISTICS])
    created.assert_called_once()
    assert missing in [field.name for field in view(connection).schema]
