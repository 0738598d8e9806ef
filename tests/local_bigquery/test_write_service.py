"""The Storage Write API's streams: their states and their commit."""

from typing import cast

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
import grpc
import pytest

from tests.machine.patience import wait_until

from .clients import RowType, append, append_request, commit, new_stream
from .process import LocalBigQuery

StorageErrorCode = types.StorageError.StorageErrorCode
ROW = RowType(("id", "int64", "optional"), ("name", "string", "optional"))


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the path of a table with an id and a name."""
    fields = [
        bigquery.SchemaField("id", "INTEGER", "REQUIRED"),
        bigquery.SchemaField("name", "STRING", default_value_expression="'somebody'"),
    ]
    client.create_table(bigquery.Table(f"{project}.{dataset}.people", schema=fields))
    return f"projects/{project}/datasets/{dataset}/tables/people"


@pytest.fixture
def visible(local_bigquery: LocalBigQuery, project: str, dataset: str) -> Visible:
    """Return what tells the ids of the rows that can be read."""
    return Visible(local_bigquery, project, dataset)


class Visible:
    """Reads the table; equal to the list of its ids."""

    def __init__(self, local_bigquery: LocalBigQuery, project: str, dataset: str) -> None:
        """Read the table of this dataset."""
        self._local_bigquery = local_bigquery
        self._project = project
        self._sql = f"SELECT id FROM `{project}.{dataset}.people` ORDER BY id"  # noqa: S608

    def ids(self) -> list[int]:
        """Return the ids of the rows that can be read."""
        return [int(row["id"]) for row in self._local_bigquery.query(self._sql, self._project)]


def people(first: int, last: int) -> list[bytes]:
    """Return serialized rows with these ids."""
    return ROW.serialized([{"id": id_, "name": f"n{id_}"} for id_ in range(first, last + 1)])


def problems(response: types.BatchCommitWriteStreamsResponse) -> dict[str, StorageErrorCode]:
    """Return the codes of the streams' errors; there is no commit time beside errors."""
    assert not (response.commit_time and response.stream_errors)
    return {error.entity: error.code for error in response.stream_errors}


def test_rows_of_a_pending_stream_are_visible_after_the_commit(
    writer: BigQueryWriteClient, table: str, visible: Visible
) -> None:
    """Rows are invisible until their stream is finalized and committed, and then all visible."""
    stream = new_stream(writer, table)
    responses = append(
        writer,
        stream,
        [
            append_request(stream, people(1, 2), ROW, offset=0),
            append_request(None, people(3, 3), offset=2),
            append_request(stream, people(4, 4)),
        ],
    )
    assert [response.append_result.offset for response in responses] == [0, 2, 3]
    assert not writer.get_write_stream(name=stream).commit_time
    assert writer.finalize_write_stream(name=stream).row_count == 4
    assert visible.ids() == []

    response = commit(writer, table, stream)
    assert problems(response) == {}
    assert writer.get_write_stream(name=stream).commit_time == response.commit_time
    assert visible.ids() == [1, 2, 3, 4]


def test_a_stream_describes_itself(writer: BigQueryWriteClient, table: str) -> None:
    """CreateWriteStream returns the table's schema, the location and the time; Get the rest."""
    kind = types.WriteStream.Type.PENDING
    made = writer.create_write_stream(parent=table, write_stream=types.WriteStream(type_=kind))
    assert made.name.startswith(f"{table}/streams/")
    assert made.location == "US"
    assert made.create_time
    fields = [(field.name, field.type_.name, field.mode.name) for field in made.table_schema.fields]
    assert fields == [("id", "INT64", "REQUIRED"), ("name", "STRING", "NULLABLE")]
    kept = writer.get_write_stream(name=made.name)
    assert (kept.name, kept.type_, kept.create_time) == (made.name, kind, made.create_time)
    assert not kept.table_schema.fields


def test_a_stream_has_a_type(writer: BigQueryWriteClient, table: str) -> None:
    """It has to be said."""
    with pytest.raises(exceptions.InvalidArgument, match="type"):
        new_stream(writer, table, "TYPE_UNSPECIFIED")


def flush(writer: BigQueryWriteClient, stream: str, offset: int) -> int:
    """Flush a stream up to the row at an offset, and return the offset of the answer."""
    answer = writer.flush_rows(types.FlushRowsRequest(write_stream=stream, offset=offset))
    return int(answer.offset)


def test_buffered_rows_are_seen_when_they_are_flushed(
    writer: BigQueryWriteClient, table: str, visible: Visible
) -> None:
    """Up to the offset, once however often it is given, and not up to a row that is not there."""
    stream = new_stream(writer, table, "BUFFERED")
    assert writer.get_write_stream(name=stream).type_ == types.WriteStream.Type.BUFFERED
    append(writer, stream, [append_request(stream, people(1, 3), ROW, offset=0)])
    assert visible.ids() == []
    assert [flush(writer, stream, offset) for offset in (1, 1, 0)] == [1, 1, 0]
    assert visible.ids() == [1, 2]
    with pytest.raises(exceptions.OutOfRange):
        flush(writer, stream, 3)
    append(writer, stream, [append_request(stream, people(4, 4), ROW, offset=3)])
    assert flush(writer, stream, 3) == 3
    assert visible.ids() == [1, 2, 3, 4]


def test_what_cannot_be_flushed(writer: BigQueryWriteClient, table: str, visible: Visible) -> None:
    """A finalized stream, and one of another type; and a BUFFERED one cannot be committed."""
    stream, pending = new_stream(writer, table, "BUFFERED"), new_stream(writer, table)
    for each in (stream, pending):
        append(writer, each, [append_request(each, people(1, 2), ROW)])
    with pytest.raises(exceptions.InvalidArgument, match="BUFFERED"):
        flush(writer, pending, 0)
    assert writer.finalize_write_stream(name=stream).row_count == 2
    with pytest.raises(exceptions.InvalidArgument, match="finalized"):
        flush(writer, stream, 0)
    assert problems(commit(writer, table, stream)) == {stream: StorageErrorCode.INVALID_STREAM_TYPE}
    assert visible.ids() == []


def test_a_stream_needs_a_table(writer: BigQueryWriteClient, table: str) -> None:
    """A table that is missing is not found by a caller with rights on its dataset."""
    with pytest.raises(exceptions.NotFound):
        new_stream(writer, table + "_missing")


def test_an_unknown_stream_is_not_found(writer: BigQueryWriteClient, table: str) -> None:
    """Getting and finalizing a stream that was never made is NOT_FOUND."""
    with pytest.raises(exceptions.NotFound):
        writer.get_write_stream(name=f"{table}/streams/unknown")
    with pytest.raises(exceptions.NotFound):
        writer.finalize_write_stream(name=f"{table}/streams/unknown")


def test_a_commit_is_all_or_nothing(
    writer: BigQueryWriteClient, table: str, visible: Visible
) -> None:
    """One stream that cannot be committed keeps the others back; the answer says which and why."""
    good, open_, committed = (new_stream(writer, table) for _ in range(3))
    direct = new_stream(writer, table, "COMMITTED")
    unknown = f"{table}/streams/unknown"
    append(writer, good, [append_request(good, people(1, 2), ROW)])
    writer.finalize_write_stream(name=good)
    append(writer, open_, [append_request(open_, people(3, 3), ROW)])
    append(writer, committed, [append_request(committed, people(4, 4), ROW)])
    writer.finalize_write_stream(name=committed)
    commit(writer, table, committed)

    answer = commit(writer, table, good, open_, committed, direct, unknown)
    assert problems(answer) == {
        open_: StorageErrorCode.INVALID_STREAM_STATE,
        committed: StorageErrorCode.STREAM_ALREADY_COMMITTED,
        direct: StorageErrorCode.INVALID_STREAM_TYPE,
        unknown: StorageErrorCode.STREAM_NOT_FOUND,
    }
    assert visible.ids() == [4]

    writer.finalize_write_stream(name=open_)
    assert problems(commit(writer, table, good, open_)) == {}
    assert visible.ids() == [1, 2, 3, 4]


def test_a_commit_that_is_repeated_changes_nothing(
    writer: BigQueryWriteClient, table: str, visible: Visible
) -> None:
    """After a lost answer the client commits again and reads STREAM_ALREADY_COMMITTED."""
    stream = new_stream(writer, table)
    append(writer, stream, [append_request(stream, people(1, 2), ROW)])
    writer.finalize_write_stream(name=stream)
    commit(writer, table, stream)
    assert problems(commit(writer, table, stream)) == {
        stream: StorageErrorCode.STREAM_ALREADY_COMMITTED
    }
    assert visible.ids() == [1, 2]


def test_a_commit_is_finished_without_its_client(
    local_bigquery: LocalBigQuery, writer: BigQueryWriteClient, table: str, visible: Visible
) -> None:
    """A client that stops waiting does not stop the commit, and can find out about it."""
    stream = new_stream(writer, table)
    append(writer, stream, [append_request(stream, people(1, 5000), ROW)])
    writer.finalize_write_stream(name=stream)
    request = types.BatchCommitWriteStreamsRequest(parent=table, write_streams=[stream])
    local_bigquery.add_fault("BatchCommitWriteStreams", "delay", seconds=300)
    method = cast(grpc.UnaryUnaryMultiCallable, writer.transport.batch_commit_write_streams)
    call = method.future(request, timeout=300)
    wait_until(lambda: local_bigquery.faults()[0]["fired"] == 1, 10)
    assert call.cancel()
    local_bigquery.clear_faults()
    wait_until(lambda: bool(writer.get_write_stream(name=stream).commit_time), 10)
    assert problems(commit(writer, table, stream)) == {
        stream: StorageErrorCode.STREAM_ALREADY_COMMITTED
    }
    assert len(visible.ids()) == 5000


def test_a_stream_is_committed_to_its_own_table(
    client: bigquery.Client, writer: BigQueryWriteClient, project: str, dataset: str, table: str
) -> None:
    """A commit names the table of its streams."""
    schema = [bigquery.SchemaField("id", "INTEGER")]
    client.create_table(bigquery.Table(f"{project}.{dataset}.other", schema=schema))
    stream = new_stream(writer, table)
    writer.finalize_write_stream(name=stream)
    other = table.replace("people", "other")
    assert problems(commit(writer, other, stream)) == {stream: StorageErrorCode.STREAM_NOT_FOUND}


def test_an_empty_stream_can_be_committed(
    writer: BigQueryWriteClient, table: str, visible: Visible
) -> None:
    """A stream without rows is committed like any other."""
    stream = new_stream(writer, table)
    assert writer.finalize_write_stream(name=stream).row_count == 0
    assert commit(writer, table, stream).commit_time
    assert visible.ids() == []


def test_a_column_that_the_schema_leaves_out_gets_its_default(
    local_bigquery: LocalBigQuery,
    writer: BigQueryWriteClient,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """A default is for columns that the writer schema lacks; a value that a row lacks is NULL."""
    stream = f"{table}/streams/_default"
    only_id = RowType(("id", "int64", "optional"))
    append(writer, stream, [append_request(stream, only_id.serialized([{"id": 1}]), only_id)])
    append(writer, stream, [append_request(stream, ROW.serialized([{"id": 2}]), ROW)])
    sql = f"SELECT name FROM `{project}.{dataset}.people` ORDER BY id"  # noqa: S608
    assert local_bigquery.query(sql, project) == [{"name": "somebody"}, {"name": None}]
