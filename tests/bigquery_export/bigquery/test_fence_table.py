"""The fence in BigQuery: one process at a time can change it, with a role on the dataset."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from google.cloud.bigquery import Table as BigQueryTable
import pytest

from custom_components.bigquery_export.bigquery import fence_table
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.fence_table import BigQueryFence
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.errors import PermissionMissingError
from custom_components.bigquery_export.export.fence import (
    BEFORE_FENCE,
    FencedTransaction,
    FenceMovedError,
)
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import HOME, Warehouse
from tests.local_bigquery.process import DATA_EDITOR, DATA_VIEWER

FIRST = FencedTransaction("")
ONE = FencedTransaction("one", "sensor_data", "storage_write", "stream", "log stream")
TWO = FencedTransaction("two", "events", "load_job", "job", "log job")


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection of an account that may edit the dataset, and nothing else."""
    warehouse.create_dataset()
    key = warehouse.create_key()
    warehouse.grant(key, DATA_EDITOR, dataset="home")
    with closing(Connection(key, warehouse.destination)) as connection:
        yield connection


@pytest.fixture
def fence(connection: Connection) -> BigQueryFence:
    """Return a fence that was made."""
    fence = BigQueryFence(connection, HOME)
    assert fence.read() is None
    assert fence.make(FIRST).last == FIRST
    return fence


def other(connection: Connection) -> BigQueryFence:
    """Return the same fence, as another process has read it."""
    fence = BigQueryFence(connection, HOME)
    fence.read()
    return fence


def test_write(connection: Connection, fence: BigQueryFence) -> None:
    """What is written is read, by every process, with the time of BigQuery's clock."""
    for transaction in (ONE, TWO):
        written = fence.write(transaction)
        assert written.last == transaction
        assert other(connection).read() == written
        assert written.changed > 1_700_000_000_000


def test_another_process(connection: Connection, fence: BigQueryFence) -> None:
    """Of two that have read the same, one can write; the other finds out, and changes nothing."""
    late = other(connection)
    fence.write(ONE)
    for _ in range(2):
        with pytest.raises(FenceMovedError):
            late.write(TWO)
    state = other(connection).read()
    assert state
    assert state.last == ONE
    assert late.read() == state
    late.write(TWO)
    with pytest.raises(FenceMovedError):
        fence.write(ONE)


def test_made_twice(connection: Connection, fence: BigQueryFence) -> None:
    """Of two that make it, one does."""
    with pytest.raises(FenceMovedError):
        BigQueryFence(connection, HOME).make(ONE)
    assert BigQueryFence(connection, HOME).make(FIRST).last == FIRST  # An answer was lost.


def test_gone(warehouse: Warehouse, connection: Connection, fence: BigQueryFence) -> None:
    """A fence that was deleted is not written."""
    warehouse.server.query(f"DROP TABLE home.export_fence_{HOME}", warehouse.project)
    with pytest.raises(FenceMovedError):
        fence.write(ONE)
    assert fence.read() is None
    with pytest.raises(FenceMovedError):
        fence.write(ONE)


@pytest.mark.parametrize("kind", ["drop", "backendError"])
def test_lost_answer(
    warehouse: Warehouse, connection: Connection, fence: BigQueryFence, kind: str
) -> None:
    """What was written although the answer was lost is ours."""
    warehouse.server.add_fault("tables.patch", kind, done=True)
    try:
        assert fence.write(ONE).last == ONE
    finally:
        warehouse.server.clear_faults()
    fence.write(TWO)


def test_labels_of_others(connection: Connection, fence: BigQueryFence) -> None:
    """A user may label the table meanwhile, and change nothing else of it."""
    reference = connection.destination.dataset_reference.table(f"export_fence_{HOME}")
    table = connection.tables.get_table(reference)
    table.labels = {"team": "home"}
    connection.tables.update_table(table, ["labels"])
    fence.write(ONE)
    assert connection.tables.get_table(reference).labels == {"team": "home"}


@pytest.mark.parametrize("text", [None, "", "what is this?", "\n{}x", '\n{"other": 1}', "\n[1]"])
def test_description_that_was_changed(
    connection: Connection, fence: BigQueryFence, text: str | None
) -> None:
    """A description that somebody else has written is none of ours."""
    reference = connection.destination.dataset_reference.table(f"export_fence_{HOME}")
    table = connection.tables.get_table(reference)
    table.description = text
    connection.tables.update_table(table, ["description"])
    with pytest.raises(FenceMovedError):
        fence.write(ONE)
    state = fence.read()
    assert state
    assert state.last.token not in ("", "one")
    assert fence.write(ONE).last == ONE


def test_rate(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not more than five changes are made in ten seconds, of which making it is one."""
    waited: list[float] = []
    now = 100.0
    monkeypatch.setattr(fence_table, "_SECONDS", 10.0)
    monkeypatch.setattr(fence_table, "monotonic", lambda: now + sum(waited))
    monkeypatch.setattr(connection, "wait", waited.append)
    changing = BigQueryFence(connection, "another")
    changing.make(FIRST)
    ready = []
    for number in range(7):
        ready.append(changing.is_ready())
        changing.write(FencedTransaction(str(number)))
        now += 1.0
    # Made at 100, and written at 100 to 103; again at 110, 110 and 111.
    assert ready == [True] * 4 + [False, True, True]
    assert [seconds for seconds in waited if seconds] == [6.0]


def test_rate_of_slow_answers(
    connection: Connection, fence: BigQueryFence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that BigQuery has refused for some time counts from when it was made."""
    now = 100.0
    monkeypatch.setattr(fence_table, "_SECONDS", 10.0)
    monkeypatch.setattr(fence_table, "monotonic", lambda: now)
    update = connection.tables.update_table

    def slow(*args: Any, **kwargs: Any) -> Any:
        nonlocal now
        now += 3.0
        return update(*args, **kwargs)

    monkeypatch.setattr(connection.tables, "update_table", slow)
    reader = other(connection)
    for number in range(5):
        reader.write(FencedTransaction(str(number)))
    now = 112.9
    assert not reader.is_ready()
    now = 113.1
    assert reader.is_ready()


def test_roles(warehouse: Warehouse, connection: Connection) -> None:
    """Who may only read the dataset is told which permission is missing."""
    key = warehouse.create_key()
    warehouse.grant(key, DATA_VIEWER, dataset="home")
    with closing(Connection(key, warehouse.destination)) as reader:
        fence = BigQueryFence(reader, HOME)
        assert fence.read() is None
        with pytest.raises(PermissionMissingError, match=r"bigquery\.tables\.create"):
            fence.make(FIRST)


def test_made_with_the_tables(connection: Connection) -> None:
    """It is made before the tables; where there are tables already, rows may have been sent."""
    for home, token in (("first", ""), ("second", BEFORE_FENCE)):
        fence = BigQueryFence(connection, home)
        DatasetSchema(connection, fence=fence).ensure_tables([SENSOR_DATA, EXPORT_LOG])
        state = BigQueryFence(connection, home).read()
        assert state
        assert state.last.token == token


def test_hundred_homes(connection: Connection) -> None:
    """Homes that share a dataset do not hold each other up."""
    fences = [BigQueryFence(connection, f"home{number}") for number in range(100)]
    for fence in fences:
        fence.make(FIRST)
    for fence in fences:
        fence.write(ONE)


def test_key(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fence is protected by the key that the tables have."""
    made: list[BigQueryTable] = []

    def create_table(table: BigQueryTable, **_: Any) -> BigQueryTable:
        made.append(table)
        raise FenceMovedError

    monkeypatch.setattr(connection.tables, "create_table", create_table)
    name = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
    with pytest.raises(FenceMovedError):
        BigQueryFence(connection, HOME, TableSettings(kms_key=name)).make(FIRST)
    assert made[0].encryption_configuration.kms_key_name == name
