"""The happy path on bqemulator alone, so that not only our own reading of BigQuery is tested."""

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
import grpc

from .clients import RowType, append, append_request, commit, new_stream, write_client_for
from .process import LocalBigQuery

ROW = RowType(("id", "int64", "optional"), ("name", "string", "optional"))


def test_a_pending_stream_on_bqemulator_alone(local_bigquery: LocalBigQuery) -> None:
    """Dataset, table, stream, append, finalize, commit and query work as on our server.

    bqemulator wants write_stream in every request, which BigQuery takes as well.
    """
    client = bigquery.Client(
        "alone",
        AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=local_bigquery.emulator_rest_url),
    )
    client.create_dataset("alone")
    schema = [bigquery.SchemaField("id", "INTEGER"), bigquery.SchemaField("name", "STRING")]
    client.create_table(bigquery.Table("alone.alone.t", schema=schema))
    table = "projects/alone/datasets/alone/tables/t"
    credentials = grpc.access_token_call_credentials("unused")
    with write_client_for(local_bigquery.emulator_storage_url, credentials) as writer:
        stream = new_stream(writer, table)
        requests = [
            append_request(stream, ROW.serialized([{"id": id_, "name": "n"}]), ROW, offset=id_)
            for id_ in range(3)
        ]
        offsets = [r.append_result.offset for r in append(writer, stream, requests)]
        assert offsets == [0, 1, 2]
        assert writer.finalize_write_stream(name=stream).row_count == 3
        assert not commit(writer, table, stream).stream_errors
    rows = client.query_and_wait("SELECT id, name FROM `alone.alone.t` ORDER BY id")
    assert [tuple(row) for row in rows] == [(0, "n"), (1, "n"), (2, "n")]
    client.close()
