"""A small home with all views and table functions."""

from uuid import uuid4

import pytest

from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.small_home import small_home
from tests.bigquery_export.support.warehouse import TABLES, Warehouse
from tests.local_bigquery.fixtures import open_sockets
from tests.local_bigquery.process import LocalBigQuery


@pytest.fixture(scope="session")
def golden(local_bigquery: LocalBigQuery) -> Warehouse:
    """Return a project with all views and functions, and the rows of a home."""
    with open_sockets():
        project = f"golden-{uuid4().hex[:12]}"
        local_bigquery.create_project(project)
        warehouse = Warehouse(local_bigquery, project)
        warehouse.create_table(*TABLES)
        with warehouse.connecting() as connection:
            assert not DatasetViews(connection).ensure([SENSOR_DATA], "", True)
        small_home().send(warehouse)
    return warehouse
