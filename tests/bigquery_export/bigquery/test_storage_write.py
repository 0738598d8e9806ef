"""Delivery by the Storage Write API."""

from collections.abc import Iterator
from unittest.mock import MagicMock

import pytest

from custom_components.bigquery_export.bigquery import append_connection
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.bigquery.write_streams import WriteStreams
from custom_components.bigquery_export.errors import (
    KeyRefusedError,
    OutcomeUnknownError,
    PermissionMissingError,
    RefusedError,
    StorageUnreachableError,
    TableNotFoundError,
    TableNotReadyError,
    TransientError,
)
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, DATA_VIEWER

DAY = 24 * 60 * 60.0


@pytest.fixture(autouse=True)
def cleared(warehouse: Warehouse) -> Iterator[None]:
    """Leave no fault for the next test."""
    yield
    warehouse.server.clear_faults()


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to an empty table."""
    warehouse.create_table()
    connection = warehouse.connect()
    yield connection
    connection.close()


@pytest.fixture
def delivery(connection: Connection) -> StorageWriteDelivery:
    """Return a delivery into an empty table."""
    return StorageWriteDelivery(connection)


def rows(delivery: StorageWriteDelivery, *ids: int, updated: int = 1_795_000_000) -> list[bytes]:
    """Return rows with these ids."""
    return [
        delivery.encoding(SENSOR_DATA).fragment(
            {
                "entity_id": "sensor.a",
                "last_changed": updated * 1_000_000,
                "last_updated": updated * 1_000_000,
                "source": "home",
                "export_id": "e",
                "state_id": id_,
            }
        )
        for id_ in ids
    ]


def ids(warehouse: Warehouse) -> list[int]:
    """Return the ids of the rows that can be seen."""
    return [int(row["state_id"]) for row in warehouse.rows("state_id")]


def test_transaction(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """Rows are seen with the commit and not before, and committing again changes nothing."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    assert transaction.append(rows(delivery, 1, 2)) == []
    assert transaction.append(rows(delivery, 3)) == []
    transaction.finish()
    assert ids(warehouse) == []
    transaction.commit()
    assert ids(warehouse) == [1, 2, 3]
    transaction.commit()
    assert ids(warehouse) == [1, 2, 3]


def test_abandoned(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """What is abandoned is never seen, whether or not it had rows."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    transaction.close()
    delivery.begin(SENSOR_DATA, "label").close()
    assert ids(warehouse) == []


def test_rejected_rows(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """Rejected rows are named, and all others are in."""
    bad = rows(delivery, 2, updated=0)
    batch = [*rows(delivery, 1), *bad, *rows(delivery, 3), *bad]
    transaction = delivery.begin(SENSOR_DATA, "label")
    rejected = transaction.append(batch)
    assert [row.data for row in rejected] == bad * 2
    assert all("last_changed" in row.reason for row in rejected)
    assert transaction.append(rows(delivery, 4)) == []
    transaction.finish()
    transaction.commit()
    assert ids(warehouse) == [1, 3, 4]


def test_all_rows_rejected(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """A batch of which nothing is left does no harm."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    assert len(transaction.append(rows(delivery, 1, 2, updated=0))) == 2
    transaction.finish()
    transaction.commit()
    assert ids(warehouse) == []


def test_requests_are_bounded(
    warehouse: Warehouse, delivery: StorageWriteDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is too large for one request is sent in several."""
    monkeypatch.setattr(append_connection, "REQUEST_BYTES", 200)
    batch = rows(delivery, *range(20))
    batch[13] = rows(delivery, 13, updated=0)[0]
    assert len(list(append_connection.requests_of(batch))) > 3
    transaction = delivery.begin(SENSOR_DATA, "label")
    assert [row.data for row in transaction.append(batch)] == [batch[13]]
    transaction.finish()
    transaction.commit()
    assert ids(warehouse) == [*range(13), *range(14, 20)]


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [[10]],
        [[500]],
        [[40], [40], [40]],
        [[30, 30], [30, 30]],
        [[500], [1, 1], [500]],
    ],
)
def test_requests(monkeypatch: pytest.MonkeyPatch, requests: list[list[int]]) -> None:
    """A request holds as many rows as fit, and at least one."""
    monkeypatch.setattr(append_connection, "REQUEST_BYTES", 100)
    rows = [bytes(size) for request in requests for size in request]
    found = list(append_connection.requests_of(rows))
    assert [[len(row) for row in request] for request in found] == requests


def test_row_that_is_too_large(
    warehouse: Warehouse, delivery: StorageWriteDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that no request can hold is rejected, and all others are in."""
    small = rows(delivery, 1, 2)
    encoding = delivery.encoding(SENSOR_DATA)
    large = encoding.row(small[0], encoding.fragment({"state": "x" * 300}))
    monkeypatch.setattr(append_connection, "REQUEST_BYTES", 200)
    transaction = delivery.begin(SENSOR_DATA, "label")
    (rejected,) = transaction.append([small[0], large, small[1]])
    assert rejected.data == large
    assert "larger" in rejected.reason
    transaction.finish()
    transaction.commit()
    assert ids(warehouse) == [1, 2]


def test_settle_commits_what_was_finished(
    warehouse: Warehouse, delivery: StorageWriteDelivery
) -> None:
    """A transaction in doubt that was not committed is committed, once."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    transaction.finish()
    assert delivery.settle(SENSOR_DATA, transaction.name) is Outcome.COMMITTED_NOW
    assert ids(warehouse) == [1]
    assert delivery.settle(SENSOR_DATA, transaction.name) is Outcome.COMMITTED
    assert ids(warehouse) == [1]


def test_settle_of_what_was_not_finished(
    warehouse: Warehouse, delivery: StorageWriteDelivery
) -> None:
    """A transaction that was never finished is not committed, and never will be."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    transaction.close()
    assert delivery.settle(SENSOR_DATA, transaction.name) is Outcome.NOT_COMMITTED
    assert ids(warehouse) == []


@pytest.mark.parametrize("age", [0.0, DAY - 1, DAY, 100 * DAY])
def test_settle_of_a_forgotten_transaction(delivery: StorageWriteDelivery, age: float) -> None:
    """A transaction that BigQuery does not know any more is not taken for one that failed."""
    name = delivery.begin(SENSOR_DATA, "label").name
    assert delivery.settle(SENSOR_DATA, f"{name}x", age) is Outcome.FORGOTTEN


def finished(delivery: StorageWriteDelivery) -> str:
    """Send a row, and return the transaction, which is in doubt."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    transaction.finish()
    return transaction.name


@pytest.fixture
def waits(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long a connection has waited, each time; it does not take that long."""
    seconds: list[float] = []
    monkeypatch.undo()  # The fixture that lets all others wait for nothing.
    monkeypatch.setattr(connection, "wait", seconds.append)
    return seconds


@pytest.mark.parametrize("method", ["GetWriteStream", "BatchCommitWriteStreams"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_stream_that_is_not_found_for_a_moment(
    warehouse: Warehouse,
    delivery: StorageWriteDelivery,
    waits: list[float],
    method: str,
    times: int,
) -> None:
    """It is asked for again, for a minute, and its rows are committed."""
    name = finished(delivery)
    warehouse.server.add_fault(method, "NOT_FOUND", times=times)
    assert delivery.settle(SENSOR_DATA, name, DAY - 1) is Outcome.COMMITTED_NOW
    assert waits == [20.0] * times
    assert ids(warehouse) == [1]


@pytest.mark.parametrize(("age", "asked"), [(0.0, 4), (DAY - 1, 4), (DAY, 1), (40 * DAY, 1)])
def test_stream_that_is_not_found(
    warehouse: Warehouse,
    delivery: StorageWriteDelivery,
    waits: list[float],
    age: float,
    asked: int,
) -> None:
    """It is forgotten when that lasts for a minute, or at once where it cannot be committed."""
    name = finished(delivery)
    warehouse.server.add_fault("GetWriteStream", "NOT_FOUND", times=None)
    assert delivery.settle(SENSOR_DATA, name, age) is Outcome.FORGOTTEN
    assert [rule["fired"] for rule in warehouse.server.faults()] == [asked]
    assert sum(waits) == 20 * (asked - 1)
    assert ids(warehouse) == []


@pytest.mark.parametrize("method", ["GetWriteStream", "BatchCommitWriteStreams"])
@pytest.mark.parametrize("answer", ["INVALID_ARGUMENT", "FAILED_PRECONDITION"])
def test_answers_for_expired_streams(
    warehouse: Warehouse, delivery: StorageWriteDelivery, method: str, answer: str
) -> None:
    """Whatever BigQuery says of a stream that cannot be committed any more, it is forgotten.

    Until then the same answer may pass.
    """
    name = finished(delivery)
    warehouse.server.add_fault(method, answer, times=None)
    for age in (0.0, DAY - 1):
        with pytest.raises(OutcomeUnknownError):
            delivery.settle(SENSOR_DATA, name, age)
    assert delivery.settle(SENSOR_DATA, name, DAY + 1) is Outcome.FORGOTTEN
    warehouse.server.clear_faults()
    assert delivery.settle(SENSOR_DATA, name, DAY - 1) is Outcome.COMMITTED_NOW


@pytest.mark.parametrize(
    ("code", "times", "outcome"),
    [
        ("STREAM_NOT_FOUND", 3, Outcome.COMMITTED_NOW),
        ("STREAM_NOT_FOUND", None, Outcome.FORGOTTEN),
        ("INVALID_STREAM_STATE", 1, Outcome.NOT_COMMITTED),
        ("STREAM_ALREADY_COMMITTED", 1, Outcome.COMMITTED_NOW),
    ],
)
def test_answers_to_a_commit(
    warehouse: Warehouse,
    delivery: StorageWriteDelivery,
    code: str,
    times: int | None,
    outcome: Outcome,
) -> None:
    """What is not found may have been committed; what is not finalized never was."""
    name = finished(delivery)
    warehouse.server.add_fault("BatchCommitWriteStreams", "stream_errors", code=code, times=times)
    assert delivery.settle(SENSOR_DATA, name) is outcome


def test_different_answers(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """A stream that can be committed is not forgotten by the last of different answers."""
    name = finished(delivery)
    warehouse.server.add_fault("GetWriteStream", "NOT_FOUND", times=3)
    warehouse.server.add_fault("GetWriteStream", "FAILED_PRECONDITION")
    with pytest.raises(OutcomeUnknownError):
        delivery.settle(SENSOR_DATA, name)
    assert delivery.settle(SENSOR_DATA, name) is Outcome.COMMITTED_NOW


ENDED = ["ABORTED", "CANCELLED", "INTERNAL", "UNAVAILABLE", "UNAUTHENTICATED", "drop"]


@pytest.mark.parametrize("kind", [*ENDED, "NOT_FOUND"])
@pytest.mark.parametrize("skip", [0, 1, 2])
@pytest.mark.parametrize("done", [False, True])
def test_connection_is_opened_again(
    warehouse: Warehouse, delivery: StorageWriteDelivery, kind: str, skip: int, *, done: bool
) -> None:
    """Where a connection ends, with or without its last rows, the stream has each row once."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    warehouse.server.add_fault("AppendRows", kind, skip=skip, times=2, done=done)
    assert transaction.append(rows(delivery, 1, 2)) == []
    bad = rows(delivery, 3, updated=0)
    assert [one.data for one in transaction.append([*bad, *rows(delivery, 4)])] == bad
    assert transaction.append(rows(delivery, 5)) == []
    transaction.finish()
    transaction.commit()
    assert ids(warehouse) == [1, 2, 4, 5]


@pytest.mark.parametrize("kind", ENDED)
def test_connection_that_ends_each_time(
    warehouse: Warehouse, delivery: StorageWriteDelivery, waits: list[float], kind: str
) -> None:
    """It is opened three times, and then a later export tries again."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    warehouse.server.add_fault("AppendRows", kind, times=None)
    with pytest.raises(TransientError):
        transaction.append(rows(delivery, 1))
    assert [rule["fired"] for rule in warehouse.server.faults()] == [3]
    assert waits == [1.0, 5.0]
    transaction.close()


def test_stream_that_is_not_ready(
    warehouse: Warehouse, delivery: StorageWriteDelivery, waits: list[float]
) -> None:
    """A stream that was just opened is waited for as a table is."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    warehouse.server.add_fault("AppendRows", "NOT_FOUND", times=5)
    assert transaction.append(rows(delivery, 1)) == []
    assert sum(waits) == 30
    warehouse.server.add_fault("AppendRows", "NOT_FOUND", times=None)
    with pytest.raises(TableNotReadyError):
        transaction.append(rows(delivery, 2))
    transaction.close()


def test_rows_of_others(delivery: StorageWriteDelivery) -> None:
    """That an offset is taken means that rows have arrived only where they were sent before."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    transaction._connection.rows = 0
    with pytest.raises(RefusedError):
        transaction.append(rows(delivery, 2))
    transaction.close()


@pytest.mark.parametrize(("times", "seconds"), [(1, 1), (3, 7), (5, 30)])
def test_table_that_was_just_made(
    warehouse: Warehouse,
    delivery: StorageWriteDelivery,
    waits: list[float],
    times: int,
    seconds: int,
) -> None:
    """Where a table is not found that tables.get knows, it is waited for."""
    warehouse.server.add_fault("CreateWriteStream", "NOT_FOUND", times=times)
    delivery.check_access(SENSOR_DATA)
    assert sum(waits) == seconds


def test_table_that_is_not_ready(
    warehouse: Warehouse, delivery: StorageWriteDelivery, waits: list[float]
) -> None:
    """If that takes longer, a later export tries again."""
    warehouse.server.add_fault("CreateWriteStream", "NOT_FOUND", times=None)
    with pytest.raises(TableNotReadyError):
        delivery.begin(SENSOR_DATA, "label")
    assert sum(waits) == 30


def test_rows_that_did_not_arrive(
    delivery: StorageWriteDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that holds fewer rows than were sent is not committed."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    monkeypatch.setattr(transaction._connection, "rows", 2)
    with pytest.raises(RefusedError, match="2 rows were sent and 1 arrived"):
        transaction.finish()


def test_commit_that_is_refused(delivery: StorageWriteDelivery) -> None:
    """The call to commit succeeds even when the commit does not, and its answer is read."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    with pytest.raises(OutcomeUnknownError, match="INVALID_STREAM_STATE"):
        transaction.commit()
    transaction.close()


def test_missing_permission(warehouse: Warehouse, connection: Connection) -> None:
    """The permission that is missing is named as Google's console names it."""
    key = warehouse.create_key(DATA_VIEWER)
    reader = Connection(key, warehouse.destination)
    with pytest.raises(PermissionMissingError) as err:
        StorageWriteDelivery(reader).begin(SENSOR_DATA, "label")
    assert err.value.placeholders["permission"] == "bigquery.tables.updateData"
    reader.close()


def test_missing_table(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """A table that is gone is noticed at once."""
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    with pytest.raises(TableNotFoundError):
        delivery.begin(SENSOR_DATA, "label")


def test_deleted_key(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """A key that was deleted is told apart from a network that is down."""
    key = warehouse.create_key(DATA_EDITOR)
    deleted = Connection(key, warehouse.destination)
    warehouse.server.delete_account(key["client_email"])
    with pytest.raises(KeyRefusedError):
        StorageWriteDelivery(deleted).begin(SENSOR_DATA, "label")
    deleted.close()


def test_connection_that_ends(
    delivery: StorageWriteDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is closed without an answer is an error, and not the end of the rows."""
    ended = MagicMock(__next__=MagicMock(side_effect=StopIteration))
    monkeypatch.setattr(WriteStreams, "append_rows", lambda *args: ended)
    with pytest.raises(StorageUnreachableError, match="without an answer"):
        delivery.begin(SENSOR_DATA, "label").append(rows(delivery, 1))


def test_error_in_an_answer(warehouse: Warehouse, delivery: StorageWriteDelivery) -> None:
    """An error that comes inside an answer ends the sending: here, a stream that is finalized."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    transaction.append(rows(delivery, 1))
    transaction.finish()
    with pytest.raises(RefusedError):
        transaction.append(rows(delivery, 2))
    transaction.close()
