"""Fixtures for tests of statistics by the day."""

from collections.abc import AsyncIterator
from contextlib import closing

from homeassistant.core import HomeAssistant
import pytest

from tests.bigquery_export.support.daily_statistics import DailyExporter
from tests.bigquery_export.support.exporter import PLACE
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture
async def exporter(hass: HomeAssistant, warehouse: Warehouse) -> AsyncIterator[DailyExporter]:
    """Return what makes runs into empty tables, in a home of Amsterdam."""
    await hass.config.async_set_time_zone(str(PLACE.zone))
    await hass.async_add_executor_job(warehouse.create_table)
    with closing(warehouse.connect()) as connection:
        yield DailyExporter(hass, connection)
