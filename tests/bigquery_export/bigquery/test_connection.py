"""One way to a destination: with a valid token, and closed when there is none."""

from unittest.mock import patch

import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.errors import KeyRefusedError
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
