"""Rows that are compressed on their way to the Storage Write API."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
import socket
from threading import Thread
from typing import Any, override

import grpc
from homeassistant.util.ulid import ulid_at_time
import pytest

from custom_components.bigquery_export.bigquery.connection import Connection, Destination
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import Warehouse

ROWS = 2_000
_IDENTITY = 1
"""The bit of the algorithm that compresses nothing, in gRPC's set of those that are enabled."""


class Relay(grpc.GenericRpcHandler):
    """Passes every call on to another server."""

    def __init__(self, target: str) -> None:
        """Open a channel to the other server."""
        self._channel = grpc.insecure_channel(target)

    @override
    def service(self, handler_call_details: Any) -> Any:
        """Return what passes a call on."""
        metadata = [
            (name, value)
            for name, value in handler_call_details.invocation_metadata
            if name != "user-agent" and not name.startswith("grpc-")
        ]
        method = self._channel.stream_stream(handler_call_details.method)

        def call(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            answers = method(requests, metadata=metadata)
            try:
                yield from answers
            except grpc.RpcError as err:
                context.abort(err.code(), err.details())  # type: ignore[attr-defined]

        return grpc.stream_stream_rpc_method_handler(call)


@contextmanager
def without_gzip(destination: Destination) -> Iterator[Destination]:
    """Yield a destination whose Storage Write API does not know how to decompress."""
    server = grpc.server(
        ThreadPoolExecutor(4),
        options=[("grpc.compression_enabled_algorithms_bitset", _IDENTITY)],
    )
    server.add_generic_rpc_handlers((Relay(destination.storage_endpoint.removeprefix("http://")),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield replace(destination, storage_endpoint=f"http://127.0.0.1:{port}")
    finally:
        server.stop(None).wait()


class Counter:
    """Passes all bytes of connections on to a server, and counts those that go there."""

    def __init__(self, target: tuple[str, int]) -> None:
        """Listen on a port of its own."""
        self.sent = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads: list[Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        """Take no more connections, and wait until those that there were are closed."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        thread = Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._begin(self._pass_on, client, server, True)
                self._begin(self._pass_on, server, client, False)

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.sent += len(data) if counted else 0
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        source.close()


def send(connection: Connection, first: int) -> None:
    """Commit rows in two appends."""
    delivery = StorageWriteDelivery(connection)
    encoding = delivery.encoding(SENSOR_DATA)
    attributes = '{"unit_of_measurement":"°C","friendly_name":"Kitchen temperature"}'
    rows = [
        encoding.fragment(
            {
                "entity_id": "sensor.kitchen_temperature",
                "state": f"{20 + number % 50 / 10}",
                "attributes": attributes,
                "last_changed": 1_795_000_000_000_000 + 1_234_567 * number,
                "last_updated": 1_795_000_000_000_000 + 1_234_567 * number,
                "context_id": ulid_at_time(1_795_000_000 + number),
                "source": "0123456789abcdef0123456789abcdef",
                "state_id": first + number,
                "export_id": "01KAF3ZJ6QW3T4Y5Z6A7B8C9D0",
            }
        )
        for number in range(ROWS)
    ]
    stream = delivery.begin(SENSOR_DATA, "label")
    assert stream.append(rows[: ROWS // 2]) == []
    assert stream.append(rows[ROWS // 2 :]) == []
    stream.finish()
    assert stream.commit() == []
    stream.close()
    assert delivery.settle(SENSOR_DATA, stream.name) is Outcome.COMMITTED


def test_less_is_sent(warehouse: Warehouse, key: dict[str, Any]) -> None:
    """Compressed rows are the same rows, in less than a quarter of the bytes."""
    warehouse.create_table(SENSOR_DATA)
    host, _, port = warehouse.destination.storage_endpoint.removeprefix("http://").partition(":")
    sent = []
    for number, compress in enumerate((False, True)):
        counter = Counter((host, int(port)))
        endpoint = f"http://127.0.0.1:{counter.port}"
        destination = replace(warehouse.destination, storage_endpoint=endpoint)
        with Connection.open(key, destination, compress=compress) as connection:
            send(connection, number * ROWS)
            assert (connection.compression is not None) == compress
        counter.close()
        sent.append(counter.sent)
    plain, compressed = sent
    assert compressed < plain / 4
    ids = [int(row["state_id"]) for row in warehouse.rows("state_id")]
    assert ids == list(range(2 * ROWS))


@pytest.mark.parametrize("compress", [True, False])
def test_a_server_that_does_not_know_it(
    warehouse: Warehouse, key: dict[str, Any], compress: bool
) -> None:
    """Where compressed rows are not known they are sent as they are, each once, as all others."""
    warehouse.create_table(SENSOR_DATA)
    with (
        without_gzip(warehouse.destination) as destination,
        Connection.open(key, destination, compress=compress) as connection,
    ):
        send(connection, 0)
        assert connection.compression is None
        send(connection, ROWS)
    ids = [int(row["state_id"]) for row in warehouse.rows("state_id")]
    assert ids == list(range(2 * ROWS))
