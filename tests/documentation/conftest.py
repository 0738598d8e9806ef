"""A home in the local BigQuery that all queries of the documentation are asked of."""

from uuid import uuid4

import pytest

from tests.bigquery_export.support.warehouse import TABLES, Warehouse
from tests.local_bigquery.fixtures import local_bigquery, open_sockets
from tests.local_bigquery.process import LocalBigQuery

from .home import history

__all__ = ["local_bigquery"]

_OLD_TABLE = """
    CREATE SCHEMA old;
    CREATE TABLE old.sensor_data (
      record_type STRING, entity_id STRING, domain STRING, state STRING, state_numeric FLOAT64,
      last_updated TIMESTAMP, friendly_name STRING, unit_of_measurement STRING, area_name STRING
    );
    INSERT INTO old.sensor_data (record_type, entity_id, state, last_updated) VALUES
      (NULL, 'light.kitchen', 'on', TIMESTAMP '2026-10-27 10:00:00+00'),
      (NULL, 'light.kitchen', 'on', TIMESTAMP '2026-10-27 10:00:00+00'),
      (NULL, 'light.kitchen', 'off', TIMESTAMP '2026-10-28 10:00:00+00'),
      ('event', 'light.kitchen', 'on', TIMESTAMP '2026-10-27 11:00:00+00')
"""
"""What the other integration has left: a state twice, one that both have, and an event."""


@pytest.fixture(scope="session")
def home(local_bigquery: LocalBigQuery) -> Warehouse:
    """Return a project with the tables and views of the integration, and the home's rows."""
    with open_sockets():
        project = f"docs-{uuid4().hex[:12]}"
        local_bigquery.create_project(project)
        for statement in _OLD_TABLE.split(";"):
            local_bigquery.query(statement, project)
        warehouse = Warehouse(local_bigquery, project)
        warehouse.create_table(*TABLES)
        warehouse.make_recorder_views("recorder_")
        history().send(warehouse)
    return warehouse
