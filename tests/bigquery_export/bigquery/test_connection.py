"""One way to a destination: with a valid token, and closed when there is none."""

from dataclasses import replace
from unittest.mock import patch

import pytest
from pytest_socket import socket_allow_hosts

from custom_components.bigquery_export.bigquery.connection import Connection, grpc_target
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import KeyRefusedError
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.recording_proxy import tapped
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR


def test_open(warehouse: Warehouse) -> None:
    """A connection that is opened can be used until the end of the block, and is closed then."""
    key = warehouse.create_key(DATA_EDITOR)
    with (
        patch.object(Connection, "close", autospec=True, side_effect=Connection.close) as closed,
        Connection.open(key, warehouse.destination) as connection,
    ):
        assert list(connection.tables.list_datasets()) == []
        closed.assert_not_called()
    closed.assert_called_once_with(connection)


def test_refused_key(warehouse: Warehouse) -> None:
    """A connection whose key Google does not accept is closed at once."""
    key = warehouse.create_key(DATA_EDITOR)
    warehouse.server.delete_account(key["client_email"])
    with (
        patch.object(Connection, "close", autospec=True, side_effect=Connection.close) as closed,
        pytest.raises(KeyRefusedError),
    ):
        Connection.open(key, warehouse.destination)
    closed.assert_called_once()


def test_damaged_key(warehouse: Warehouse) -> None:
    """A key of which a part is missing is refused like one that Google does not accept."""
    key = {**warehouse.create_key(DATA_EDITOR), "private_key": "lost"}
    with pytest.raises(KeyRefusedError, match="damaged"):
        Connection.open(key, warehouse.destination)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://bigquerystorage.googleapis.com", "bigquerystorage.googleapis.com:443"),
        ("https://bigquerystorage-home.p.googleapis.com:8443", None),
        ("http://127.0.0.1:9060", "127.0.0.1:9060"),
        ("http://localhost", "localhost:80"),
        ("http://[::1]:9060", "[::1]:9060"),
        ("http://[::1]", "[::1]:80"),
        ("https://[2001:db8::17]", "[2001:db8::17]:443"),
        ("https://[2001:DB8::17]:8443/", "[2001:db8::17]:8443"),
        ("https://[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]:443"),
        ("https://[0:0:0:0:0:0:0:1]:9060/", "[0:0:0:0:0:0:0:1]:9060"),
    ],
)
def test_targets(url: str, target: str | None) -> None:
    """An address under Advanced may be a name, or an IPv4 or IPv6 address, with a port or none."""
    assert grpc_target(url) == (target or url.removeprefix("https://"))


def test_ipv6(warehouse: Warehouse) -> None:
    """Both APIs are reached at IPv6 addresses."""
    socket_allow_hosts(["127.0.0.1", "::1"])
    warehouse.create_table()
    server = warehouse.server
    with tapped(server.rest_url, "::1") as api, tapped(server.storage_url, "::1") as storage:
        assert "[::1]" in storage.endpoint
        destination = replace(
            warehouse.destination, api_endpoint=api.endpoint, storage_endpoint=storage.endpoint
        )
        with Connection.open(warehouse.create_key(DATA_EDITOR), destination) as connection:
            DatasetSchema(connection).ensure_table(SENSOR_DATA)
            StorageWriteDelivery(connection).check_access(SENSOR_DATA)
