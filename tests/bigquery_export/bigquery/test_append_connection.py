"""Connections that another thread ends."""

from collections.abc import Iterator
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Any
from unittest.mock import Mock

from google.cloud.bigquery_storage_v1.types import AppendRowsResponse
import pytest

from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.errors import UnreachableError
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

ROWS = [b"row"]


@pytest.fixture
def streams() -> Mock:
    """Return write streams without a network."""
    return Mock(errors=nullcontext)


@pytest.fixture
def connection(streams: Mock) -> AppendConnection:
    """Return a connection that is not open yet."""
    return AppendConnection(streams, "stream", ProtobufEncoding(SENSOR_DATA))


def test_ended_while_it_waits_to_try_again(streams: Mock, connection: AppendConnection) -> None:
    """What was not appended before the end is not sent again after it."""
    streams.append_rows.side_effect = UnreachableError(endpoint="BigQuery", message="gone")
    streams.connection.wait.side_effect = lambda _: connection.end()
    with pytest.raises(UnreachableError):
        connection.send(ROWS)
    assert streams.append_rows.call_count == 1


def test_ended_before_it_is_open(
    streams: Mock, connection: AppendConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is not waited for in a queue that nobody puts it into."""

    def append_rows(_: str, requests: SimpleQueue[bytes | None]) -> Iterator[AppendRowsResponse]:
        while (request := requests.get_nowait()) is not None:
            assert ROWS[0] in request
            yield AppendRowsResponse()

    streams.append_rows.side_effect = append_rows
    answer = connection._answer

    def ended(*queue: Any) -> AppendRowsResponse:
        connection.end()
        return answer(*queue)

    monkeypatch.setattr(connection, "_answer", ended)
    connection.send(ROWS)
    assert connection.rows == 1
