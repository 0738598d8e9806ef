"""AppendRows: what a connection and its requests may say."""

from collections.abc import Iterator

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.protobuf.descriptor_pb2 import DescriptorProto
import pytest

from .clients import RowType, append, append_request, new_stream
from .process import LocalBigQuery
from .support.grpc_errors import details, storage_error

StorageErrorCode = types.StorageError.StorageErrorCode
ROW = RowType(("id", "int64", "optional"), ("name", "string", "optional"))
ONE = ROW.serialized([{"id": 1, "name": "one"}])


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the path of a table with an id and a name."""
    fields = [
        bigquery.SchemaField("id", "INTEGER", "REQUIRED"),
        bigquery.SchemaField("name", "STRING"),
    ]
    client.create_table(bigquery.Table(f"{project}.{dataset}.t", schema=fields))
    return f"projects/{project}/datasets/{dataset}/tables/t"


@pytest.fixture
def stream(writer: BigQueryWriteClient, table: str) -> str:
    """Return a PENDING stream to the table."""
    return new_stream(writer, table)


def test_the_first_request_names_the_stream(writer: BigQueryWriteClient, stream: str) -> None:
    """A connection cannot begin without write_stream."""
    with pytest.raises(exceptions.InvalidArgument, match="write_stream"):
        append(writer, stream, [append_request(None, ONE, ROW)])


def test_the_first_request_has_a_writer_schema(writer: BigQueryWriteClient, stream: str) -> None:
    """A connection cannot begin without the schema of its rows."""
    with pytest.raises(exceptions.InvalidArgument, match="writer schema"):
        append(writer, stream, [append_request(stream, ONE)])


def test_the_routing_header_is_needed(writer: BigQueryWriteClient, stream: str) -> None:
    """Without x-goog-request-params, or with another stream in it, the call is refused."""
    for routing in ("", "write_stream=projects/p/datasets/d/tables/t/streams/other"):
        with pytest.raises(exceptions.PermissionDenied, match="x-goog-request-params"):
            append(writer, stream, [append_request(stream, ONE, ROW)], routing)


def test_a_connection_serves_one_stream(
    writer: BigQueryWriteClient, table: str, stream: str
) -> None:
    """A later request cannot name another stream than the first."""
    other = new_stream(writer, table)
    with pytest.raises(exceptions.InvalidArgument, match="no other stream"):
        append(writer, stream, [append_request(stream, ONE, ROW), append_request(other, ONE)])


def test_a_schema_that_comes_again_is_ignored(writer: BigQueryWriteClient, stream: str) -> None:
    """Only the writer schema of the first request counts on an application's stream."""
    other = RowType(("id", "int64", "optional"), ("unknown", "string", "optional"))
    first, second = append(
        writer, stream, [append_request(stream, ONE, ROW), append_request(stream, ONE, other)]
    )
    assert [first.append_result.offset, second.append_result.offset] == [0, 1]


def test_an_offset_that_is_taken_or_beyond_the_end(
    writer: BigQueryWriteClient, stream: str
) -> None:
    """ALREADY_EXISTS and OUT_OF_RANGE come in the response, and the connection goes on."""
    responses = append(
        writer,
        stream,
        [
            append_request(stream, ONE, ROW, offset=0),
            append_request(None, ONE, offset=0),
            append_request(None, ONE, offset=2),
            append_request(None, ONE, offset=1),
        ],
    )
    assert [response.error.code for response in responses] == [0, 6, 11, 0]
    assert [details(response.error).code for response in responses[1:3]] == [
        StorageErrorCode.OFFSET_ALREADY_EXISTS,
        StorageErrorCode.OFFSET_OUT_OF_RANGE,
    ]
    assert responses[3].append_result.offset == 1
    assert all(response.write_stream == stream for response in responses)
    assert writer.finalize_write_stream(name=stream).row_count == 2


def test_a_finalized_stream_takes_no_rows(writer: BigQueryWriteClient, stream: str) -> None:
    """An append after FinalizeWriteStream ends the call with STREAM_FINALIZED."""
    writer.finalize_write_stream(name=stream)
    with pytest.raises(exceptions.FailedPrecondition) as error:
        append(writer, stream, [append_request(stream, ONE, ROW)])
    assert storage_error(error.value).code == StorageErrorCode.STREAM_FINALIZED


def test_an_unknown_stream_is_not_found(writer: BigQueryWriteClient, table: str) -> None:
    """A stream that was never made, or whose table is another one now, is not found."""
    name = f"{table}/streams/unknown"
    with pytest.raises(exceptions.NotFound) as error:
        append(writer, name, [append_request(name, ONE, ROW)])
    assert storage_error(error.value).code == StorageErrorCode.STREAM_NOT_FOUND


def test_a_stream_ends_with_its_table(
    client: bigquery.Client, writer: BigQueryWriteClient, table: str, stream: str
) -> None:
    """A stream does not lead into a table of the same name that was made later."""
    (old,) = client.list_tables(table.split("/")[3])
    schema = client.get_table(old.reference).schema
    client.delete_table(old.reference)
    client.create_table(bigquery.Table(old.reference, schema=schema))
    with pytest.raises(exceptions.NotFound):
        append(writer, stream, [append_request(stream, ONE, ROW)])


def test_a_request_has_less_than_20_megabytes(writer: BigQueryWriteClient, stream: str) -> None:
    """A larger request ends the call with INVALID_ARGUMENT; one just below the limit is taken."""
    megabyte = "x" * 1_000_000
    rows = ROW.serialized([{"id": id_, "name": megabyte} for id_ in range(20)])
    with pytest.raises(exceptions.InvalidArgument, match="20000000"):
        append(writer, stream, [append_request(stream, rows, ROW)])
    (response,) = append(writer, stream, [append_request(stream, rows[:19], ROW)])
    assert response.append_result.offset == 0


def test_a_request_has_rows(writer: BigQueryWriteClient, stream: str) -> None:
    """A request without rows is an error in the response."""
    (response,) = append(writer, stream, [append_request(stream, [], ROW)])
    assert response.error.code == 3


def test_a_field_that_the_table_does_not_have(writer: BigQueryWriteClient, stream: str) -> None:
    """SCHEMA_MISMATCH_EXTRA_FIELDS ends the call: nothing of the request is taken."""
    wider = RowType(*ROW.fields, ("unknown", "string", "optional"))
    with pytest.raises(exceptions.InvalidArgument, match="extra fields: 'unknown'") as error:
        append(writer, stream, [append_request(stream, ONE, wider)])
    assert storage_error(error.value).code == StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS
    assert writer.finalize_write_stream(name=stream).row_count == 0


def test_a_required_column_is_in_the_schema(writer: BigQueryWriteClient, stream: str) -> None:
    """A writer schema without a REQUIRED column is refused."""
    narrower = RowType(("name", "string", "optional"))
    with pytest.raises(exceptions.InvalidArgument, match="required field id"):
        append(writer, stream, [append_request(stream, ONE, narrower)])


@pytest.mark.parametrize(
    "fields",
    [
        [("id", "string", "optional")],
        [("id", "double", "optional")],
        [("id", "sint64", "optional")],
        [("id", "int64", "repeated")],
        [("id", "int64", "optional"), ("name", "int64", "optional")],
        [("id", "int64", "optional"), ("name", "bytes", "optional")],
    ],
)
def test_a_field_fits_its_column(
    writer: BigQueryWriteClient, stream: str, fields: list[tuple[str, str, str]]
) -> None:
    """Protobuf types that BigQuery does not convert to the column's type are refused."""
    with pytest.raises(exceptions.InvalidArgument):
        append(writer, stream, [append_request(stream, ONE, RowType(*fields))])


def test_a_writer_schema_is_proto2_and_self_contained(
    writer: BigQueryWriteClient, stream: str
) -> None:
    """Fields of proto3 and types from elsewhere are refused."""
    proto3, foreign = DescriptorProto(), DescriptorProto()
    for descriptor in (proto3, foreign):
        descriptor.CopyFrom(ROW.descriptor)
    proto3.field[0].proto3_optional = True
    foreign.field[0].type = foreign.field[0].TYPE_ENUM
    foreign.field[0].type_name = ".elsewhere.Kind"
    for descriptor in (proto3, foreign):
        request = append_request(stream, ONE, ROW)
        request.proto_rows.writer_schema = types.ProtoSchema(proto_descriptor=descriptor)
        with pytest.raises(exceptions.InvalidArgument):
            append(writer, stream, [request])


def test_a_committed_stream_is_visible_at_once(
    local_bigquery: LocalBigQuery,
    writer: BigQueryWriteClient,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """Rows of a COMMITTED stream can be read when the response is there, and offsets hold."""
    stream = new_stream(writer, table, "COMMITTED")
    responses = append(
        writer,
        stream,
        [append_request(stream, ONE, ROW, offset=0), append_request(None, ONE, offset=0)],
    )
    assert [response.error.code for response in responses] == [0, 6]
    sql = f"SELECT id FROM `{project}.{dataset}.t`"  # noqa: S608
    assert local_bigquery.query(sql, project) == [{"id": "1"}]
    described = writer.get_write_stream(name=stream)
    assert described.commit_time == described.create_time


def test_the_default_stream(
    local_bigquery: LocalBigQuery,
    writer: BigQueryWriteClient,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """It needs no creation, takes no offset and returns none, and its rows are visible at once."""
    stream = f"{table}/streams/_default"
    responses = append(
        writer,
        stream,
        [append_request(stream, ONE, ROW), append_request(None, ONE, offset=1)],
    )
    assert [response.error.code for response in responses] == [0, 3]
    assert "offset" not in responses[0].append_result
    sql = f"SELECT id FROM `{project}.{dataset}.t`"  # noqa: S608
    assert local_bigquery.query(sql, project) == [{"id": "1"}]


def test_a_new_column_is_told_in_the_response(
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """A connection that is open when a column is added hears of it once, and goes on."""
    stream = f"{table}/streams/_default"
    later = append_request(stream, ONE)

    def add_column_between() -> Iterator[types.AppendRowsRequest]:
        yield append_request(stream, ONE, ROW)
        resource = client.get_table(f"{project}.{dataset}.t")
        resource.schema = [*resource.schema, bigquery.SchemaField("more", "STRING")]
        client.update_table(resource, ["schema"])
        yield later
        yield later

    routing = (("x-goog-request-params", f"write_stream={stream}"),)
    responses = list(writer.append_rows(add_column_between(), metadata=routing, timeout=30))
    told = [[field.name for field in response.updated_schema.fields] for response in responses]
    assert told in ([[], ["id", "name", "more"], []], [["id", "name", "more"], [], []])
