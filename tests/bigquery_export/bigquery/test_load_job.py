"""Delivery by load jobs."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
import random
from threading import Thread
import time
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from google.api_core.exceptions import NotFound
from google.cloud.bigquery import LoadJob
from google.resumable_media import RetryStrategy
from google.resumable_media.requests import ResumableUpload
import pytest

from custom_components.bigquery_export.bigquery import load_job, load_jobs
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery, LoadTransaction
from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.row_file import RowFile
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import (
    AccessDeniedError,
    CheckpointUnwritableError,
    ExportError,
    KeyRefusedError,
    LoadJobsUsedUpError,
    PermissionMissingError,
    QuotaExceededError,
    RefusedError,
    TableMismatchError,
    TableNotFoundError,
    UnreachableError,
)
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER
from tests.local_bigquery.settings import Settings
from tests.machine.patience import wait_until

MEBIBYTE = 1024 * 1024
BAD_JSON = b'{"entity_id":"sensor.a","attributes":{}'
BAD_TIME = b'{"entity_id":"sensor.a","last_changed":"yesterday"}'


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to an empty table, of an account that may run jobs."""
    warehouse.create_table()
    key = warehouse.create_key(DATA_EDITOR, JOB_USER)
    with closing(Connection(key, warehouse.destination)) as connection:
        yield connection


@pytest.fixture
def delivery(connection: Connection) -> LoadJobDelivery:
    """Return a delivery into an empty table."""
    return LoadJobDelivery(connection)


@pytest.fixture
def faults(warehouse: Warehouse) -> Iterator[Callable[..., int]]:
    """Return what adds faults; they are gone after the test, and so is what else was changed."""
    yield warehouse.server.add_fault
    warehouse.server.clear_faults()
    warehouse.server.change_settings(
        job_seconds=0.05, load_jobs_per_day=1500, upload_bytes=Settings().upload_bytes
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after a moment."""
    monkeypatch.setattr(load_jobs, "_UNSEEN_SECONDS", 1.0)
    monkeypatch.setattr(load_jobs, "_FIRST_WAIT", 0.02)


def row(id_: int, **values: Any) -> bytes:
    """Return a row with this id."""
    encoding = NdjsonEncoding(SENSOR_DATA)
    return encoding.row(encoding.fragment(sample(id_) | values))


def sample(id_: int) -> dict[str, Any]:
    """Return the values of a row with this id."""
    return {
        "entity_id": "sensor.a",
        "last_changed": 1_795_000_000_000_000,
        "last_updated": 1_795_000_000_000_000,
        "source": "home",
        "export_id": "e",
        "state_id": id_,
    }


def label() -> str:
    """Return a label that nothing else has."""
    return f"export_{uuid4().hex}"


def begin(delivery: LoadJobDelivery, *rows: bytes) -> LoadTransaction:
    """Return a transaction that was sent these rows."""
    transaction = delivery.begin(SENSOR_DATA, label())
    assert transaction.append(rows) == []
    transaction.finish()
    return transaction


def settle(delivery: LoadJobDelivery, transaction: LoadTransaction) -> Outcome:
    """Return what another process finds out about a transaction."""
    return delivery.settle(SENSOR_DATA, transaction.name)


def ids(warehouse: Warehouse) -> list[int]:
    """Return the ids of the rows that can be seen."""
    return [int(row["state_id"]) for row in warehouse.rows("state_id")]


def job(connection: Connection, job_id: str) -> LoadJob:
    """Return a job as jobs.get has it."""
    found = connection.tables.get_job(job_id)
    assert isinstance(found, LoadJob)
    return found


def jobs_begun(delivery: LoadJobDelivery) -> int:
    """Return how many jobs the delivery has counted."""
    return sum(map(len, delivery._budget._begun.values()))


def test_transaction(
    warehouse: Warehouse, connection: Connection, delivery: LoadJobDelivery
) -> None:
    """Rows are seen with the commit and not before, and committing again changes nothing."""
    transaction = begin(delivery, row(1), row(2))
    assert ids(warehouse) == []
    assert transaction.commit() == []
    assert ids(warehouse) == [1, 2]
    assert transaction.commit() == []
    assert ids(warehouse) == [1, 2]
    load = job(connection, transaction.name)
    assert load.output_rows == 2
    assert load.location == "EU"
    assert load.write_disposition == "WRITE_APPEND"
    assert load.create_disposition == "CREATE_NEVER"
    assert load.source_format == "NEWLINE_DELIMITED_JSON"
    assert not load.autodetect
    assert not load.max_bad_records
    transaction.close()
    transaction.close()


def test_batches(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """All batches of a transaction are one job."""
    transaction = delivery.begin(SENSOR_DATA, label())
    for id_ in range(5):
        assert transaction.append([row(id_)]) == []
    transaction.finish()
    transaction.commit()
    assert ids(warehouse) == [0, 1, 2, 3, 4]
    assert jobs_begun(delivery) == 1


def test_closed(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """Of what is let go nothing was ever sent."""
    begin(delivery, row(1)).close()
    assert ids(warehouse) == []
    assert jobs_begun(delivery) == 0


def test_empty_transaction(connection: Connection, delivery: LoadJobDelivery) -> None:
    """A transaction without rows is committed without a job."""
    assert begin(delivery).commit() == []
    assert jobs_begun(delivery) == 0


def test_same_values_as_the_storage_write_api(
    warehouse: Warehouse, connection: Connection, delivery: LoadJobDelivery
) -> None:
    """Whichever way a row takes, SQL sees the same."""
    values = sample(1) | {
        "state": 'a\0"\\\u2028\U0001f600\r\n',
        "attributes": '{\n "a": [1, 2.50, null, "x\\ny"],\n "b": {"c": true}\n}',
        "last_updated": 1_795_000_000_123_457,
        "last_changed": 1_795_000_000_123_456,
        "state_numeric": 1e-7,
        "state_changed": False,
        "labels": ["kitchen", "oven"],
        "local_time": "2026-11-21 07:45:00.000001",
        "hour_of_day": 7,
        "context_id": None,
    }
    other = StorageWriteDelivery(connection)
    for way in (delivery, other):
        encoding = way.encoding(SENSOR_DATA)
        transaction = way.begin(SENSOR_DATA, label())
        assert transaction.append([encoding.row(encoding.fragment(values))]) == []
        transaction.finish()
        assert transaction.commit() == []
        transaction.close()
    first, second = warehouse.rows("*")
    assert first == second
    assert first["state"] == values["state"]


def test_rows_that_are_too_large(
    warehouse: Warehouse, delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row larger than BigQuery takes is rejected at once, and the others are in."""
    monkeypatch.setattr(load_job, "_ROW_BYTES", 1_000)
    large = row(2, state="x" * 1_000)
    transaction = delivery.begin(SENSOR_DATA, label())
    (rejected,) = transaction.append([row(1), large, row(3)])
    assert rejected.data == large
    assert "bytes" in rejected.reason
    transaction.finish()
    assert transaction.commit() == []
    assert ids(warehouse) == [1, 3]


def test_large_file(
    warehouse: Warehouse, delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of several megabytes is sent in pieces, and memory holds one of them."""
    noise = random.Random(1)  # noqa: S311
    rows = [row(id_, state=noise.randbytes(500).hex()) for id_ in range(9_000)]
    with patch.object(
        ResumableUpload,
        "transmit_next_chunk",
        autospec=True,
        side_effect=ResumableUpload.transmit_next_chunk,
    ) as sent:
        assert begin(delivery, *rows).commit() == []
    assert sent.call_count >= 3
    assert len(ids(warehouse)) == 9_000


def test_resumed_upload(
    warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int]
) -> None:
    """A connection that breaks in the middle of a large file is taken up again."""
    noise = random.Random(2)  # noqa: S311
    rows = [row(id_, state=noise.randbytes(500).hex()) for id_ in range(9_000)]
    faults("jobs.upload", "drop", skip=1)
    assert begin(delivery, *rows).commit() == []
    assert len(ids(warehouse)) == 9_000


def test_piece_that_is_kept_in_part(
    warehouse: Warehouse, delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When BigQuery keeps less of a piece than it was sent, the rest is sent again."""
    noise = random.Random(4)  # noqa: S311
    rows = [row(id_, state=noise.randbytes(500).hex()) for id_ in range(9_000)]
    send: Callable[..., Any] = ResumableUpload.transmit_next_chunk
    kept: list[int] = []

    def noted(upload: ResumableUpload, *args: Any, **options: Any) -> Any:
        answer = send(upload, *args, **options)
        kept.append(upload.bytes_uploaded)
        return answer

    monkeypatch.setattr(ResumableUpload, "transmit_next_chunk", noted)
    warehouse.server.change_settings(upload_bytes=MEBIBYTE)
    assert begin(delivery, *rows).commit() == []
    assert kept[:3] == [MEBIBYTE, 2 * MEBIBYTE, 3 * MEBIBYTE]
    assert len(ids(warehouse)) == 9_000


def test_upload_without_a_limit(
    warehouse: Warehouse,
    delivery: LoadJobDelivery,
    faults: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An upload that cannot be told how often to try again does so as its library likes."""

    class Stubborn(ResumableUpload):
        """A ResumableUpload of a version that has no use for what it is told."""

        _retry_strategy = property(lambda _: RetryStrategy(initial_delay=0.02), lambda _, __: None)

    monkeypatch.setattr(load_jobs, "ResumableUpload", Stubborn)
    faults("jobs.upload", "backendError", times=2)
    assert begin(delivery, row(1)).commit() == []
    assert ids(warehouse) == [1]


def test_other_location(warehouse: Warehouse, connection: Connection) -> None:
    """A job runs where the destination says, and not where the dataset happens to be."""
    with (
        closing(warehouse.connect(location="US")) as other,
        pytest.raises(TableNotFoundError, match="not found in location US"),
    ):
        begin(LoadJobDelivery(other), row(1)).commit()
    assert ids(warehouse) == []


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("jobs.insert", "drop"),
        ("jobs.upload", "drop"),
        ("jobs.insert", "backendError"),
        ("jobs.upload", "backendError"),
        ("jobs.get", "drop"),
        ("jobs.get", "rateLimitExceeded"),
        ("jobs.get", "notFound"),
        ("jobs.upload", "corrupt_json"),
    ],
)
@pytest.mark.parametrize("done", [False, True])
def test_passing_trouble(
    warehouse: Warehouse,
    delivery: LoadJobDelivery,
    faults: Callable[..., int],
    method: str,
    kind: str,
    done: bool,
) -> None:
    """A fault that happens once is not noticed, and the rows are there once."""
    faults(method, kind, done=done)
    assert begin(delivery, row(1), row(2)).commit() == []
    assert warehouse.server.faults()[0]["fired"] == 1
    assert ids(warehouse) == [1, 2]


@pytest.mark.parametrize("kind", ["drop", "backendError", "cut_body"])
def test_lost_answer(
    warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int], kind: str
) -> None:
    """A commit of which no answer came is repeated or settled, and the rows are there once."""
    faults("jobs.upload", kind, times=None, **({} if kind == "cut_body" else {"done": True}))
    transaction = begin(delivery, row(1))
    with pytest.raises(UnreachableError):
        transaction.commit()
    warehouse.server.clear_faults()
    assert transaction.commit() == []
    assert ids(warehouse) == [1]
    assert settle(delivery, transaction) is Outcome.COMMITTED
    assert ids(warehouse) == [1]


def test_job_that_takes_its_time(
    warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int]
) -> None:
    """A job that is pending and running is waited for."""
    warehouse.server.change_settings(job_seconds=1)
    before = time.monotonic()
    assert begin(delivery, row(1)).commit() == []
    assert time.monotonic() - before > 1
    assert ids(warehouse) == [1]


def test_job_that_takes_too_long(
    warehouse: Warehouse,
    delivery: LoadJobDelivery,
    faults: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No export waits for ever: what is going on is said, and the next one waits on."""
    warehouse.server.change_settings(job_seconds=600)
    monkeypatch.setattr(load_jobs, "_JOB_SECONDS", 0.5)
    transaction = begin(delivery, row(1))
    with pytest.raises(UnreachableError, match=f"{transaction.name} is (PENDING|RUNNING)"):
        transaction.commit()
    with pytest.raises(UnreachableError):
        settle(delivery, transaction)
    monkeypatch.setattr(load_jobs, "_JOB_SECONDS", 10.0)
    warehouse.server.change_settings(job_seconds=0.05)
    assert settle(delivery, transaction) is Outcome.COMMITTED
    assert ids(warehouse) == [1]


def test_bad_rows(warehouse: Warehouse, connection: Connection, delivery: LoadJobDelivery) -> None:
    """Rows that BigQuery names are left out, and the others committed under a new name."""
    transaction = begin(delivery, row(1), BAD_TIME, row(2, state="é" * 99), row(3))
    first = transaction.name
    assert first.endswith("_1")
    (rejected,) = transaction.commit()
    assert rejected.data == BAD_TIME
    assert "yesterday" in rejected.reason
    assert ids(warehouse) == []
    assert transaction.name == first.removesuffix("1") + "2"
    assert transaction.commit() == []
    assert ids(warehouse) == [1, 2, 3]
    assert delivery.settle(SENSOR_DATA, first) is Outcome.NOT_COMMITTED
    assert settle(delivery, transaction) is Outcome.COMMITTED


def test_lost_answer_about_bad_rows(
    warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int]
) -> None:
    """What a job said about its rows can be read as well when its beginning was not heard of."""
    faults("jobs.upload", "drop", times=None, done=True)
    transaction = begin(delivery, BAD_TIME, row(1))
    with pytest.raises(UnreachableError):
        transaction.commit()
    warehouse.server.clear_faults()
    assert [row.data for row in transaction.commit()] == [BAD_TIME]
    assert transaction.commit() == []
    assert ids(warehouse) == [1]


def test_nothing_but_bad_rows(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """When no row is left, the transaction is committed without a job."""
    transaction = begin(delivery, BAD_TIME)
    assert len(transaction.commit()) == 1
    assert transaction.commit() == []
    assert jobs_begun(delivery) == 1
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    assert ids(warehouse) == []


def test_many_bad_rows(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """Many bad rows need few jobs, and none of them loads a row before all are known."""
    rows = [bad for id_ in range(60) for bad in (row(id_), BAD_TIME, BAD_JSON)]
    transaction = begin(delivery, *rows)
    rejected = 0
    while found := transaction.commit():
        assert ids(warehouse) == []
        rejected += len(found)
    assert rejected == 120
    assert ids(warehouse) == list(range(60))
    assert jobs_begun(delivery) == 4


def test_more_bad_rows_than_one_survey_finds(
    warehouse: Warehouse, delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A survey that tells of some bad rows only is followed by another."""
    monkeypatch.setattr(load_job, "_OVERLOOKED", 5)
    transaction = begin(delivery, *[BAD_TIME] * 20, row(1))
    rejected = 0
    while found := transaction.commit():
        rejected += len(found)
    assert rejected == 20
    assert ids(warehouse) == [1]
    assert jobs_begun(delivery) < 12


def test_survey_that_loads(
    warehouse: Warehouse, delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should BigQuery ever load a file that it has to refuse, that is told."""
    monkeypatch.setattr(load_job, "_PLAIN_ATTEMPTS", 1)
    monkeypatch.setattr(load_job, "_BAD_LINE", row(1))
    with pytest.raises(RefusedError, match="overlooked too many bad rows"):
        begin(delivery, BAD_TIME, row(1)).commit()


def test_missing_column(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """A column that the table lacks is no fault of any row."""
    transaction = begin(delivery, b'{"entity_id":"sensor.a","new_column":1}', row(1))
    for _ in range(2):
        with pytest.raises(TableMismatchError) as caught:
            transaction.commit()
    assert caught.value.columns == "new_column"
    assert caught.value.table.endswith("home.sensor_data")
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    assert ids(warehouse) == []


def finished(
    reason: str | None, *messages: str, output_rows: str | None = None, state: str = "DONE"
) -> Callable[..., LoadJob]:
    """Return what answers every question for a job with one that ended like this."""
    errors = [{"reason": reason, "message": message} for message in messages]
    status = {"state": state} | ({"errorResult": errors[0], "errors": errors} if reason else {})
    load = {} if output_rows is None else {"outputRows": output_rows}

    def get(self: load_jobs.LoadJobs, job_id: str) -> LoadJob:
        resource = {
            "jobReference": {"projectId": "p", "jobId": job_id, "location": "EU"},
            "configuration": {
                "load": {
                    "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"},
                }
            },
            "status": status,
            "statistics": {"load": load},
        }
        return LoadJob.from_api_repr(resource, self._client)

    return get


@pytest.mark.parametrize(
    ("reason", "message", "error"),
    [
        ("quotaExceeded", "Quota exceeded: Your table exceeded", QuotaExceededError),
        ("rateLimitExceeded", "Exceeded rate limits", QuotaExceededError),
        ("jobRateLimitExceeded", "Exceeded rate limits", UnreachableError),
        ("backendError", "Retrying may help", UnreachableError),
        ("internalError", "An internal error", UnreachableError),
        ("accessDenied", "Access Denied: all of it", AccessDeniedError),
        ("notFound", "Not found: Table p:d.t", TableNotFoundError),
        ("stopped", "Job execution was cancelled", UnreachableError),
        ("resourcesExceeded", "Resources exceeded", RefusedError),
        ("invalid", "Provided Schema does not match", RefusedError),
        ("backendError", "row starting at position 0: try again", UnreachableError),
        ("invalid", "JSON parsing error in row starting at position 7: bad", RefusedError),
    ],
)
def test_failed_job(
    delivery: LoadJobDelivery,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    message: str,
    error: type[ExportError],
) -> None:
    """A job that fails as a whole is an error of its kind, and no row is thrown away for it."""
    transaction = begin(delivery, row(1), row(2))
    name = transaction.name
    monkeypatch.setattr(load_jobs.LoadJobs, "_get", finished(reason, message))
    with pytest.raises(error, match=message) as caught:
        transaction.commit()
    assert type(caught.value) is error
    assert transaction.name == name
    assert transaction._file.rows == 2
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED


@pytest.mark.parametrize("rows", ["1", "3", "0", None])
def test_rows_that_did_not_arrive(
    delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch, rows: str | None
) -> None:
    """A job that took more or fewer rows than were sent is not believed."""
    transaction = begin(delivery, row(1), row(2))
    monkeypatch.setattr(load_jobs.LoadJobs, "_get", finished(None, output_rows=rows))
    with pytest.raises(RefusedError, match=r"2 rows were sent and|does not say"):
        transaction.commit()


def test_settle_of_a_job_that_does_not_say(
    delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a job does not say whether it loaded anything, its transaction stays in doubt."""
    transaction = begin(delivery, row(1))
    monkeypatch.setattr(load_jobs.LoadJobs, "_get", finished(None))
    with pytest.raises(RefusedError, match="does not say"):
        settle(delivery, transaction)


def test_settle_of_what_was_committed(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """A transaction whose job has loaded its rows is committed."""
    transaction = begin(delivery, row(1))
    transaction.commit()
    assert settle(delivery, transaction) is Outcome.COMMITTED
    assert jobs_begun(delivery) == 1


@pytest.mark.parametrize("labels", [True, False])
def test_settle_of_what_was_never_begun(
    warehouse: Warehouse,
    delivery: LoadJobDelivery,
    monkeypatch: pytest.MonkeyPatch,
    labels: bool,
) -> None:
    """A late request cannot commit what was settled, however often it is settled."""
    if not labels:
        monkeypatch.setattr(load_job, "_NO_ROWS", "other")
    transaction = begin(delivery, row(1))
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    monkeypatch.setattr(load_job, "_NO_ROWS", "fence")
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    with pytest.raises(RefusedError, match="1 rows were sent and 0 arrived"):
        transaction.commit()
    assert ids(warehouse) == []
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED


def test_fence_is_known_by_its_label(
    connection: Connection, delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty job is no transaction even if BigQuery does not write down a zero."""
    transaction = begin(delivery, row(1))
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    assert job(connection, transaction.name).labels
    monkeypatch.setattr(LoadJob, "output_rows", None)
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED


def test_late_request_was_faster(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """When the request arrives after jobs.get and before the empty job, it is committed."""
    transaction = begin(delivery, row(1))
    real = load_jobs.LoadJobs._upload

    def late(jobs: load_jobs.LoadJobs, job_id: str, config: Any, file: RowFile) -> None:
        monkeypatch.undo()
        assert transaction.commit() == []
        real(jobs, job_id, config, file)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(load_jobs.LoadJobs, "_upload", late)
        assert settle(delivery, transaction) is Outcome.COMMITTED
    assert ids(warehouse) == [1]


def test_settle_while_a_request_is_on_its_way(
    warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int]
) -> None:
    """A request that is under way while its transaction is settled commits nothing after it."""
    transaction = begin(delivery, row(1))
    faults("jobs.upload", "delay", seconds=300)
    errors: list[BaseException] = []

    def commit() -> None:
        try:
            transaction.commit()
        except ExportError as err:
            errors.append(err)

    thread = Thread(target=commit)
    thread.start()
    wait_until(lambda: bool(warehouse.server.faults()[0]["fired"]), 60)
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    assert thread.is_alive()
    warehouse.server.clear_faults()
    thread.join()
    assert [type(err) for err in errors] == [RefusedError]
    assert ids(warehouse) == []


def test_settle_of_a_running_job(
    warehouse: Warehouse,
    connection: Connection,
    delivery: LoadJobDelivery,
    faults: Callable[..., int],
) -> None:
    """A job that a process left running is waited for."""
    warehouse.server.change_settings(job_seconds=1)
    transaction = begin(delivery, row(1))
    thread = Thread(target=transaction.commit)
    thread.start()

    def begun() -> bool:
        try:
            return bool(connection.tables.get_job(transaction.name, location="EU"))
        except NotFound:
            return False

    wait_until(begun, 60)
    assert settle(delivery, transaction) is Outcome.COMMITTED
    assert ids(warehouse) == [1]
    thread.join()


def test_settle_of_a_failed_job(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """A transaction whose job failed is not committed, and never will be."""
    transaction = begin(delivery, BAD_TIME, row(1))
    name = transaction.name
    transaction.commit()
    assert delivery.settle(SENSOR_DATA, name) is Outcome.NOT_COMMITTED
    assert ids(warehouse) == []


def test_settle_without_an_answer(delivery: LoadJobDelivery, faults: Callable[..., int]) -> None:
    """Without an answer a transaction stays in doubt."""
    transaction = begin(delivery, row(1))
    for method in ("jobs.get", "jobs.insert", "jobs.upload"):
        faults(method, "backendError", times=None)
        with pytest.raises(UnreachableError):
            settle(delivery, transaction)


def test_settle_when_the_empty_job_fails(
    warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int]
) -> None:
    """An empty job that fails has taken the id as well."""
    warehouse.server.change_settings(load_jobs_per_day=0)
    transaction = begin(delivery, row(1))
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED
    warehouse.server.change_settings(load_jobs_per_day=1500)
    with pytest.raises(QuotaExceededError):
        transaction.commit()
    assert ids(warehouse) == []


def test_id_that_is_taken_and_not_found(
    delivery: LoadJobDelivery, faults: Callable[..., int]
) -> None:
    """Two answers that contradict each other leave a transaction in doubt."""
    faults("jobs.insert", "duplicate")
    with pytest.raises(UnreachableError, match="not to be found"):
        begin(delivery, row(1)).commit()


def test_quota(warehouse: Warehouse, delivery: LoadJobDelivery, faults: Callable[..., int]) -> None:
    """When the table's jobs are used up, the export tries again later."""
    warehouse.server.change_settings(load_jobs_per_day=0)
    transaction = begin(delivery, row(1))
    with pytest.raises(QuotaExceededError, match="imports or query appends"):
        transaction.commit()
    assert settle(delivery, transaction) is Outcome.NOT_COMMITTED


def test_budget(delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many jobs were begun, a transaction is not even begun."""
    monkeypatch.setattr("custom_components.bigquery_export.bigquery.job_budget._FREE_JOBS", 2)
    for id_ in range(2):
        begin(delivery, row(id_)).commit()
    with pytest.raises(LoadJobsUsedUpError) as caught:
        delivery.begin(SENSOR_DATA, label())
    assert caught.value.placeholders == {"used": "2"}
    assert caught.value.retry_after


def test_missing_permission(warehouse: Warehouse, connection: Connection) -> None:
    """The permission that is missing is named, and the project that it is needed in."""
    key = warehouse.create_key(DATA_EDITOR)
    with closing(Connection(key, warehouse.destination)) as editor:
        transaction = begin(LoadJobDelivery(editor), row(1))
        for commit_or_settle in (
            transaction.commit,
            partial(settle, LoadJobDelivery(editor), transaction),
        ):
            with pytest.raises(PermissionMissingError) as caught:
                commit_or_settle()
            assert caught.value.permission == "bigquery.jobs.create"
            assert caught.value.resource == f"project {warehouse.project}"


def test_missing_permission_on_the_table(warehouse: Warehouse, connection: Connection) -> None:
    """To run jobs is not enough."""
    key = warehouse.create_key(JOB_USER)
    with closing(Connection(key, warehouse.destination)) as other:
        with pytest.raises(PermissionMissingError) as caught:
            begin(LoadJobDelivery(other), row(1)).commit()
        assert caught.value.permission == "bigquery.tables.updateData"


def test_missing_table(warehouse: Warehouse, delivery: LoadJobDelivery) -> None:
    """A table that is gone is not made by the job."""
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    with pytest.raises(TableNotFoundError):
        begin(delivery, row(1)).commit()


def test_deleted_key(warehouse: Warehouse, connection: Connection) -> None:
    """A key that was deleted is told apart from a network that is down."""
    key = warehouse.create_key(DATA_EDITOR, JOB_USER)
    with closing(Connection(key, warehouse.destination)) as deleted:
        warehouse.server.delete_account(key["client_email"])
        with pytest.raises(KeyRefusedError):
            begin(LoadJobDelivery(deleted), row(1)).commit()


def test_encoding_is_made_once(delivery: LoadJobDelivery) -> None:
    """All transactions of a table share its encoding."""
    assert delivery.encoding(SENSOR_DATA) is delivery.encoding(SENSOR_DATA)


def test_rows_that_begin_alike_are_together(delivery: LoadJobDelivery) -> None:
    """Rows of some entities, which come by time, are sorted, in less than half of the bytes."""
    noise = random.Random(3)  # noqa: S311
    entities = [f"sensor.{noise.randbytes(300).hex()}" for _ in range(100)]
    rows = [row(id_, entity_id=entities[id_ * 7 % 100]) for id_ in range(1_000)]
    transaction = begin(delivery, *rows)
    assert [line for _, line in transaction._file.lines()] == sorted(rows)
    by_time = RowFile()
    by_time.append(rows)
    assert transaction._file.open()[1] < by_time.open()[1] / 2
    by_time.close()
    assert transaction.commit() == []
    transaction.close()


def test_full_disk(delivery: LoadJobDelivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full is said to be."""
    transaction = delivery.begin(SENSOR_DATA, label())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transaction._file._file, "write", full)
    with pytest.raises(CheckpointUnwritableError, match="No space left"):
        transaction.append([row(1)])
    transaction.close()
