"""Resumable uploads on the wire: ranges, questions about the state, and what is sent again."""

from collections.abc import Callable, Iterator
import uuid

from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery
import pytest
from requests import ConnectionError, Response

from .clients import credentials
from .process import Json, LocalBigQuery
from .support.loads import looked_up

UNIT = 256 * 1024
LINE = b'{"id": 1}\n'


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the full id of a new table."""
    name = f"{project}.{dataset}.t"
    client.create_table(bigquery.Table(name, schema=[bigquery.SchemaField("id", "INTEGER")]))
    return name


@pytest.fixture
def session(key: Json) -> Iterator[AuthorizedSession]:
    """Return an HTTP session with the account's access token."""
    with AuthorizedSession(credentials(key)) as session:
        yield session


@pytest.fixture
def begin(
    local_bigquery: LocalBigQuery, session: AuthorizedSession, table: str
) -> Callable[[str | None], str]:
    """Return what begins an upload to the table, under a job id, and returns its address."""
    project, dataset, table_id = table.split(".")
    destination = {"projectId": project, "datasetId": dataset, "tableId": table_id}
    load: Json = {"destinationTable": destination, "sourceFormat": "NEWLINE_DELIMITED_JSON"}

    def begin(job_id: str | None) -> str:
        begun = session.post(
            f"{local_bigquery.rest_url}/upload/bigquery/v2/projects/{project}/jobs",
            params={"uploadType": "resumable"},
            json={"jobReference": {"jobId": job_id}, "configuration": {"load": load}},
        )
        assert begun.status_code == 200
        return begun.headers["Location"]

    return begin


@pytest.fixture
def address(begin: Callable[[str | None], str]) -> str:
    """Return the address of a new upload to the table."""
    return begin(None)


def put(session: AuthorizedSession, address: str, content: bytes, content_range: str) -> Response:
    """Send a chunk, or without content a question."""
    return session.put(address, content, headers={"Content-Range": content_range})


def test_the_address_is_where_the_client_is(local_bigquery: LocalBigQuery, address: str) -> None:
    """The session is reached under the host that the client used."""
    assert address.startswith(f"{local_bigquery.rest_url}/upload/bigquery/v2/projects/")


def test_a_session_tells_how_far_it_is(
    client: bigquery.Client, session: AuthorizedSession, address: str, table: str
) -> None:
    """308 and Range until the last byte is there, then the job, also when asked again."""
    content = LINE * (UNIT // len(LINE) + 1)
    asked = put(session, address, b"", "bytes */*")
    assert (asked.status_code, "Range" in asked.headers) == (308, False)
    taken = put(session, address, content[:UNIT], f"bytes 0-{UNIT - 1}/*")
    assert (taken.status_code, taken.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")
    assert put(session, address, b"", "bytes */*").headers["Range"] == f"bytes=0-{UNIT - 1}"
    last = f"bytes {UNIT}-{len(content) - 1}/{len(content)}"
    job = put(session, address, content[UNIT:], last).json()
    assert job["status"]["state"] == "PENDING"
    for question in (last, "bytes */*"):
        again = put(session, address, b"", question)
        assert again.json()["jobReference"] == job["jobReference"]
    done = looked_up(client, job["jobReference"]["jobId"])
    done.result()
    assert done.output_rows == len(content) // len(LINE)


def test_a_chunk_can_be_sent_again(
    client: bigquery.Client, session: AuthorizedSession, address: str
) -> None:
    """Bytes that are there already change nothing."""
    content = LINE * (UNIT // len(LINE) + 1)
    for _ in range(2):
        put(session, address, content[:UNIT], f"bytes 0-{UNIT - 1}/*")
    everything = f"bytes 0-{len(content) - 1}/{len(content)}"
    job = put(session, address, content, everything).json()
    done = looked_up(client, job["jobReference"]["jobId"])
    done.result()
    assert done.output_rows == len(content) // len(LINE)


def test_a_whole_file_needs_no_range(session: AuthorizedSession, address: str) -> None:
    """A PUT without Content-Range is the complete file."""
    assert session.put(address, LINE).json()["kind"] == "bigquery#job"


@pytest.mark.parametrize(
    ("content", "content_range"),
    [
        (LINE, "bytes 0-9/*"),
        (LINE, f"bytes {UNIT}-{UNIT + 9}/*"),
        (LINE, f"bytes 0-{UNIT - 1}/*"),
        (LINE, "0-9"),
    ],
    ids=["no multiple of 256 KiB", "a gap", "fewer bytes than told", "no range"],
)
def test_a_bad_chunk_is_refused(
    session: AuthorizedSession, address: str, content: bytes, content_range: str
) -> None:
    """Chunks that do not fit are an error and no job."""
    assert put(session, address, content, content_range).status_code == 400


def test_an_unknown_session_is_not_found(session: AuthorizedSession, address: str) -> None:
    """An address that was not given out leads nowhere."""
    assert put(session, address + "x", LINE, "bytes 0-9/10").status_code == 404


def test_of_two_uploads_under_one_id_one_is_a_job(
    client: bigquery.Client, session: AuthorizedSession, begin: Callable[[str | None], str]
) -> None:
    """Both may begin while there is no job, but the second to end is a duplicate."""
    job_id = f"load_{uuid.uuid4().hex}"
    first, second = begin(job_id), begin(job_id)
    assert session.put(second, LINE).status_code == 200
    assert session.put(first, LINE).status_code == 409
    job = looked_up(client, job_id)
    job.result()
    assert job.output_rows == 1


def test_the_last_answer_can_be_lost(
    local_bigquery: LocalBigQuery,
    client: bigquery.Client,
    session: AuthorizedSession,
    begin: Callable[[str | None], str],
) -> None:
    """The job runs although its client saw a broken connection, and the session tells of it."""
    job_id = f"load_{uuid.uuid4().hex}"
    address = begin(job_id)
    local_bigquery.add_fault("jobs.upload", "drop", done=True)
    try:
        with pytest.raises(ConnectionError):
            session.put(address, LINE)
    finally:
        local_bigquery.clear_faults()
    assert put(session, address, b"", "bytes */*").json()["jobReference"]["jobId"] == job_id
    looked_up(client, job_id).result()
