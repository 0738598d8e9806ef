"""Faults on demand, as Google's clients meet them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import json
import time
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
import pytest
import requests

from tests.machine.patience import wait_until

from .clients import credentials, new_stream, rest_client
from .fault_kinds import KINDS
from .process import Json, LocalBigQuery, LocalBigQueryError
from .support.grpc_errors import GRPC_ANSWERS
from .support.loads import lines, load

ONCE = Retry(predicate=if_exception_type())


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


def fired(local_bigquery: LocalBigQuery) -> list[int]:
    """Return how often each rule acted."""
    return [rule["fired"] for rule in local_bigquery.faults()]


REST_ANSWERS = {
    "invalid": 400,
    "tableUnavailable": 400,
    "authError": 401,
    "accessDenied": 403,
    "rateLimitExceeded": 403,
    "quotaExceeded": 403,
    "billingNotEnabled": 403,
    "accessNotConfigured": 403,
    "notFound": 404,
    "duplicate": 409,
    "conditionNotMet": 412,
    "tooManyRequests": 429,
    "internalError": 500,
    "backendError": 503,
}


@pytest.mark.parametrize(("kind", "status"), REST_ANSWERS.items())
def test_a_call_is_refused_with_a_reason(
    local_bigquery: LocalBigQuery, client: bigquery.Client, dataset: str, kind: str, status: int
) -> None:
    """Each kind has its HTTP code and its reason, and nothing was done."""
    local_bigquery.add_fault("tables.insert", kind, times=None)
    with pytest.raises(exceptions.GoogleAPICallError) as caught:
        client.create_table(f"{client.project}.{dataset}.t2", retry=ONCE)
    assert (caught.value.code, caught.value.errors[0]["reason"]) == (status, kind)
    # google-auth tries a 401 again with new tokens.
    assert fired(local_bigquery) == [3 if status == 401 else 1]
    assert not list(client.list_tables(dataset))


def test_every_refusal_is_tried_here() -> None:
    """No kind is left out of the tests above, nor of those below."""
    others = {"delay", "drop", "cut_body", "corrupt_json", "row_errors", "stream_errors"}
    others |= {"page", "empty", "foreign", "free_tier", "row_policy", "stopped"}
    assert set(KINDS) == others | {"invalid_grant"} | REST_ANSWERS.keys() | GRPC_ANSWERS.keys()


def test_a_table_can_be_made_and_the_answer_lost(
    local_bigquery: LocalBigQuery, client: bigquery.Client, dataset: str
) -> None:
    """The connection closes without a byte, and the second call finds the table there."""
    local_bigquery.add_fault("tables.insert", "drop", done=True)
    name = f"{client.project}.{dataset}.t2"
    with pytest.raises(requests.exceptions.ConnectionError):
        client.create_table(name, retry=ONCE)
    with pytest.raises(exceptions.Conflict):
        client.create_table(name, retry=ONCE)


def test_a_call_can_be_lost_before_it_does_anything(
    local_bigquery: LocalBigQuery, client: bigquery.Client, dataset: str
) -> None:
    """The connection closes and nothing was done."""
    local_bigquery.add_fault("tables.insert", "drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.create_table(f"{client.project}.{dataset}.t2", retry=ONCE)
    assert not list(client.list_tables(dataset))


def test_an_answer_can_end_in_the_middle(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """The body is shorter than its headers say."""
    local_bigquery.add_fault("tables.get", "cut_body")
    with pytest.raises(requests.exceptions.RequestException):
        client.get_table(sql_name(table), retry=ONCE)
    assert client.get_table(sql_name(table)).num_rows == 0


def test_an_answer_can_be_no_json(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """The body is complete but its JSON is not."""
    local_bigquery.add_fault("tables.get", "corrupt_json")
    with pytest.raises(json.JSONDecodeError):
        client.get_table(sql_name(table), retry=ONCE)


@pytest.mark.parametrize("kind", ["page", "empty"])
@pytest.mark.parametrize("status", [200, 407])
def test_something_else_answers(
    local_bigquery: LocalBigQuery, key: Json, client: bigquery.Client, kind: str, status: int
) -> None:
    """A page or nothing comes with the status of the rule, in place of a token too."""
    for method in ("datasets.list", "token"):
        local_bigquery.add_fault(method, kind, status=status)
    with AuthorizedSession(credentials(key)) as session:
        answer = requests.post(key["token_uri"], timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            status,
            "text/html; charset=utf-8",
        )
        assert answer.text.startswith("<!DOCTYPE html>" if kind == "page" else "")
        assert bool(answer.text) is (kind == "page")
        url = f"{local_bigquery.rest_url}/bigquery/v2/projects/{client.project}/datasets"
        assert (session.get(url).status_code, session.get(url).status_code) == (status, 200)


@pytest.mark.parametrize("done", [False, True])
def test_something_else_can_answer(
    local_bigquery: LocalBigQuery, key: Json, client: bigquery.Client, dataset: str, done: bool
) -> None:
    """The answer is as it was asked for, whether or not BigQuery has done its work."""
    answer: Json = {"status": 302, "content": "<p>", "location": "http://192.0.2.1/"}
    answer["retry_after"] = 5
    local_bigquery.add_fault("datasets.insert", "foreign", done=done, **answer)
    datasets = f"{local_bigquery.rest_url}/bigquery/v2/projects/{client.project}/datasets"
    body = {"datasetReference": {"projectId": client.project, "datasetId": "another"}}
    with AuthorizedSession(credentials(key)) as session:
        found = session.post(datasets, json=body, allow_redirects=False)
    assert (found.status_code, found.text) == (302, "<p>")
    assert found.headers["Location"] == "http://192.0.2.1/"
    assert found.headers["Content-Type"] == "text/html; charset=utf-8"
    assert found.headers["Retry-After"] == "5"
    assert ("another" in {one.dataset_id for one in client.list_datasets()}) is done


def test_a_sandbox_takes_no_streams(
    local_bigquery: LocalBigQuery, writer: BigQueryWriteClient, table: str
) -> None:
    """A project without billing is told so in Google's words."""
    local_bigquery.add_fault("CreateWriteStream", "free_tier")
    with pytest.raises(exceptions.PermissionDenied, match="not allowed in the free tier"):
        new_stream(writer, table)


def test_rows_behind_a_policy_are_not_listed(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """A caller without a TRUE filter cannot list a table that has row access policies."""
    local_bigquery.add_fault("tabledata.list", "row_policy")
    with pytest.raises(exceptions.Forbidden, match="row-level security"):
        list(client.list_rows(sql_name(table), retry=ONCE))


@pytest.mark.parametrize("billed", [None, 7])
def test_a_job_that_was_stopped_is_billed(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str, billed: int | None
) -> None:
    """A job ends as one that took too long; what it says of its bytes is no matter."""
    local_bigquery.add_fault("jobs.insert", "stopped", billed=billed)
    local_bigquery.add_fault("jobs.get", "stopped", billed=billed)
    before = local_bigquery.billed(client.project)
    job = client.query(f"SELECT * FROM `{sql_name(table)}`")  # noqa: S608
    for found in (job, client.get_job(job.job_id)):
        assert isinstance(found, bigquery.QueryJob)
        assert found.error_result["reason"] == "stopped"
        assert found.total_bytes_billed == billed
    assert local_bigquery.billed(client.project) - before == 10 * 2**20


def test_a_client_is_asked_to_wait(
    local_bigquery: LocalBigQuery, key: Json, client: bigquery.Client
) -> None:
    """429 comes with Retry-After only if the rule says so."""
    local_bigquery.add_fault("datasets.list", "tooManyRequests", times=2, skip=1)
    local_bigquery.add_fault("datasets.list", "tooManyRequests", retry_after=7)
    url = f"{local_bigquery.rest_url}/bigquery/v2/projects/{client.project}/datasets"
    with AuthorizedSession(credentials(key)) as session:
        answers = [session.get(url) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 429]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", None]


def test_the_client_tries_again(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """After two errors of the server the third attempt succeeds, and the rule is spent."""
    local_bigquery.add_fault("tables.get", "backendError", times=2)
    assert client.get_table(sql_name(table)).table_id == "t"
    assert client.get_table(sql_name(table)).table_id == "t"
    (rule,) = local_bigquery.faults()
    assert (rule["matched"], rule["fired"]) == (4, 2)


def test_a_call_can_be_slow(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """A delay comes before the work; the call then succeeds."""
    local_bigquery.add_fault("tables.get", "delay", seconds=0.3)
    began = time.monotonic()
    client.get_table(sql_name(table))
    assert time.monotonic() - began >= 0.3


def test_a_delay_ends_with_its_rule(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """A call is held for as long as a test wants it: it goes on when the rules are cleared."""
    local_bigquery.add_fault("tables.get", "delay", seconds=300)
    with ThreadPoolExecutor() as threads:
        call = threads.submit(client.get_table, sql_name(table))
        wait_until(lambda: fired(local_bigquery) == [1], 60)
        assert not call.done()
        local_bigquery.clear_faults()
        assert call.result(60).table_id == "t"


def test_a_rule_can_concern_one_table(
    local_bigquery: LocalBigQuery, client: bigquery.Client, writer: BigQueryWriteClient, table: str
) -> None:
    """Calls that concern another table pass, whether REST, gRPC or a load."""
    other = client.create_table(f"{sql_name(table)}2", exists_ok=False)
    for method in ("tables.get", "jobs.insert", "jobs.upload", "jobs.get"):
        local_bigquery.add_fault(method, "quotaExceeded", table="t")
    local_bigquery.add_fault("tables.insert", "quotaExceeded", table="t3")
    local_bigquery.add_fault("CreateWriteStream", "RESOURCE_EXHAUSTED", table="t")
    client.get_table(other)
    new_stream(writer, f"{table}2")
    schema = [bigquery.SchemaField("id", "INTEGER")]
    load(
        client,
        f"{sql_name(table)}2",
        lines([{}]),
        schema=schema,
        schema_update_options=["ALLOW_FIELD_ADDITION"],
    ).result()
    assert fired(local_bigquery) == [0] * 6
    for attempt in (
        lambda: client.get_table(sql_name(table), retry=ONCE),
        lambda: client.create_table(f"{client.project}.{other.dataset_id}.t3", retry=ONCE),
        lambda: load(client, sql_name(table), lines([{}])),
        lambda: load(client, sql_name(table), lines([{}])),
        lambda: load(client, sql_name(table), lines([{}])).reload(),
    ):
        with pytest.raises(exceptions.Forbidden):
            attempt()
    with pytest.raises(exceptions.ResourceExhausted):
        writer.create_write_stream(
            parent=table, write_stream=types.WriteStream(type_="PENDING"), retry=None
        )
    assert fired(local_bigquery) == [1] * 6


def test_chance_is_the_same_every_time(
    local_bigquery: LocalBigQuery, client: bigquery.Client, table: str
) -> None:
    """With a probability some calls go wrong, and with the same seed the same ones."""

    def outcomes() -> list[bool]:
        local_bigquery.clear_faults()
        local_bigquery.add_fault("tables.get", "notFound", probability=0.5, seed=4, times=None)
        return [_succeeds(client, table) for _ in range(12)]

    first = outcomes()
    assert set(first) == {True, False}
    assert outcomes() == first


def _succeeds(client: bigquery.Client, table: str) -> bool:
    try:
        client.get_table(sql_name(table))
    except exceptions.NotFound:
        return False
    return True


def test_no_token_is_to_be_had(local_bigquery: LocalBigQuery, key: Json, project: str) -> None:
    """The token endpoint refuses a key as Google does, in the words of OAuth."""
    local_bigquery.add_fault("token", "invalid_grant")
    with rest_client(local_bigquery.rest_url, key) as client:
        with pytest.raises(RefreshError, match="invalid_grant"):
            list(client.list_datasets(project))
        list(client.list_datasets(project))


@pytest.mark.parametrize(
    "rule",
    [
        {"method": "tables.gett", "kind": "drop"},
        {"method": "tables.get", "kind": "UNAVAILABLE"},
        {"method": "AppendRows", "kind": "corrupt_json"},
        {"method": "tables.get", "kind": "bad luck"},
        {"method": "tables.get", "kind": "drop", "after": 1},
        {"method": "BatchCommitWriteStreams", "kind": "stream_errors", "code": "NO_CODE"},
    ],
)
def test_a_rule_that_cannot_act_is_refused(
    local_bigquery: LocalBigQuery, rule: dict[str, Any]
) -> None:
    """A slip in a test does not go unnoticed."""
    with pytest.raises(LocalBigQueryError, match=r"invalid"):
        local_bigquery.add_fault(**rule)
    assert local_bigquery.faults() == []
