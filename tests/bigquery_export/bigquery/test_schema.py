"""The dataset and its table."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from unittest.mock import patch

from google.cloud import bigquery
from google.cloud.bigquery import Table, TableReference
import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.schema import Administration
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
def administration(connection: Connection) -> Administration:
    """Return the administration of a project without a dataset."""
    return Administration(connection)


def test_table_as_declared(
    warehouse: Warehouse, connection: Connection, administration: Administration
) -> None:
    """Dataset and table are made as they are declared."""
    administration.ensure_dataset()
    administration.ensure_table(SENSOR_DATA)
    dataset = connection.tables.get_dataset(warehouse.destination.dataset_reference)
    assert dataset.location == "EU"
    table = connection.tables.get_table(warehouse.destination.table_reference(SENSOR_DATA))
    assert table.time_partitioning.field == "last_changed"
    assert table.time_partitioning.type_ == bigquery.TimePartitioningType.DAY
    assert table.clustering_fields == ["entity_id", "domain"]
    for field, column in zip(table.schema, SENSOR_DATA.columns, strict=True):
        assert (field.name, field.mode, field.description) == (
            column.name,
            column.mode,
            column.description,
        )
        default = "CURRENT_TIMESTAMP()" if column.name == "export_timestamp" else None
        assert field.default_value_expression == default


def test_found_again(administration: Administration) -> None:
    """What is there is not made again."""
    administration.ensure_dataset()
    administration.ensure_table(SENSOR_DATA)
    administration.ensure_dataset()
    administration.ensure_table(SENSOR_DATA)


def test_somebody_else_is_faster(connection: Connection, administration: Administration) -> None:
    """A dataset or table that appears between looking and making is used."""
    administration.ensure_dataset()
    administration.ensure_table(SENSOR_DATA)
    with (
        patch.object(administration, "_find_dataset", return_value=None),
        patch.object(administration, "_find_table", return_value=None),
    ):
        administration.ensure_dataset()
        administration.ensure_table(SENSOR_DATA)


def test_location(warehouse: Warehouse, administration: Administration) -> None:
    """Locations are the same however they are written, and others are refused."""
    with closing(warehouse.connect(location="us")) as elsewhere:
        Administration(elsewhere).ensure_dataset()
    with closing(warehouse.connect(location="US")) as elsewhere:
        Administration(elsewhere).ensure_dataset()
    with pytest.raises(LocationError) as raised:
        administration.ensure_dataset()
    assert raised.value.location.upper() == "US"


def test_dataset_is_gone(administration: Administration) -> None:
    """A table cannot be made without its dataset."""
    with pytest.raises(TableNotFoundError):
        administration.ensure_table(SENSOR_DATA)


def test_missing_columns_are_added(
    warehouse: Warehouse, connection: Connection, administration: Administration
) -> None:
    """A table of an older version gets the columns that it lacks, and keeps those of its owner."""
    administration.ensure_dataset()
    old = replace(
        SENSOR_DATA,
        columns=(
            *(column for column in SENSOR_DATA.columns if column.name not in {"labels", "source"}),
            Column("mine", ColumnType.STRING, Scope.ROW, "A column of the user's own"),
        ),
    )
    administration.ensure_table(old)
    administration.ensure_table(SENSOR_DATA)
    table = connection.tables.get_table(warehouse.destination.table_id)
    modes = {field.name: field.mode for field in table.schema}
    assert list(modes)[-3:] == ["mine", "labels", "source"]
    assert modes["labels"] == "REPEATED"
    assert modes["source"] == "NULLABLE"
    assert set(modes) == {column.name for column in SENSOR_DATA.columns} | {"mine"}
    administration.ensure_table(SENSOR_DATA)


def test_table_that_changes_at_the_same_time(
    connection: Connection, administration: Administration
) -> None:
    """Columns are never added to a table that somebody else has changed since it was read."""
    administration.ensure_dataset()
    old = replace(SENSOR_DATA, columns=SENSOR_DATA.columns[:-1])
    administration.ensure_table(old)
    find = administration._find_table

    def slow(reference: TableReference) -> Table | None:
        found = find(reference)
        other = connection.tables.get_table(reference)
        other.description = "Changed by somebody else"
        connection.tables.update_table(other, ["description"])
        return found

    with patch.object(administration, "_find_table", slow), pytest.raises(UnreachableError):
        administration.ensure_table(SENSOR_DATA)
    administration.ensure_table(SENSOR_DATA)


def test_other_partitions(warehouse: Warehouse, administration: Administration) -> None:
    """A table must be partitioned as it is declared: else each query would read all of it."""
    administration.ensure_dataset()
    administration.ensure_table(replace(SENSOR_DATA, partition_by="last_updated"))
    with pytest.raises(TableMismatchError) as raised:
        administration.ensure_table(SENSOR_DATA)
    assert raised.value.columns == "last_changed"


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ("labels STRING", "labels"),
        ("state INT64", "state"),
        ("last_changed STRING", "last_changed"),
    ],
)
def test_other_columns(
    warehouse: Warehouse, administration: Administration, columns: str, wrong: str
) -> None:
    """A column of another type or mode is named."""
    administration.ensure_dataset()
    warehouse.server.query(f"CREATE TABLE home.sensor_data ({columns})", warehouse.project)
    with pytest.raises(TableMismatchError) as raised:
        administration.ensure_table(SENSOR_DATA)
    assert wrong in raised.value.columns.split(", ")
