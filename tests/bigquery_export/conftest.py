"""Fixtures for tests of the integration: a real recorder on disk and a local BigQuery."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import chain, repeat
import logging
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch
from uuid import uuid4

from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request
from google.api_core.retry import retry_unary
from google.resumable_media import RetryStrategy
from homeassistant.components.persistent_notification import (
    Notification,
    UpdateType,
    async_register_callback,
)
from homeassistant.components.recorder import CONF_COMMIT_INTERVAL
from homeassistant.components.recorder.tasks import WaitTask
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.translation import TRANSLATION_FLATTEN_CACHE
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.bigquery import (
    append_connection,
    committed_stream,
    fence_table,
    load_jobs,
    storage_write,
    write_streams,
)
from custom_components.bigquery_export.bigquery.streaming_buffer import StreamingBuffer
from custom_components.bigquery_export.export import (
    batch_reader,
    chunk as chunk_module,
    table_export,
)
from custom_components.bigquery_export.export.tables import DEFAULT_TABLES, DIMENSION_TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.runner.destination_tables import DestinationTables

# They import the integration before `hass` is made: else Home Assistant looks for it in the test
# plugin's own folder.
from tests.bigquery_export.support.crashes import TRANSACTIONS
from tests.bigquery_export.support.databases import empty_database
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.warehouse import HOME, Warehouse
from tests.local_bigquery.fixtures import grpc_threads, local_bigquery
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery

__all__ = ["grpc_threads", "local_bigquery"]


@pytest.fixture
def database() -> str:
    """Return which database the recorder uses: `ON_EACH_DATABASE` sets it."""
    return "sqlite"


@pytest.fixture
def recorder_config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the recorder commit when a test waits for it, and not with each event.

    That would be a quarter of all that a test computes.
    """
    monkeypatch.setattr(WaitTask, "commit_before", True)
    return {CONF_COMMIT_INTERVAL: 3_600}


@pytest.fixture
def recorder_db_url(
    request: pytest.FixtureRequest, database: str, hass_fixture_setup: list[bool], tmp_path: Path
) -> Iterator[str]:
    """Make an empty database and return its URL; it goes with the test."""
    assert not hass_fixture_setup
    if database != "sqlite":
        request.getfixturevalue("socket_enabled")
    with empty_database(database, tmp_path) as url:
        yield url


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Keep what Home Assistant writes in a folder of the test."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def set_up_home(
    request: pytest.FixtureRequest, recorder_config: dict[str, Any] | None, recorder_db_url: str
) -> None:
    """Start the recorder, and allow this integration, where a test uses Home Assistant.

    The recorder must be there before Home Assistant. Tests may have parameters for its
    configuration and its database, which are therefore named here.
    """
    if "hass" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
        request.getfixturevalue("enable_custom_integrations")


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
    warehouse.create_dataset()  # The set-up makes the tables.
    hass.data["core.uuid"] = HOME  # What `instance_id.async_get` returns from now on.
    entry = warehouse.config_entry(key)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def notifications(hass: HomeAssistant) -> Iterator[dict[str, Notification]]:
    """Return the notifications that there are, by their ids; they come and go in it."""
    shown: dict[str, Notification] = {}

    @callback
    def follow(update: UpdateType, changed: dict[str, Notification]) -> None:
        for notification_id, notification in changed.items():
            if update is UpdateType.REMOVED:
                shown.pop(notification_id, None)
            else:
                shown[notification_id] = notification

    unsubscribe = async_register_callback(hass, follow)
    yield shown
    unsubscribe()


@pytest.fixture(autouse=True)
def default_tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out dimension tables by default: most tests are about what the recorder has.

    A test that is about them is marked `all_tables`, or chooses its tables itself.
    """
    if not request.node.get_closest_marker("all_tables"):
        few = [table for table in DEFAULT_TABLES if table not in DIMENSION_TABLES]
        monkeypatch.setattr(
            "custom_components.bigquery_export.settings.options.DEFAULT_TABLES", few
        )


@pytest.fixture(autouse=True)
def no_views(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports make no views: the local BigQuery takes seconds for them.

    A test that is about them is marked `with_views`.
    """
    if not request.node.get_closest_marker("with_views"):
        monkeypatch.setattr(DestinationTables, "async_ensure_views", Mock())


@pytest.fixture(autouse=True)
def quick_bigquery(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the fence as often as tests export, and wait neither for rows nor for streams.

    Google's libraries try again four times, and soon, where a home's try for ten seconds and more.
    `tests/local_bigquery/fixtures.py` has the BigQuery for it. Tests that are about this are marked
    `real_buffer`.
    """
    monkeypatch.setattr(
        retry_unary,
        "exponential_sleep_generator",
        lambda *_, **__: chain((0.02, 0.04, 0.08, 0.16), repeat(inf)),
    )
    monkeypatch.setattr(load_jobs, "RetryStrategy", partial(RetryStrategy, initial_delay=0.02))
    monkeypatch.setattr(load_jobs, "_UPLOAD_RETRIES", 1)
    monkeypatch.setattr(fence_table, "_SECONDS", 0.0)
    for module, name in (
        (append_connection, "_RECONNECT_AFTER"),
        (append_connection, "NEW"),
        (write_streams, "NEW"),
        (storage_write, "FORGOTTEN_AFTER"),
        (committed_stream, "FORGOTTEN_AFTER"),
    ):
        monkeypatch.setattr(module, name, [0.0] * len(getattr(module, name)))
    if not request.node.get_closest_marker("real_buffer"):
        monkeypatch.setattr(StreamingBuffer, "seconds_until_listed", lambda *_: 0.0)


@pytest.fixture
def no_translations(hass: HomeAssistant) -> None:
    """Forget the translations, which the test plugin keeps for all tests, as before a set-up."""
    cache = hass.data[TRANSLATION_FLATTEN_CACHE]
    cache.cache_data = type(cache.cache_data)({}, {})


@pytest.fixture(autouse=True)
def quiet_database() -> None:
    """Keep the test plugin from logging every statement of SQL."""
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[Exporter]:
    """Return what makes runs into empty tables, which it makes when they are first exported."""
    warehouse.create_table(tables=[SENSOR_DATA, EXPORT_LOG])
    with closing(warehouse.connect()) as connection:
        yield Exporter(hass, connection)


@pytest.fixture(params=TRANSACTIONS)
def delivery(request: pytest.FixtureRequest, exporter: Exporter) -> str:
    """Export by each delivery."""
    exporter.delivery = request.param
    return exporter.delivery


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make transactions of ten rows, in pieces of four."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 10)
    monkeypatch.setattr(table_export, "IN_DOUBT_ROWS", 10)
    monkeypatch.setattr(batch_reader, "PIECE_ROWS", 4)


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    """Return an entry that is set up, with its sensors kept out of the recorder."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await async_wait_recording_done(hass)
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def all_enabled() -> Iterator[None]:
    """Enable what is disabled at first."""
    with patch.object(Entity, "entity_registry_enabled_default", new=True):
        yield


@pytest.fixture
def hass_client(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> ClientSessionGenerator:
    """Return what makes clients of a server that takes further addresses while it runs.

    Home Assistant's own server does so: an integration can be set up later.
    """

    async def client(*access_token: str) -> TestClient[Request, Application]:
        monkeypatch.setattr(hass.http.app.router, "freeze", lambda: None)
        made: TestClient[Request, Application] = await hass_client(*access_token)
        return made

    return client
