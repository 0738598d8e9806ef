"""Google's clients for one destination."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any, Self
from urllib.parse import urlsplit

from google.api_core.exceptions import GoogleAPIError
from google.auth.transport.grpc import secure_authorized_channel
from google.auth.transport.requests import Request
from google.cloud.bigquery import Client, DatasetReference, TableReference
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)
import grpc

from ..errors import (
    KeyRefusedError,
    StoppedError,
    StorageUnreachableError,
    UnreachableError,
)
from ..export.response_time import ResponseTime
from ..rows.sensor_data import SENSOR_DATA
from ..rows.table import Table
from .answers import ApiSession
from .credentials import is_loopback, make_credentials, refresh
from .errors import google_errors, lacks_token
from .key_file import NotAServiceAccountKeyError

API_ENDPOINT = "https://bigquery.googleapis.com"
STORAGE_ENDPOINT = "https://bigquerystorage.googleapis.com"

_KEEPALIVE = (
    # A connection that was lost is noticed within a minute.
    ("grpc.keepalive_time_ms", 40_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the rows go."""

    project: str
    dataset: str
    location: str
    table: str
    api_endpoint: str = API_ENDPOINT
    storage_endpoint: str = STORAGE_ENDPOINT

    @property
    def table_id(self) -> str:
        """Return the table's full name as SQL writes it."""
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def identity(self) -> str:
        """Return what identifies the destination: the table and its location, not endpoints."""
        return f"{self.table_id} {self.location.upper()}"

    @property
    def dataset_reference(self) -> DatasetReference:
        """Return the dataset's full name as Google's client writes it."""
        return DatasetReference(self.project, self.dataset)

    def table_reference(self, table: Table) -> TableReference:
        """Return where a table is; the name of the one for states is the user's."""
        return self.dataset_reference.table(
            self.table if table.name == SENSOR_DATA.name else table.name
        )


class Connection:
    """Google's clients for one destination, with one service account.

    Its methods block, and nothing is sent before one is called. It is closed by `close`, or at the
    end of a `with` block.
    """

    def __init__(
        self, key: Mapping[str, Any], destination: Destination, *, compress: bool = False
    ) -> None:
        """Make the clients; raises NotAServiceAccountKeyError."""
        self.destination = destination
        self.compression = grpc.Compression.Gzip if compress else None
        """How rows are compressed for the Storage Write API, until it does not take that."""
        self._credentials = make_credentials(key, private=destination.api_endpoint != API_ENDPOINT)
        self._stopped = Event()
        self.last_append: ResponseTime | None = None
        """The last answer of the Storage Write API to rows."""
        self.http = ApiSession(self._credentials)
        self.tables = Client(
            project=destination.project,
            credentials=self._credentials,
            location=destination.location,
            client_options={"api_endpoint": destination.api_endpoint},
            _http=self.http,
        )
        self.channel = self._open_channel()
        """To the Storage Write API."""
        self.storage = BigQueryWriteClient(
            transport=BigQueryWriteGrpcTransport(channel=self.channel)
        )

    @classmethod
    def open(
        cls, key: Mapping[str, Any], destination: Destination, *, compress: bool = False
    ) -> Self:
        """Return a connection that has a valid token; this blocks.

        Raises ExportError, a KeyRefusedError also when the key is damaged.
        """
        try:
            connection = cls(key, destination, compress=compress)
        except NotAServiceAccountKeyError as err:
            raise KeyRefusedError(message="the stored key is damaged") from err
        try:
            connection.authenticate()
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def last_response(self) -> ResponseTime | None:
        """Return BigQuery's last answer to anything."""
        responses = filter(None, (self.http.last_response, self.last_append))
        return max(responses, key=lambda response: response.at, default=None)

    def __enter__(self) -> Self:
        """Return the connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def _open_channel(self) -> grpc.Channel:
        endpoint = urlsplit(self.destination.storage_endpoint)
        plain = endpoint.scheme == "http" and is_loopback(endpoint.hostname or "")
        channel: grpc.Channel = secure_authorized_channel(
            self._credentials,
            Request(),
            grpc_target(self.destination.storage_endpoint),
            ssl_credentials=(
                grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
                if plain
                else grpc.ssl_channel_credentials()
            ),
            options=_KEEPALIVE,
        )
        return channel

    def authenticate(self) -> None:
        """Make sure that there is a valid token.

        Raises ExportError. gRPC would report any as an unavailable server, so this comes first.
        """
        refresh(self._credentials)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise Google's errors as ExportErrors."""
        with self._errors(self.destination.api_endpoint, UnreachableError):
            yield

    @contextmanager
    def storage_errors(self) -> Iterator[None]:
        """Raise errors of the Storage Write API as ExportErrors."""
        with self._errors(self.destination.storage_endpoint, StorageUnreachableError):
            yield

    @contextmanager
    def _errors(self, endpoint: str, unreachable: type[UnreachableError]) -> Iterator[None]:
        with google_errors(self.destination.project, endpoint, unreachable):
            try:
                yield
            except GoogleAPIError as err:
                if lacks_token(err):
                    # An expired token and a refused key both end here; this tells them apart.
                    self._credentials.refresh(None)
                raise

    def stop(self) -> None:
        """End all waiting: `wait` raises StoppedError from now on."""
        self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Wait before asking BigQuery again. Raises StoppedError."""
        if self._stopped.wait(seconds):
            raise StoppedError

    def close(self) -> None:
        """Close all connections."""
        self.stop()
        self.tables.close()
        self.http.close()  # type: ignore[no-untyped-call]
        self.channel.close()


def grpc_target(url: str) -> str:
    """Return the host and port of a URL as gRPC takes them, with an IPv6 address in brackets."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
