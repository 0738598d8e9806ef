"""Google's clients for the local BigQuery, with credentials as in real life."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from google.api_core.client_options import ClientOptions
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)
from google.oauth2.service_account import Credentials
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
import grpc

from .process import Json

SCOPES = ("https://www.googleapis.com/auth/bigquery",)


class LocalCredentials(Credentials):
    """Credentials that stay on this machine.

    google-auth sends each new access token to Google as well, to ask where it may be used.
    """

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


def credentials(key: Json) -> LocalCredentials:
    """Return the credentials of a key file."""
    of_key: LocalCredentials = LocalCredentials.from_service_account_info(  # type: ignore[no-untyped-call]
        key, scopes=SCOPES
    )
    return of_key


@contextmanager
def rest_client(rest_url: str, key: Json) -> Iterator[bigquery.Client]:
    """Return a client of the REST API ."""
    client = bigquery.Client(
        key["project_id"],
        credentials(key),
        client_options=ClientOptions(api_endpoint=rest_url),
    )
    with client:
        yield client


@contextmanager
def write_client(storage_url: str, key: Json) -> Iterator[BigQueryWriteClient]:
    """Return a client of the Storage Write API that gets its access token from the server."""
    plugin = AuthMetadataPlugin(credentials(key), Request())
    with write_client_for(
        storage_url,
        grpc.metadata_call_credentials(plugin),
    ) as client:
        yield client


@contextmanager
def write_client_for(
    storage_url: str, call_credentials: grpc.CallCredentials
) -> Iterator[BigQueryWriteClient]:
    """Return a client of the Storage Write API with these credentials."""
    with grpc.secure_channel(
        storage_url.removeprefix("http://"),
        grpc.composite_channel_credentials(grpc.local_channel_credentials(), call_credentials),
        options=[("grpc.max_send_message_length", -1)],
    ) as channel:
        yield BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))


class RowType:
    """A proto2 message for rows, declared by (name, type, label) of its fields."""

    def __init__(self, *fields: tuple[str, str, str]) -> None:
        """Build the message; types and labels are the words of a .proto file."""
        self.fields = fields
        self.descriptor = DescriptorProto(name="Row")
        for number, (name, type_, label) in enumerate(fields, start=1):
            self.descriptor.field.add(
                name=name,
                number=number,
                type=FieldDescriptorProto.Type.Value(f"TYPE_{type_.upper()}"),
                label=FieldDescriptorProto.Label.Value(f"LABEL_{label.upper()}"),
            )
        file = FileDescriptorProto(name="row.proto", package="test", syntax="proto2")
        file.message_type.append(self.descriptor)
        pool = DescriptorPool()
        pool.Add(file)
        self.message = GetMessageClass(pool.FindMessageTypeByName("test.Row"))

    def schema(self) -> types.ProtoSchema:
        """Return the writer schema."""
        return types.ProtoSchema(proto_descriptor=self.descriptor)

    def serialized(self, rows: Sequence[Json]) -> list[bytes]:
        """Return rows, given as dictionaries, as bytes."""
        return [self.message(**row).SerializeToString() for row in rows]


def append_request(
    stream: str | None,
    rows: Sequence[bytes],
    row_type: RowType | None = None,
    offset: int | None = None,
) -> types.AppendRowsRequest:
    """Return a request; the first of a connection needs both the stream and the row type."""
    data = types.AppendRowsRequest.ProtoData(rows=types.ProtoRows(serialized_rows=rows))
    if row_type:
        data.writer_schema = row_type.schema()
    return types.AppendRowsRequest(write_stream=stream, proto_rows=data, offset=offset)


def append(
    writer: BigQueryWriteClient,
    stream: str,
    requests: Sequence[types.AppendRowsRequest],
    routing: str | None = None,
) -> list[types.AppendRowsResponse]:
    """Send requests over one connection and return the responses.

    `routing` is the value of the header that leads to the stream, if it is not to be the right one.
    """
    header = f"write_stream={stream}" if routing is None else routing
    metadata = (("x-goog-request-params", header),) if header else ()
    # The client would open a new connection after UNAVAILABLE and send what is left, which is
    # nothing, so that the error would look like a success without responses.
    return list(writer.append_rows(iter(requests), retry=None, metadata=metadata, timeout=60))


def new_stream(writer: BigQueryWriteClient, table: str, kind: str = "PENDING") -> str:
    """Make a write stream to the table at this path and return its name."""
    stream = types.WriteStream(type_=kind)
    name: str = writer.create_write_stream(parent=table, write_stream=stream).name
    return name


def commit(
    writer: BigQueryWriteClient, table: str, *streams: str
) -> types.BatchCommitWriteStreamsResponse:
    """Commit streams to the table at this path."""
    return writer.batch_commit_write_streams(
        types.BatchCommitWriteStreamsRequest(parent=table, write_streams=streams)
    )
