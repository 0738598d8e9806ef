"""kill() and restart(): what a client finds after the server was gone for a while."""

from collections.abc import Callable, Iterator
from pathlib import Path
import time

from google.api_core.exceptions import Forbidden
from google.api_core.retry import Retry
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
import pytest

from tests.machine.patience import Patience

from .clients import RowType, append, append_request, commit, new_stream, rest_client, write_client
from .process import DATA_EDITOR, JOB_USER, Json, LocalBigQuery, LocalBigQueryError, start
from .support.loads import lines, load, looked_up

PROJECT = "local-project"
ROW = RowType(("id", "int64", "optional"))
ONCE = Retry(predicate=lambda _: False)
ROWS = ROW.serialized([{"id": id_} for id_ in range(3)])


@pytest.fixture
def bigquery_of_its_own(tmp_path: Path) -> Iterator[LocalBigQuery]:
    """Return a local BigQuery that may be killed."""
    with start(tmp_path) as local_bigquery:
        yield local_bigquery


@pytest.fixture
def own_key(bigquery_of_its_own: LocalBigQuery) -> Json:
    """Return a key for it."""
    roles = [{"role": role, "project": PROJECT} for role in (DATA_EDITOR, JOB_USER)]
    return bigquery_of_its_own.create_account(PROJECT, roles)


@pytest.fixture
def own_client(bigquery_of_its_own: LocalBigQuery, own_key: Json) -> Iterator[bigquery.Client]:
    """Return a client that lives through the restart, with a dataset and a table t."""
    with rest_client(bigquery_of_its_own.rest_url, own_key) as client:
        client.create_dataset("d")
        schema = [bigquery.SchemaField("id", "INTEGER")]
        client.create_table(bigquery.Table(f"{PROJECT}.d.t", schema=schema))
        yield client


@pytest.fixture
def own_writer(bigquery_of_its_own: LocalBigQuery, own_key: Json) -> Iterator[BigQueryWriteClient]:
    """Return a client of the Storage Write API that lives through the restart."""
    with write_client(bigquery_of_its_own.storage_url, own_key) as writer:
        yield writer


def eventually[Result](attempt: Callable[[], Result]) -> Result:
    """Return what an attempt returns as soon as it raises nothing."""
    patience = Patience(20)
    while True:
        try:
            return attempt()
        except Exception:
            if patience.left <= 0:
                raise
            time.sleep(0.1)


def test_clients_go_on_after_a_kill(
    bigquery_of_its_own: LocalBigQuery,
    own_client: bigquery.Client,
    own_writer: BigQueryWriteClient,
) -> None:
    """Same addresses, same tokens: committed rows, pending rows and jobs are all there."""
    table = f"projects/{PROJECT}/datasets/d/tables/t"
    name = f"{PROJECT}.d.t"
    stream = new_stream(own_writer, table)
    append(own_writer, stream, [append_request(stream, ROWS, ROW)])
    load(own_client, name, lines([{"id": 7}]), job_id="before").result()
    addresses = (bigquery_of_its_own.rest_url, bigquery_of_its_own.storage_url)

    bigquery_of_its_own.kill()
    bigquery_of_its_own.restart()
    bigquery_of_its_own.change_settings(buffer_seconds=0)

    assert (bigquery_of_its_own.rest_url, bigquery_of_its_own.storage_url) == addresses
    assert looked_up(own_client, "before").output_rows == 1
    assert own_client.get_table(name).num_rows == 1
    finalized = eventually(lambda: own_writer.finalize_write_stream(name=stream))
    assert finalized.row_count == 3
    assert commit(own_writer, table, stream).commit_time
    assert own_client.get_table(name).num_rows == 4


def test_a_job_that_was_running_ends_after_the_restart(
    bigquery_of_its_own: LocalBigQuery, own_client: bigquery.Client
) -> None:
    """A killed server has taken the job, and does it once when it is back."""
    bigquery_of_its_own.change_settings(job_seconds=60)
    name = f"{PROJECT}.d.t"
    load(own_client, name, lines([{"id": 7}]), job_id="running")
    bigquery_of_its_own.kill()
    bigquery_of_its_own.restart()
    job = looked_up(own_client, "running")
    job.result()
    assert job.output_rows == 1
    bigquery_of_its_own.restart()
    assert own_client.get_table(name).num_rows == 1


def test_settings_may_be_kept(
    bigquery_of_its_own: LocalBigQuery, own_client: bigquery.Client
) -> None:
    """Those that are to be kept are as they were after a restart, and no others."""
    bigquery_of_its_own.keep_settings(metadata_changes_per_10_seconds=0)
    bigquery_of_its_own.change_settings(load_jobs_per_day=0)
    bigquery_of_its_own.kill()
    bigquery_of_its_own.restart()
    table = bigquery.Table(f"{PROJECT}.d.t")
    with pytest.raises(Forbidden, match="too many table update operations"):
        own_client.update_table(table, ["description"], retry=ONCE)
    job = load(own_client, f"{PROJECT}.d.t", lines([{"id": 7}]))
    job.result()
    assert job.output_rows == 1


def test_what_is_in_memory_is_not_kept(local_bigquery: LocalBigQuery) -> None:
    """A server without a data folder says that it cannot start again, and goes on."""
    with pytest.raises(LocalBigQueryError, match="no data folder"):
        local_bigquery.restart()
    assert local_bigquery.process.poll() is None
