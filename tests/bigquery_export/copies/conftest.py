"""The destinations of copies, each empty and a test's own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
import pytest

from custom_components.bigquery_export.file_formats.file_format import FormatName
from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.copy_place import COPY_PLACES, CopyPlace
from tests.bigquery_export.support.databases import COPIES, empty_database
from tests.bigquery_export.support.influxdb_copies import InfluxdbPlace
from tests.bigquery_export.support.postgresql_copies import CopyDatabase
from tests.local_influxdb.server import LocalInfluxdb, serve


@pytest.fixture
def copy_database(socket_enabled: None, tmp_path: Path) -> Iterator[CopyDatabase]:
    """Return an empty database of the test's own."""
    with empty_database(COPIES, tmp_path) as url:
        yield CopyDatabase(url)


@pytest.fixture
async def copy_folder(hass: HomeAssistant, tmp_path: Path) -> CopyFolder:
    """Return a folder of the test's own, which is not made yet."""
    return CopyFolder(tmp_path / "copy", await instance_id.async_get(hass))


@pytest.fixture
def copy_influxdb(socket_enabled: None) -> Iterator[InfluxdbPlace]:
    """Return an empty InfluxDB of the test's own."""
    influxdb = LocalInfluxdb()
    with serve(influxdb):
        yield InfluxdbPlace(influxdb)


@pytest.fixture(params=COPY_PLACES)
def copy_place(request: pytest.FixtureRequest) -> CopyPlace:
    """Return each destination: what a test says with it holds for all copies."""
    names = {"postgresql": "copy_database", "files": "copy_folder", "influxdb": "copy_influxdb"}
    name, _, format_ = request.param.partition(" of ")
    place: CopyPlace = request.getfixturevalue(names[name])
    if isinstance(place, CopyFolder) and format_:
        return replace(place, format=FormatName(format_))
    return place
