"""The dataset and its table."""

from collections.abc import Iterator
from contextlib import closing
from unittest.mock import patch

from google.cloud import bigquery
import pytest

from custom_components.bigquery_export.bigquery.administration import Administration
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.export.errors import (
    LocationError,
    TableMismatchError,
    TableNotFoundError,
)
from custom_components.bigquery_export.export.sensor_data import SENSOR_DATA

from .warehouse import Warehouse


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
        assert field.default_value_expression == column.default


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
