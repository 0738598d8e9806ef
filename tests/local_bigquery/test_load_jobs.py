"""Load jobs through Google's client: ids, states, rows and permissions."""

from collections.abc import Iterator, Sequence
import gzip
from io import BytesIO
import time
from typing import Any
import uuid

from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField
import pytest

from .clients import credentials, rest_client
from .process import DATA_EDITOR, JOB_USER, Json, LocalBigQuery
from .support.loads import SCHEMA, config, lines, load, looked_up


def loaded(client: bigquery.Client, table: str, content: bytes, **options: Any) -> bigquery.LoadJob:
    """Return a load that was waited for."""
    job = load(client, table, content, **options)
    job.result()
    return job


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the full id of a new table."""
    name = f"{project}.{dataset}.t"
    client.create_table(bigquery.Table(name, schema=SCHEMA))
    return name


@pytest.fixture
def slow_jobs(local_bigquery: LocalBigQuery) -> Iterator[None]:
    """Let jobs take a second."""
    local_bigquery.change_settings(job_seconds=1)
    yield
    local_bigquery.change_settings(job_seconds=0.05)


def test_rows_arrive_as_they_were_sent(client: bigquery.Client, table: str) -> None:
    """Every type of column takes its JSON, and the job counts its own rows."""
    row = {
        "id": str(2**60),
        "name": "é",
        "seen": "2026-01-02T03:04:05.000006Z",
        "attributes": {"a": [1, None]},
        "labels": ["x", "y"],
    }
    loaded(client, table, lines([{"id": 1}]))
    job = loaded(client, table, lines([row, {"id": 2, "attributes": "text"}]))
    assert (job.output_rows, job.state, job.errors) == (2, "DONE", None)
    first, second, third = client.query_and_wait(
        f"SELECT * EXCEPT (seen), STRING(seen) AS seen FROM `{table}` ORDER BY id"  # noqa: S608
    )
    assert (first.id, first.attributes, first.labels) == (1, None, [])
    assert (second.id, second.attributes) == (2, "text")
    assert (third.id, third.name, third.labels) == (2**60, "é", ["x", "y"])
    assert third.attributes == {"a": [1, None]}
    assert third.seen.startswith("2026-01-02 03:04:05.000006")


def test_gzip_is_noticed(client: bigquery.Client, table: str) -> None:
    """Compressed lines need no word about it."""
    content = gzip.compress(lines([{"id": id_} for id_ in range(1000)]))
    assert loaded(client, table, content).output_rows == 1000


def test_gzip_that_ends_early_stores_nothing(client: bigquery.Client, table: str) -> None:
    """A damaged file fails its job."""
    content = gzip.compress(lines([{"id": id_} for id_ in range(1000)]))
    with pytest.raises(exceptions.BadRequest):
        loaded(client, table, content[:-20])
    assert client.get_table(table).num_rows == 0


def test_a_small_file_can_come_in_one_request(client: bigquery.Client, table: str) -> None:
    """The multipart upload, which the client uses when it knows the size, works as well."""
    content = lines([{"id": 1, "name": "--x\r\n"}])
    job = client.load_table_from_file(
        BytesIO(content), table, size=len(content), job_config=config()
    )
    job.result()
    assert job.output_rows == 1
    assert [row.name for row in client.list_rows(table)] == ["--x\r\n"]


def test_a_large_file_comes_in_chunks(client: bigquery.Client, table: str) -> None:
    """A file of several chunks arrives whole and in order."""
    rows = [{"id": id_, "name": "x" * 1000} for id_ in range(12_000)]
    assert loaded(client, table, lines(rows)).output_rows == 12_000


def test_a_job_takes_its_time(client: bigquery.Client, table: str, slow_jobs: None) -> None:
    """A job is pending, then running, then done; only then there are rows, all of them."""
    job = load(client, table, lines([{"id": 1}, {"id": 2}]))
    states = [job.state]
    while job.state != "DONE":
        rows = client.get_table(table).num_rows
        job.reload()
        assert rows == 0 or (rows == 2 and job.state == "DONE")
        states.append(job.state)
        time.sleep(0.05)
    assert list(dict.fromkeys(states)) == ["PENDING", "RUNNING", "DONE"]
    assert client.get_table(table).num_rows == 2


def test_a_job_keeps_its_labels(client: bigquery.Client, table: str) -> None:
    """The labels that a job was begun with are told by jobs.get."""
    job = loaded(client, table, lines([{"id": 1}]), labels={"purpose": "test"})
    assert looked_up(client, job.job_id).labels == {"purpose": "test"}


def test_an_id_is_used_once(client: bigquery.Client, table: str) -> None:
    """The same id again is refused when the upload begins, and the first job can be looked up."""
    job_id = f"load_{uuid.uuid4().hex}"
    loaded(client, table, lines([{"id": 1}]), job_id=job_id)
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Job .*:US.{job_id}") as caught:
        load(client, table, lines([{"id": 1}]), job_id=job_id)
    assert caught.value.errors[0]["reason"] == "duplicate"
    assert looked_up(client, job_id).output_rows == 1
    assert client.get_table(table).num_rows == 1


def test_the_id_of_a_failed_job_is_used_as_well(client: bigquery.Client, table: str) -> None:
    """A failed job tells so for ever, and its id cannot be had again."""
    job_id = f"load_{uuid.uuid4().hex}"
    with pytest.raises(exceptions.BadRequest):
        loaded(client, table, lines([{"id": None}]), job_id=job_id)
    with pytest.raises(exceptions.Conflict):
        load(client, table, lines([{"id": 1}]), job_id=job_id)
    assert looked_up(client, job_id).error_result["reason"] == "invalid"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "more": 1}, "No such field: more"),
        ({"name": "x"}, "Missing required field: id"),
        ({"id": None}, "Only optional fields can be set to NULL"),
        ({"id": 1, "labels": None}, "Only optional fields can be set to NULL"),
        ({"id": 1, "labels": [None]}, "Only optional fields can be set to NULL"),
        ({"id": 1, "labels": "x"}, "Array"),
        ({"id": 1, "name": 3}, "Could not convert value to string"),
        ({"id": 1.5}, "Could not convert value to integer"),
        ({"id": True}, "Could not convert value to integer"),
        ({"id": 2**53}, "only as text"),
        ({"id": str(2**63)}, "out of range"),
        ({"id": 1, "seen": "20260102 03:04:05"}, "Could not parse"),
        ({"id": 1, "seen": 1767322800}, "Could not parse"),
        ({"id": 1, "seen": "2026-01-02 03:04:05.0000001"}, "Could not parse"),
        ([1], "without start of object"),
    ],
)
def test_a_bad_row_stores_nothing(
    client: bigquery.Client, table: str, row: Any, message: str
) -> None:
    """One bad row fails the job, which names it, and the good rows are not stored either."""
    job = load(client, table, lines([{"id": 7}, row]))
    with pytest.raises(exceptions.BadRequest, match="too many errors"):
        job.result()
    assert job.error_result["reason"] == "invalid"
    assert message in job.errors[1]["message"]
    assert "position 10" in job.errors[1]["message"]
    assert client.get_table(table).num_rows == 0


def test_bad_rows_can_be_overlooked(
    local_bigquery: LocalBigQuery, client: bigquery.Client, key: Json, table: str
) -> None:
    """As many bad records as allowed are left out and counted; one more fails the job."""
    content = lines([{"id": 1}, {"id": "x"}, {"id": 2}, {"id": "y"}])
    job = loaded(client, table, content, max_bad_records=2)
    assert (job.output_rows, len(job.errors)) == (2, 2)
    with AuthorizedSession(credentials(key)) as session:
        resource = session.get(f"{local_bigquery.rest_url}/bigquery/v2{job.path}").json()
    assert resource["statistics"]["load"]["badRecords"] == "2"
    with pytest.raises(exceptions.BadRequest):
        loaded(client, table, content, max_bad_records=1)
    assert client.get_table(table).num_rows == 2


def test_unknown_values_can_be_ignored(client: bigquery.Client, table: str) -> None:
    """With ignoreUnknownValues a field without a column is left out."""
    job = loaded(client, table, lines([{"id": 1, "more": 1}]), ignore_unknown_values=True)
    assert job.output_rows == 1


def test_a_schema_can_add_columns(client: bigquery.Client, table: str) -> None:
    """With ALLOW_FIELD_ADDITION the new columns of a job's schema are there; without, it fails."""
    schema = [*SCHEMA, SchemaField("more", "FLOAT")]
    content = lines([{"id": 1, "more": 0.5}])
    with pytest.raises(exceptions.BadRequest, match=r"Cannot add fields \(field: more\)"):
        loaded(client, table, content, schema=schema)
    loaded(client, table, content, schema=schema, schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert client.get_table(table).schema[-1].name == "more"
    assert [row.more for row in client.list_rows(client.get_table(table))] == [0.5]


def test_a_failed_load_changes_no_table(
    client: bigquery.Client, project: str, dataset: str, table: str
) -> None:
    """A job whose rows are bad neither makes its table nor adds its columns."""
    bad = lines([{"id": None}])
    adding = ["ALLOW_FIELD_ADDITION"]
    schema = [*SCHEMA, SchemaField("more", "FLOAT")]
    for name in (f"{project}.{dataset}.new", table):
        with pytest.raises(exceptions.BadRequest):
            loaded(client, name, bad, schema=schema, schema_update_options=adding)
    assert [item.table_id for item in client.list_tables(dataset)] == ["t"]
    assert len(client.get_table(table).schema) == len(SCHEMA)


def test_a_schema_cannot_change_columns(client: bigquery.Client, table: str) -> None:
    """Another type, another mode or a missing required column fail the job."""
    for schema, message in (
        ([SchemaField("id", "STRING", "REQUIRED")], "changed type"),
        ([SchemaField("id", "INTEGER")], "changed mode"),
        ([SchemaField("name", "STRING")], "missing in new schema"),
    ):
        with pytest.raises(exceptions.BadRequest, match=message):
            loaded(client, table, lines([{"id": 1}]), schema=schema)


def test_a_load_can_make_its_table(client: bigquery.Client, project: str, dataset: str) -> None:
    """CREATE_IF_NEEDED makes a missing table of the job's schema; CREATE_NEVER does not."""
    name = f"{project}.{dataset}.new"
    content = lines([{"id": 1}])
    with pytest.raises(exceptions.NotFound):
        loaded(client, name, content, schema=SCHEMA, create_disposition="CREATE_NEVER")
    with pytest.raises(exceptions.BadRequest, match="No schema"):
        loaded(client, name, content)
    loaded(client, name, content, schema=SCHEMA)
    assert client.get_table(name).num_rows == 1


def test_a_load_may_reach_far_back_but_not_everywhere(
    client: bigquery.Client, project: str, dataset: str
) -> None:
    """Loads know no bound of ten years, but fail when they touch more than 4,000 partitions."""
    table = bigquery.Table(f"{project}.{dataset}.days", schema=[SchemaField("day", "DATE")])
    table.time_partitioning = bigquery.TimePartitioning(field="day")
    name = str(client.create_table(table).reference)
    days = [
        {"day": f"{1900 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"} for n in range(4001)
    ]
    with pytest.raises(exceptions.BadRequest, match="allowed 4000"):
        loaded(client, name, lines(days))
    assert loaded(client, name, lines(days[:4000])).output_rows == 4000


def test_a_table_has_a_quota_of_loads(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """One load more than a day allows fails with quotaExceeded, and failed ones count."""
    local_bigquery.change_settings(load_jobs_per_day=2)
    try:
        loaded(client, table, lines([{"id": 1}]))
        with pytest.raises(exceptions.BadRequest):
            loaded(client, table, lines([{"id": "x"}]))
        job = load(client, table, lines([{"id": 2}]))
        with pytest.raises(exceptions.Forbidden, match="Quota exceeded"):
            job.result()
    finally:
        local_bigquery.change_settings(load_jobs_per_day=1500)
    assert job.error_result["reason"] == "quotaExceeded"
    assert client.get_table(table).num_rows == 1


def test_a_job_is_looked_up_where_it_ran(
    local_bigquery: LocalBigQuery, client: bigquery.Client, project: str
) -> None:
    """Outside US and EU a job is only found with its location."""
    dataset = bigquery.Dataset(f"{project}.loads_in_zurich")
    dataset.location = "europe-west6"
    client.create_dataset(dataset)
    try:
        job = load(client, f"{project}.loads_in_zurich.t", lines([{"id": 1}]), schema=SCHEMA)
        assert job.location == "europe-west6"
        job.result()
        with pytest.raises(exceptions.NotFound):
            client.get_job(job.job_id)
        assert looked_up(client, job.job_id, "europe-west6").output_rows == 1
    finally:
        local_bigquery.drop_dataset(project, "loads_in_zurich")


def rejected(local_bigquery: LocalBigQuery, table: str, grants: Sequence[Json]) -> str:
    """Return the message with which an account with these grants is refused a load."""
    key = local_bigquery.create_account(table.split(".")[0], grants)
    with (
        rest_client(local_bigquery.rest_url, key) as client,
        pytest.raises(exceptions.Forbidden) as caught,
    ):
        loaded(client, table, lines([{"id": 1}]), schema=SCHEMA)
    return str(caught.value)


def test_a_load_needs_two_permissions(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """Without jobs.create on the project or without access to the table there is no load."""
    project, dataset, _ = table.split(".")
    editor = {"role": DATA_EDITOR, "project": project, "dataset": dataset}
    user = {"role": JOB_USER, "project": project}
    assert f"does not have bigquery.jobs.create permission in project {project}" in rejected(
        local_bigquery, table, [editor]
    )
    assert "Permission bigquery.tables.updateData denied on table" in rejected(
        local_bigquery, table, [user]
    )
    key = local_bigquery.create_account(project, [editor, user])
    with rest_client(local_bigquery.rest_url, key) as both:
        assert loaded(both, table, lines([{"id": 1}])).output_rows == 1
