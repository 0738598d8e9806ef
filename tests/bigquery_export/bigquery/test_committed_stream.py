"""Delivery to streams that stay open."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from custom_components.bigquery_export.bigquery import committed_stream
from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.bigquery.committed_stream import (
    AppendTransaction,
    CommittedStreamDelivery,
)
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.write_streams import WriteStreams
from custom_components.bigquery_export.errors import ExportError, OutcomeUnknownError, RefusedError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.open_stream import Append
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import wait_until

VALUES = {
    "entity_id": "sensor.a",
    "last_changed": 1_795_000_000_000_000,
    "last_updated": 1_795_000_000_000_000,
    "source": "home",
    "export_id": "e",
}


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to an empty table; no fault is left for the next test."""
    warehouse.create_table()
    connection = warehouse.connect()
    yield connection
    connection.close()
    warehouse.server.clear_faults()


@pytest.fixture
def delivery(connection: Connection) -> Iterator[CommittedStreamDelivery]:
    """Return a delivery into an empty table."""
    delivery = CommittedStreamDelivery(connection)
    yield delivery
    delivery.close()


def begun(delivery: CommittedStreamDelivery, *ids: int) -> AppendTransaction:
    """Return a transaction of rows with these ids that could be committed."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    fragment = delivery.encoding(SENSOR_DATA).fragment
    rows = [fragment({**VALUES, "state_id": id_}) for id_ in ids]
    assert transaction.append(rows) == []
    transaction.finish()
    return transaction


def ids(warehouse: Warehouse) -> list[int]:
    """Return the ids of the rows that can be seen."""
    return [int(row["state_id"]) for row in warehouse.rows("state_id")]


def test_one_stream(warehouse: Warehouse, delivery: CommittedStreamDelivery) -> None:
    """Transactions follow each other in one stream, each seen with its commit."""
    first = begun(delivery, 1, 2)
    assert ids(warehouse) == []
    name = first.name
    assert first.commit() == []
    first.close()
    assert ids(warehouse) == [1, 2]
    second = begun(delivery, 3)
    assert Append.named(second.name) == Append(Append.named(name).stream, 2, 1)
    second.commit()
    assert ids(warehouse) == [1, 2, 3]
    delivery.check_access(SENSOR_DATA)


def test_renewed(delivery: CommittedStreamDelivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another stream is opened after half a day, and when a transaction was abandoned."""
    streams = []
    for hours in (0, 1, 13):
        monkeypatch.setattr(committed_stream, "monotonic", lambda hours=hours: hours * 3_600.0)
        transaction = begun(delivery, 1)
        streams.append(Append.named(transaction.name).stream)
        transaction.commit()
        transaction.close()
    abandoned = begun(delivery, 2)
    streams.append(Append.named(abandoned.name).stream)
    abandoned.close()
    streams.append(Append.named(begun(delivery, 3).name).stream)
    assert len(set(streams)) == 3
    assert streams[0] == streams[1] != streams[2] == streams[3] != streams[4]


@pytest.mark.parametrize("is_sent", [False, True])
def test_settled(
    warehouse: Warehouse, connection: Connection, delivery: CommittedStreamDelivery, is_sent: bool
) -> None:
    """The number of rows tells whether it was appended, and nothing is appended afterwards."""
    begun(delivery, 1).commit()
    transaction = begun(delivery, 2, 3)
    name = transaction.name
    if is_sent:
        transaction.commit()
    later = CommittedStreamDelivery(connection)
    outcome = Outcome.COMMITTED if is_sent else Outcome.NOT_COMMITTED
    for _ in range(2):
        assert later.settle(SENSOR_DATA, name) is outcome
    with pytest.raises(RefusedError):
        begun(delivery, 4).commit()
    assert ids(warehouse) == ([1, 2, 3] if is_sent else [1])


def test_not_known_any_more(warehouse: Warehouse, delivery: CommittedStreamDelivery) -> None:
    """A stream that BigQuery has forgotten tells nothing, and one with other rows does not."""
    transaction = begun(delivery, 1)
    append = Append.named(transaction.name)
    gone = Append(append.stream + "x", 0, 1)
    assert delivery.settle(SENSOR_DATA, str(gone)) is Outcome.FORGOTTEN
    transaction.commit()
    for other in (Append(append.stream, 1, 1), Append(append.stream, 0, 2)):
        outcome = delivery.settle(SENSOR_DATA, str(other))
        assert outcome is (Outcome.NOT_COMMITTED if other.offset else Outcome.FORGOTTEN)


def test_a_lost_answer(warehouse: Warehouse, delivery: CommittedStreamDelivery) -> None:
    """The same rows at the same offset are not there twice."""
    warehouse.server.add_fault("AppendRows", "drop", times=1, done=True)
    begun(delivery, 1, 2).commit()
    begun(delivery, 3).commit()
    assert ids(warehouse) == [1, 2, 3]


def test_rows_that_are_there_already(
    warehouse: Warehouse, connection: Connection, delivery: CommittedStreamDelivery
) -> None:
    """An offset that is taken tells nothing of rows that were not sent before."""
    transaction = begun(delivery, 1)
    stream = Append.named(transaction.name).stream
    other = CommittedStreamDelivery(connection)
    other._open[SENSOR_DATA.name] = (
        AppendConnection(
            WriteStreams(connection, SENSOR_DATA), stream, other.encoding(SENSOR_DATA)
        ),
        monotonic(),
    )
    begun(other, 7).commit()
    other.close()
    name = transaction.name
    with pytest.raises(ExportError):
        transaction.commit()
    assert delivery.settle(SENSOR_DATA, name) is Outcome.FORGOTTEN
    assert ids(warehouse) == [7]


def test_rejected_rows(warehouse: Warehouse, delivery: CommittedStreamDelivery) -> None:
    """They are returned, nothing is appended, and the others have another stream."""
    warehouse.server.add_fault("AppendRows", "row_errors", times=1, rows=[1])
    transaction = begun(delivery, 1, 2, 3)
    name = transaction.name
    (rejected,) = transaction.commit()
    assert delivery.encoding(SENSOR_DATA).decode(rejected.data)["state_id"] == 2
    transaction.finish()
    assert Append.named(transaction.name).stream != Append.named(name).stream
    assert Append.named(transaction.name).rows == 2
    transaction.commit()
    assert ids(warehouse) == [1, 3]


def test_a_row_that_is_too_large(delivery: CommittedStreamDelivery) -> None:
    """A row that no request can hold is rejected at once."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    (rejected,) = transaction.append([b"x" * 10_000_000])
    assert "larger" in rejected.reason


def test_without_a_stream(delivery: CommittedStreamDelivery) -> None:
    """What was not finished has no name, and cannot be committed."""
    transaction = delivery.begin(SENSOR_DATA, "label")
    assert transaction.name == ""
    with pytest.raises(OutcomeUnknownError):
        transaction.commit()


def test_an_answer_that_does_not_come(
    warehouse: Warehouse, delivery: CommittedStreamDelivery
) -> None:
    """When all is closed, a thread that waits for it gets an error, and does not try again."""
    transaction = begun(delivery, 1)
    name = transaction.name
    warehouse.server.add_fault("AppendRows", "delay", seconds=300)
    with ThreadPoolExecutor() as threads:
        commit = threads.submit(transaction.commit)
        wait_until(lambda: warehouse.server.faults()[0]["fired"], 60)
        delivery.close()
        with pytest.raises(ExportError):
            commit.result(60)
    warehouse.server.clear_faults()
    assert delivery.settle(SENSOR_DATA, name) is not Outcome.FORGOTTEN
