"""Faults of write streams on demand, as Google's client meets them."""

from collections.abc import Iterator
import time

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
import pytest

from .clients import RowType, append, append_request, commit, new_stream, write_client
from .process import Json, LocalBigQuery
from .support.grpc_errors import GRPC_ANSWERS

ONCE = Retry(predicate=if_exception_type())
ROW = RowType(("id", "int64", "optional"), ("name", "string", "optional"))


@pytest.fixture(autouse=True)
def cleared(local_bigquery: LocalBigQuery) -> Iterator[None]:
    """Leave no fault for the next test."""
    yield
    local_bigquery.clear_faults()


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the path of a new table."""
    schema = [bigquery.SchemaField("id", "INTEGER"), bigquery.SchemaField("name", "STRING")]
    client.create_table(bigquery.Table(f"{project}.{dataset}.t", schema=schema))
    return f"projects/{project}/datasets/{dataset}/tables/t"


def sql_name(table: str) -> str:
    """Return the name of the table at a path as the REST client takes it."""
    return ".".join(table.split("/")[1::2])


@pytest.fixture
def stream(writer: BigQueryWriteClient, table: str) -> str:
    """Return a new PENDING stream."""
    return new_stream(writer, table)


def rows(*ids: int) -> list[bytes]:
    """Return serialized rows."""
    return ROW.serialized([{"id": id_, "name": f"row {id_}"} for id_ in ids])


@pytest.mark.parametrize(("kind", "error"), GRPC_ANSWERS.items())
def test_an_append_is_refused_with_a_code(
    local_bigquery: LocalBigQuery,
    writer: BigQueryWriteClient,
    stream: str,
    kind: str,
    error: type[Exception],
) -> None:
    """The second request ends the connection, and only the rows of the first are there."""
    local_bigquery.add_fault("AppendRows", kind, skip=1)
    requests = [append_request(stream, rows(1), ROW), append_request(None, rows(2))]
    with pytest.raises(error):
        append(writer, stream, requests)
    assert writer.finalize_write_stream(name=stream).row_count == 1


def test_an_append_can_be_done_and_its_answer_lost(
    local_bigquery: LocalBigQuery, writer: BigQueryWriteClient, stream: str
) -> None:
    """The client sees a broken connection, and learns by its offset that the rows are there."""
    local_bigquery.add_fault("AppendRows", "drop", done=True)
    with pytest.raises(exceptions.ServiceUnavailable):
        append(writer, stream, [append_request(stream, rows(1, 2), ROW, offset=0)])
    (again,) = append(writer, stream, [append_request(stream, rows(1, 2), ROW, offset=0)])
    assert again.error.code == 6
    assert writer.finalize_write_stream(name=stream).row_count == 2


def test_a_commit_can_be_done_and_its_answer_lost(
    local_bigquery: LocalBigQuery,
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    table: str,
    stream: str,
) -> None:
    """The rows are visible, and a second commit says that there was a first."""
    append(writer, stream, [append_request(stream, rows(1), ROW)])
    writer.finalize_write_stream(name=stream)
    local_bigquery.add_fault("BatchCommitWriteStreams", "UNAVAILABLE", done=True)
    request = types.BatchCommitWriteStreamsRequest(parent=table, write_streams=[stream])
    with pytest.raises(exceptions.ServiceUnavailable):
        writer.batch_commit_write_streams(request, retry=ONCE)
    (problem,) = commit(writer, table, stream).stream_errors
    assert problem.code == types.StorageError.StorageErrorCode.STREAM_ALREADY_COMMITTED
    assert client.get_table(sql_name(table)).num_rows == 1


@pytest.mark.parametrize("code", list(types.StorageError.StorageErrorCode.__members__)[1:])
def test_a_commit_is_answered_with_stream_errors(
    local_bigquery: LocalBigQuery, writer: BigQueryWriteClient, table: str, stream: str, code: str
) -> None:
    """The call succeeds, but the answer has the code for every stream and no commit time."""
    writer.finalize_write_stream(name=stream)
    local_bigquery.add_fault("BatchCommitWriteStreams", "stream_errors", code=code)
    answer = commit(writer, table, stream)
    assert not answer.commit_time
    assert [(error.code.name, error.entity) for error in answer.stream_errors] == [(code, stream)]
    assert commit(writer, table, stream).commit_time


def test_chosen_rows_are_bad(
    local_bigquery: LocalBigQuery, writer: BigQueryWriteClient, stream: str
) -> None:
    """Rows have errors by their index, nothing is appended, and the connection goes on."""
    local_bigquery.add_fault("AppendRows", "row_errors", rows=[1, 3])
    requests = [append_request(stream, rows(*range(5)), ROW), append_request(None, rows(0, 2, 4))]
    rejected, taken = append(writer, stream, requests)
    assert [error.index for error in rejected.row_errors] == [1, 3]
    assert rejected.error.code == 3
    assert taken.append_result.offset == 0
    assert writer.finalize_write_stream(name=stream).row_count == 3


def test_rows_are_bad_wherever_they_are(
    local_bigquery: LocalBigQuery, writer: BigQueryWriteClient, stream: str
) -> None:
    """A row that contains a text is refused every time, and requests without it pass."""
    local_bigquery.add_fault("AppendRows", "row_errors", containing="row 3", times=None)
    for ids, bad in (((1, 2), []), ((2, 3, 4), [1]), ((3,), [0]), ((4, 5), [])):
        (answer,) = append(writer, stream, [append_request(stream, rows(*ids), ROW)])
        assert [error.index for error in answer.row_errors] == bad
    assert writer.finalize_write_stream(name=stream).row_count == 4


def test_a_token_expires_during_a_stream(
    local_bigquery: LocalBigQuery, key: Json, writer: BigQueryWriteClient, stream: str
) -> None:
    """An AppendRows call that outlasts its token ends, and what was appended stays."""

    def slowly() -> Iterator[types.AppendRowsRequest]:
        yield append_request(stream, rows(1), ROW)
        time.sleep(2.5)
        yield append_request(None, rows(2))

    local_bigquery.change_settings(token_seconds=2)
    try:
        metadata = (("x-goog-request-params", f"write_stream={stream}"),)
        with write_client(local_bigquery.storage_url, key) as impatient:
            answers = iter(impatient.append_rows(slowly(), metadata=metadata))
            assert next(answers).append_result.offset == 0
            with pytest.raises(exceptions.Unauthenticated):
                next(answers)
    finally:
        local_bigquery.change_settings(token_seconds=3600)
    assert writer.finalize_write_stream(name=stream).row_count == 1
