"""The dataset and its table."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from unittest.mock import patch

from google.cloud import bigquery
from google.cloud.bigquery import Table, TableReference
import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.errors import (
    LocationError,
    TableMismatchError,
    TableNotFoundError,
    UnreachableError,
)
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to a project without a dataset."""
    with closing(warehouse.connect()) as connection:
        yield connection


@pytest.fixture
def schema(connection: Connection) -> DatasetSchema:
    """Return what makes the dataset of a project that has none."""
    return DatasetSchema(connection)


def found(connection: Connection) -> tuple[bigquery.Dataset, Table]:
    """Return dataset and table as BigQuery has them."""
    destination = connection.destination
    dataset = connection.tables.get_dataset(destination.dataset_reference)
    return dataset, connection.tables.get_table(destination.table_reference(SENSOR_DATA))


def test_table_as_declared(
    warehouse: Warehouse, connection: Connection, schema: DatasetSchema
) -> None:
    """Dataset and table are made as they are declared."""
    schema.ensure_dataset()
    schema.ensure_table(SENSOR_DATA)
    dataset = connection.tables.get_dataset(warehouse.destination.dataset_reference)
    assert dataset.location == "EU"
    table = connection.tables.get_table(warehouse.destination.table_reference(SENSOR_DATA))
    assert table.time_partitioning.field == "last_changed"
    assert table.time_partitioning.type_ == bigquery.TimePartitioningType.DAY
    assert table.clustering_fields == ["entity_id", "domain", "source"]
    for field, column in zip(table.schema, SENSOR_DATA.columns, strict=True):
        assert (field.name, field.mode, field.description) == (
            column.name,
            column.mode,
            column.description,
        )
        default = "CURRENT_TIMESTAMP()" if column.name == "export_timestamp" else None
        assert field.default_value_expression == default


def test_found_again(warehouse: Warehouse, connection: Connection, schema: DatasetSchema) -> None:
    """What is there is neither made again nor changed."""
    schema.ensure_dataset()
    schema.ensure_table(SENSOR_DATA)
    before = [each.etag for each in found(connection)]
    with (
        patch.object(connection.tables, "create_dataset", side_effect=AssertionError),
        patch.object(connection.tables, "create_table", side_effect=AssertionError),
    ):
        schema.ensure_dataset()
        schema.ensure_table(SENSOR_DATA)
    assert [each.etag for each in found(connection)] == before


def test_made_by_others_meanwhile(
    warehouse: Warehouse, connection: Connection, schema: DatasetSchema
) -> None:
    """A dataset or table that appears between looking and making is checked, and used."""
    schema.ensure_dataset()
    schema.ensure_table(replace(SENSOR_DATA, columns=SENSOR_DATA.columns[:-1]))
    create_table = connection.tables.create_table
    with (
        patch.object(schema, "_find_table", return_value=None),
        patch.object(connection.tables, "create_table", side_effect=create_table) as created,
    ):
        schema.ensure_table(SENSOR_DATA)
    created.assert_called_once()
    (_, table) = found(connection)
    assert [field.name for field in table.schema] == [column.name for column in SENSOR_DATA.columns]
    with closing(warehouse.connect(location="US")) as elsewhere:
        other = DatasetSchema(elsewhere)
        with patch.object(other, "_find_dataset", return_value=None), pytest.raises(LocationError):
            other.ensure_dataset()
    with patch.object(schema, "_find_dataset", return_value=None):
        schema.ensure_dataset()


def test_location(warehouse: Warehouse, schema: DatasetSchema) -> None:
    """Locations are the same however they are written, and others are refused."""
    with closing(warehouse.connect(location="us")) as elsewhere:
        DatasetSchema(elsewhere).ensure_dataset()
    with closing(warehouse.connect(location="US")) as elsewhere:
        DatasetSchema(elsewhere).ensure_dataset()
    with pytest.raises(LocationError) as raised:
        schema.ensure_dataset()
    assert raised.value.location.upper() == "US"


def test_dataset_is_gone(schema: DatasetSchema) -> None:
    """A table cannot be made without its dataset."""
    with pytest.raises(TableNotFoundError):
        schema.ensure_table(SENSOR_DATA)


def test_missing_columns_are_added(
    warehouse: Warehouse, connection: Connection, schema: DatasetSchema
) -> None:
    """A table of an older version gets the columns that it lacks, and keeps those of its owner."""
    schema.ensure_dataset()
    old = replace(
        SENSOR_DATA,
        cluster_by=("entity_id", "domain"),
        columns=(
            *(column for column in SENSOR_DATA.columns if column.name not in {"labels", "source"}),
            Column("mine", ColumnType.STRING, Scope.ROW, "A column of the user's own"),
        ),
    )
    schema.ensure_table(old)
    schema.ensure_table(SENSOR_DATA)
    table = connection.tables.get_table(warehouse.destination.table_id)
    modes = {field.name: field.mode for field in table.schema}
    assert list(modes)[-3:] == ["mine", "labels", "source"]
    assert modes["labels"] == "REPEATED"
    assert modes["source"] == "NULLABLE"
    assert table.clustering_fields == ["entity_id", "domain"]
    assert set(modes) == {column.name for column in SENSOR_DATA.columns} | {"mine"}
    schema.ensure_table(SENSOR_DATA)


def test_table_that_changes_at_the_same_time(connection: Connection, schema: DatasetSchema) -> None:
    """Columns are never added to a table that another client has changed since it was read."""
    schema.ensure_dataset()
    old = replace(SENSOR_DATA, columns=SENSOR_DATA.columns[:-1])
    schema.ensure_table(old)
    find = schema._find_table

    def slow(reference: TableReference) -> Table | None:
        found = find(reference)
        other = connection.tables.get_table(reference)
        other.description = "Changed by another client"
        connection.tables.update_table(other, ["description"])
        return found

    with patch.object(schema, "_find_table", slow), pytest.raises(UnreachableError):
        schema.ensure_table(SENSOR_DATA)
    schema.ensure_table(SENSOR_DATA)


def test_other_partitions(warehouse: Warehouse, schema: DatasetSchema) -> None:
    """A table must be partitioned as it is declared: else each query would read all of it."""
    schema.ensure_dataset()
    schema.ensure_table(replace(SENSOR_DATA, partition_by="last_updated"))
    with pytest.raises(TableMismatchError) as raised:
        schema.ensure_table(SENSOR_DATA)
    assert raised.value.columns == "last_changed"


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ("labels STRING", "labels"),
        ("state INT64", "state"),
        ("last_changed STRING", "last_changed"),
        ("State STRING", "state"),
    ],
)
def test_other_columns(
    warehouse: Warehouse, schema: DatasetSchema, columns: str, wrong: str
) -> None:
    """A column of another type or mode is named."""
    schema.ensure_dataset()
    warehouse.server.query(f"CREATE TABLE home.sensor_data ({columns})", warehouse.project)
    with pytest.raises(TableMismatchError) as raised:
        schema.ensure_table(SENSOR_DATA)
    assert wrong in raised.value.columns.split(", ")
