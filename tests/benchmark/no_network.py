"""Where requests end that are built as if they were to be sent."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any, cast

from google.cloud.bigquery_storage_v1.types import AppendRowsResponse

from custom_components.bigquery_export.bigquery.connection import Connection, Destination

_DESTINATION = Destination("project", "dataset", "EU", "sensor_data")


class NoNetwork:
    """Stands in for Google's clients: takes requests, counts their bytes, and forgets them."""

    def __init__(self) -> None:
        """Have taken nothing yet."""
        self.sent = 0
        self.requests = 0
        connection = SimpleNamespace(
            destination=_DESTINATION,
            storage=self,
            channel=self,
            compression=None,
            tables=None,
            authenticate=lambda: None,
            errors=_no_errors,
            storage_errors=_no_errors,
        )
        self.connection = cast(Connection, connection)

    def table_path(self, project: str, dataset: str, table: str) -> str:
        """Return a table's name as Google's client does."""
        return f"projects/{project}/datasets/{dataset}/tables/{table}"

    def create_write_stream(self, parent: str, **_: Any) -> SimpleNamespace:
        """Return a stream that has a name as long as BigQuery's."""
        return SimpleNamespace(name=f"{parent}/streams/{'x' * 44}")

    def stream_stream(self, method: str, **_: Any) -> Callable[..., _Responses]:
        """Return what takes the next request when its answer is asked for, as gRPC does."""
        return lambda requests, **_: _Responses(self, requests)


class _Responses(Iterator[AppendRowsResponse]):
    def __init__(self, network: NoNetwork, requests: Iterator[bytes]) -> None:
        self._network = network
        self._requests = requests
        self._response = AppendRowsResponse()

    def __next__(self) -> AppendRowsResponse:
        self._network.sent += len(next(self._requests))
        self._network.requests += 1
        return self._response

    def cancel(self) -> bool:
        return True


def _no_errors() -> AbstractContextManager[None]:
    return nullcontext()
