"""Fixtures for tests of the integration: a real recorder on disk and a local BigQuery."""

from collections.abc import Iterator
from contextlib import closing
import logging
from typing import Any
from uuid import uuid4

from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

# Imported before `hass` is made: else Home Assistant looks in the test plugin's own folder.
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
from tests.local_bigquery.fixtures import local_bigquery
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery

from .exporter import Exporter
from .warehouse import Warehouse

__all__ = ["local_bigquery"]


@pytest.fixture
def persistent_database() -> bool:
    """Keep the recorder's database in a file, as a home does."""
    return True


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Keep what Home Assistant writes in a folder of the test."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def set_up_home(recorder_mock: Recorder, enable_custom_integrations: None) -> None:
    """Start the recorder, which must be there before Home Assistant, and allow this integration."""


@pytest.fixture
def warehouse(local_bigquery: LocalBigQuery, socket_enabled: None) -> Warehouse:
    """Return a project of the test's own in the local BigQuery."""
    project = f"home-{uuid4().hex[:12]}"
    local_bigquery.create_project(project)
    return Warehouse(local_bigquery, project)


@pytest.fixture
def key(warehouse: Warehouse) -> dict[str, Any]:
    """Return the key of a service account that may edit data in the project, and nothing else."""
    return warehouse.create_key(DATA_EDITOR)


@pytest.fixture
def entry(hass: HomeAssistant, warehouse: Warehouse, key: dict[str, Any]) -> MockConfigEntry:
    """Return a config entry for an empty table of the warehouse; nothing is set up yet."""
    warehouse.create_table()
    destination = warehouse.destination
    entry = MockConfigEntry(
        domain=DOMAIN,
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
    entry.add_to_hass(hass)
    return entry


@pytest.fixture(autouse=True)
def quiet_database() -> None:
    """Keep the test plugin from logging every statement of SQL."""
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[Exporter]:
    """Return what makes runs into an empty table."""
    warehouse.create_table()
    with closing(warehouse.connect()) as connection:
        yield Exporter(hass, connection)
