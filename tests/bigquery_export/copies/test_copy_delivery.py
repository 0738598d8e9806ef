"""What each destination does that has transactions: what is in doubt, rows that are there."""

import pytest

from custom_components.bigquery_export.copies.copy_destination import CopyDestination
from custom_components.bigquery_export.errors import StoppedError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.existing_rows import version_of
from custom_components.bigquery_export.export.fence import FencedTransaction, FenceMovedError
from custom_components.bigquery_export.export.log_transaction import write_log
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from tests.bigquery_export.support.copied_states import LOG, MOMENT, encoded, send, state
from tests.bigquery_export.support.copy_place import CopyPlace

DAY = MOMENT // 86_400_000_000

pytestmark = pytest.mark.parametrize("copy_place", ["postgresql", "files"], indirect=True)
"""In InfluxDB a point is there as soon as it is sent, and the same one when it is sent again."""


@pytest.fixture
def place(copy_place: CopyPlace) -> CopyDestination:
    """Return a destination with all tables."""
    destination = copy_place.open()
    destination.ensure([*TABLES.values(), EXPORT_LOG], copy_place.source)
    return destination


def test_one_transaction(place: CopyDestination, copy_place: CopyPlace) -> None:
    """Rows and their row of the log are there together, and not before the commit."""
    delivery = place.delivery
    transaction = delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1), state(2)))
    transaction.append(encoded(place, SENSOR_DATA, state(3)))
    transaction.finish()
    log = write_log(delivery, LOG)
    assert copy_place.states() == []
    assert copy_place.rows("export_log", "1") == []
    assert transaction.name == log.name == "one"
    assert transaction.commit() == transaction.commit() == log.commit() == []
    assert copy_place.states() == ["1", "2", "3"]
    (logged,) = copy_place.rows("export_log", "1")
    assert logged["table_name"] == "sensor_data"
    log.close()
    transaction.close()
    transaction.close()
    assert copy_place.states() == ["1", "2", "3"]


def test_log_alone(place: CopyDestination, copy_place: CopyPlace) -> None:
    """A row of the log that tells of no other rows is a transaction of its own."""
    send(place, "one", state(1))
    write_log(place.delivery, {**LOG, "table_name": "events"}).commit()
    assert {row["table_name"] for row in copy_place.rows("export_log", "1")} == {
        "sensor_data",
        "events",
    }


@pytest.mark.parametrize("commits", [True, False])
def test_in_doubt(place: CopyDestination, copy_place: CopyPlace, *, commits: bool) -> None:
    """What became of a transaction is looked up by its name."""
    delivery = place.delivery
    transaction = delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1)))
    transaction.finish()
    write_log(delivery, LOG)
    if commits:
        transaction.commit()
    copy_place.end_process()
    after_restart = copy_place.open().delivery
    wanted = Outcome.COMMITTED if commits else Outcome.NOT_COMMITTED
    for _ in range(2):
        assert after_restart.settle(SENSOR_DATA, "one") is wanted
        assert after_restart.settle(EXPORT_LOG, "one") is wanted
    assert len(copy_place.rows("export_log", "1")) == int(commits)
    send(copy_place.open(), "two", state(2))
    assert copy_place.states() == ["1", "2"][not commits :]


def test_existing_rows(place: CopyDestination, copy_place: CopyPlace) -> None:
    """Rows of one partition are found as they are known: by name, time, id and version."""
    send(place, "one", state(1), state(3, state_id=None))
    lookup = copy_place.open().existing_rows("home")
    assert lookup.seconds_until_known(SENSOR_DATA, 1) == 0
    (found,) = lookup.rows(SENSOR_DATA, DAY)
    assert (found.name, found.time, found.id) == ("sensor.a", MOMENT + 1, 1)
    assert list(lookup.rows(SENSOR_DATA, DAY + 1)) == []
    hour = {"statistic_id": "sensor.a", "start": MOMENT, "source": "home", "export_id": "e"}
    transaction = place.delivery.begin(STATISTICS, "two")
    rows = [{**hour, "id": 7, "sum": 1.5, "export_timestamp": 5}, {**hour, "deleted": True}]
    assert not transaction.append(encoded(place, STATISTICS, *rows))
    transaction.finish()
    transaction.commit()
    transaction.close()
    kept, gone = lookup.rows(STATISTICS, STATISTICS.partition_start(DAY))
    assert (kept.id, kept.exported, kept.deletes) == (7, 5, False)
    assert kept.version == version_of(
        STATISTICS,
        place.delivery.encoding(STATISTICS).decode(encoded(place, STATISTICS, rows[0])[0]),
    )
    assert gone.deletes


def test_fence(place: CopyDestination, copy_place: CopyPlace) -> None:
    """The fence is written by who has read it last, and by no other."""
    first, second = (copy_place.open().fence(copy_place.source) for _ in range(2))
    assert first
    assert second
    read = first.read()
    assert read
    assert read.last.token == ""
    assert first.is_ready()
    second.read()
    begun = FencedTransaction("1", "sensor_data", copy_place.kind, "one", "one", "a=b")
    assert first.write(begun).last == begun
    assert first.write(begun).last == begun
    with pytest.raises(FenceMovedError):
        second.write(FencedTransaction("2"))
    again = second.read()
    assert again
    assert again.last == begun
    last = FencedTransaction("3")
    assert second.write(last).last == last
    with pytest.raises(FenceMovedError):
        first.make(begun)
    other = place.fence("other")
    assert other
    assert other.read() is None
    assert other.make(begun).last == begun


def test_stop(place: CopyDestination, copy_place: CopyPlace) -> None:
    """Nothing begins any more when it is told to stop, and what is not committed is gone."""
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1)))
    place.stop()
    transaction.close()
    with pytest.raises(StoppedError):
        place.delivery.begin(SENSOR_DATA, "two")
    place.close()
    assert copy_place.states() == []
