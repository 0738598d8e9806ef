"""Where requests end that are built as if they were to be sent."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any, cast

from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse

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

    def append_rows(self, requests: Iterator[AppendRowsRequest], **_: Any) -> _Responses:
        """Return what serializes the next request, as gRPC does, when its answer is asked for."""
        return _Responses(self, requests)


class _Responses(Iterator[AppendRowsResponse]):
    def __init__(self, network: NoNetwork, requests: Iterator[AppendRowsRequest]) -> None:
        self._network = network
        self._requests = requests
        self._response = AppendRowsResponse()

    def __next__(self) -> AppendRowsResponse:
        request = AppendRowsRequest.pb(next(self._requests))
        self._network.sent += len(request.SerializeToString())
        self._network.requests += 1
        return self._response

    def cancel(self) -> bool:
        return True


def _no_errors() -> AbstractContextManager[None]:
    return nullcontext()
