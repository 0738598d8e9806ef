"""Columns that are added to a table, and how long write streams take to know them."""

from collections.abc import Callable, Iterator
import time

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
import pytest

from .clients import RowType, append, append_request
from .process import LocalBigQuery
from .support.grpc_errors import storage_error

OLD = RowType(("id", "int64", "optional"))
NEW = RowType(("id", "int64", "optional"), ("more", "string", "optional"))
ADDED = (
    bigquery.SchemaField("more", "STRING"),
    bigquery.SchemaField("many", "FLOAT", "REPEATED"),
)


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> bigquery.Table:
    """Return a new table with one column."""
    schema = [bigquery.SchemaField("id", "INTEGER", "REQUIRED")]
    return client.create_table(bigquery.Table(f"{project}.{dataset}.t", schema=schema))


@pytest.fixture
def let_streams_notice(local_bigquery: LocalBigQuery) -> Iterator[Callable[[], None]]:
    """Let write streams not notice a new column until this is called, which takes a second."""

    def wait() -> None:
        local_bigquery.change_settings(schema_lag_seconds=1)
        time.sleep(1)

    local_bigquery.change_settings(schema_lag_seconds=3600)
    yield wait
    local_bigquery.change_settings(schema_lag_seconds=0)


def stream_of(table: bigquery.Table) -> str:
    """Return the name of the table's default stream."""
    return f"{table.path.removeprefix('/')}/streams/_default"


def add_columns(client: bigquery.Client, table: bigquery.Table) -> bigquery.Table:
    """Add the columns as a careful client does: the whole schema, under the table's etag."""
    table.schema = [*table.schema, *ADDED]
    return client.update_table(table, ["schema"])


def test_columns_are_added_under_an_etag(client: bigquery.Client, table: bigquery.Table) -> None:
    """The first of two updates from the same version succeeds, the second is refused."""
    stale = client.get_table(table)
    updated = add_columns(client, table)
    assert [field.name for field in updated.schema] == ["id", "more", "many"]
    assert updated.etag != stale.etag
    with pytest.raises(exceptions.PreconditionFailed):
        add_columns(client, stale)
    assert client.get_table(table).schema == updated.schema


def test_rows_use_a_new_column_at_once_by_default(
    client: bigquery.Client, writer: BigQueryWriteClient, table: bigquery.Table
) -> None:
    """Old rows have NULL or nothing in the new columns, new rows their values."""
    stream = stream_of(table)
    append(writer, stream, [append_request(stream, OLD.serialized([{"id": 1}]), OLD)])
    updated = add_columns(client, table)
    rows = NEW.serialized([{"id": 2, "more": "x"}])
    append(writer, stream, [append_request(stream, rows, NEW)])
    found = [(row.id, row.more, row.many) for row in client.list_rows(updated)]
    assert found == [(1, None, []), (2, "x", [])]


def test_streams_notice_a_new_column_late(
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    table: bigquery.Table,
    let_streams_notice: Callable[[], None],
) -> None:
    """A writer schema with the new column is refused at first, and accepted later."""
    stream = stream_of(table)
    rows = NEW.serialized([{"id": 1, "more": "x"}])
    add_columns(client, table)
    with pytest.raises(exceptions.InvalidArgument) as caught:
        append(writer, stream, [append_request(stream, rows, NEW)])
    code = types.StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS
    assert storage_error(caught.value).code == code
    let_streams_notice()
    (answer,) = append(writer, stream, [append_request(stream, rows, NEW)])
    assert not answer.row_errors
    assert client.get_table(table).num_rows == 1


def test_a_connection_tells_a_new_column_once_it_is_known(
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    table: bigquery.Table,
    let_streams_notice: Callable[[], None],
) -> None:
    """updated_schema comes once, in the first response after the wait."""
    stream = stream_of(table)

    def requests() -> Iterator[types.AppendRowsRequest]:
        yield append_request(stream, OLD.serialized([{"id": 1}]), OLD)
        add_columns(client, table)
        yield append_request(None, OLD.serialized([{"id": 2}]))
        let_streams_notice()
        yield append_request(None, OLD.serialized([{"id": 3}]))
        yield append_request(None, OLD.serialized([{"id": 4}]))

    metadata = (("x-goog-request-params", f"write_stream={stream}"),)
    answers = writer.append_rows(requests(), metadata=metadata, timeout=60)
    told = [[field.name for field in answer.updated_schema.fields] for answer in answers]
    assert told == [[], [], ["id", "more", "many"], []]
