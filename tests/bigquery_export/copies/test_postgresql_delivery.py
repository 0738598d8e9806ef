"""Rows in a real PostgreSQL: types, transactions, what is in doubt, and what is refused."""

from datetime import UTC, date, datetime
from threading import Event, Thread
from typing import Any

import pytest

from custom_components.bigquery_export.copies.postgresql import postgresql_schema, server
from custom_components.bigquery_export.copies.postgresql.postgresql_database import (
    PostgresqlDatabase,
)
from custom_components.bigquery_export.copies.postgresql.postgresql_errors import (
    PostgresqlAccessError,
    PostgresqlMismatchError,
    PostgresqlPermissionError,
    PostgresqlRefusedError,
    PostgresqlUnreachableError,
)
from custom_components.bigquery_export.copies.postgresql.postgresql_settings import (
    PostgresqlSettings,
)
from custom_components.bigquery_export.errors import ExportError, StoppedError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.existing_rows import version_of
from custom_components.bigquery_export.export.log_transaction import write_log
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from tests.bigquery_export.support.all_types import TABLE, VALUES
from tests.bigquery_export.support.copied_states import LOG, MOMENT, encoded, send, state
from tests.bigquery_export.support.postgresql_copies import SCHEMA, CopyDatabase

MONTH = 31 * 86_400_000_000


@pytest.fixture
def place(copy_database: CopyDatabase) -> PostgresqlDatabase:
    """Return a destination with all tables."""
    destination = PostgresqlDatabase(copy_database.settings)
    destination.ensure([*TABLES.values(), EXPORT_LOG, TABLE], "home")
    return destination


def _skip_with_hypertables(copy_database: CopyDatabase) -> None:
    if copy_database.query("SELECT oid FROM pg_extension WHERE extname = 'timescaledb'"):
        pytest.skip("hypertables have chunks")


def test_types(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Each value has the native type of its column, and NUL, which no text can have, is shown."""
    transaction = place.delivery.begin(TABLE, "one")
    quoted = r'{"a":"\\u0000\u0000","b":1.50,"c":"\\\u0000"}'
    assert not transaction.append(encoded(place, TABLE, {**VALUES, "json": quoted}))
    transaction.finish()
    transaction.commit()
    transaction.close()
    (row,) = copy_database.rows("all_types", "1")
    assert row == {
        "bool": False,
        "date": date(1969, 12, 31),
        "datetime": datetime(2026, 11, 21, 7, 45, 0, 1),
        "float64": 0.1,
        "int64": -(2**63),
        "json": {"a": "\\u0000\ufffd", "b": 1.5, "c": "\\\ufffd"},
        "string": "a\ufffd\U0001f600",
        "timestamp": datetime(2100, 1, 1, tzinfo=UTC),
        "many": ["a", "b"],
        "required": "",
    }
    assert copy_database.query("SELECT json ->> 'b' AS b FROM all_types") == [{"b": "1.50"}]


@pytest.mark.parametrize("commits", [True, False])
def test_in_doubt_while_it_is_committed(
    place: PostgresqlDatabase, copy_database: CopyDatabase, *, commits: bool
) -> None:
    """A transaction that has not ended yet is waited for, and is not taken for lost."""
    delivery = place.delivery
    transaction = delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1)))
    transaction.finish()
    write_log(delivery, LOG)
    found: list[Outcome] = []
    other = PostgresqlDatabase(copy_database.settings).delivery
    thread = Thread(target=lambda: found.append(other.settle(SENSOR_DATA, "one")))
    thread.start()
    Event().wait(0.3)
    assert not found
    if commits:
        transaction.commit()
    transaction.close()
    thread.join(20)
    assert found == [Outcome.COMMITTED if commits else Outcome.NOT_COMMITTED]


def test_in_doubt_for_too_long(
    place: PostgresqlDatabase, copy_database: CopyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that does not end is decided by a later attempt."""
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    transaction.finish()
    write_log(place.delivery, LOG)
    monkeypatch.setattr(server, "_LOCK_SECONDS", 0.2)
    with pytest.raises(PostgresqlUnreachableError):
        PostgresqlDatabase(copy_database.settings).delivery.settle(SENSOR_DATA, "one")
    transaction.close()


def test_rejected_rows(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """A row that the database cannot hold is left out and named, and stops no other."""
    bad = [state(number, source=None) for number in (2, 3)]
    rows = [state(1), *bad, state(4), state(5)]
    reasons = send(place, "one", *rows)
    assert len(reasons) == 2
    assert all(reasons)
    assert copy_database.states() == ["1", "4", "5"]


def test_partitions(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Each month has a partition, made with its first row, also after a batch was undone."""
    _skip_with_hypertables(copy_database)
    other = {"last_changed": MOMENT + MONTH}
    old = {"last_changed": -62_135_596_800_000_000}
    last = {"last_changed": 253_402_300_799_000_000}
    bad = state(9, source=None, last_changed=MOMENT + 2 * MONTH)
    send(place, "one", bad, state(1), state(2, **other), state(3, **old), state(4, **last))
    send(place, "two", state(5), state(6, last_changed=MOMENT + 2 * MONTH))
    found = copy_database.query(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
        " WHERE inhparent = 'sensor_data'::regclass ORDER BY name"
    )
    assert [row["name"] for row in found] == [
        "sensor_data_0001_01",
        "sensor_data_2026_09",
        "sensor_data_2026_10",
        "sensor_data_2026_11",
        "sensor_data_9999_12",
    ]
    assert copy_database.states() == ["1", "2", "3", "4", "5", "6"]


def test_readers_do_not_wait(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """While a transaction makes a partition, dashboards go on reading the table."""
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1)))
    with copy_database.connect() as connection:
        connection.execute("SET lock_timeout = '1s'")
        connection.execute(f"SELECT count(*) FROM {SCHEMA}.sensor_data")  # noqa: S608
    transaction.close()


def test_existing_rows(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Rows of one partition are found as they are known: by name, time, id and version."""
    send(place, "one", state(1), state(2, source="other"), state(3, state_id=None))
    day = MOMENT // 86_400_000_000
    lookup = place.existing_rows("home")
    assert lookup.seconds_until_known(SENSOR_DATA, 1) == 0
    (found,) = lookup.rows(SENSOR_DATA, day)
    assert (found.name, found.time, found.id) == ("sensor.a", MOMENT + 1, 1)
    assert list(lookup.rows(SENSOR_DATA, day + 1)) == []
    hour = {"statistic_id": "sensor.a", "start": MOMENT, "source": "home", "export_id": "e"}
    transaction = place.delivery.begin(STATISTICS, "two")
    rows = [{**hour, "id": 7, "sum": 1.5, "export_timestamp": 5}, {**hour, "deleted": True}]
    assert not transaction.append(encoded(place, STATISTICS, *rows))
    transaction.finish()
    transaction.commit()
    transaction.close()
    kept, gone = lookup.rows(STATISTICS, STATISTICS.partition_start(day))
    assert (kept.id, kept.exported, kept.deletes) == (7, 5, False)
    assert 1.5 in kept.version
    assert gone.deletes


def test_no_fence_after_rows(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Where rows were sent and the fence is gone, none is made that says that there were none."""
    send(place, "one", state(1))
    copy_database.query("DELETE FROM export_fence")
    place.ensure([SENSOR_DATA, EXPORT_LOG], "home")
    assert place.fence("home").read() is None


def test_tables_that_are_there(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Columns that are missing are added; columns of another type are told, and nothing is done."""
    copy_database.query("ALTER TABLE sensor_data DROP COLUMN season")
    place.ensure([SENSOR_DATA, EXPORT_LOG], "home")
    send(place, "one", state(1, season="winter"))
    assert copy_database.rows()[0]["season"] == "winter"
    copy_database.query("ALTER TABLE export_log ALTER COLUMN row_count TYPE text")
    with pytest.raises(PostgresqlMismatchError) as told:
        place.ensure([SENSOR_DATA, EXPORT_LOG], "home")
    assert told.value.columns == "row_count"
    copy_database.query("DROP TABLE events; CREATE TABLE events (time_fired timestamptz)")
    with pytest.raises(PostgresqlMismatchError) as told:
        place.ensure([TABLES["events"], EXPORT_LOG], "home")
    assert told.value.columns == "time_fired"


def test_hourly_view(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """The view has the states of an hour together, and is left as the user has changed it."""
    values = [state(n, state_numeric=float(n)) for n in (1, 2, 6)]
    send(place, "one", *values)
    (hour,) = copy_database.rows(postgresql_schema.HOURLY, "1")
    assert (hour["states"], hour["mean"], hour["min"], hour["max"]) == (3, 3, 1, 6)
    copy_database.query("DROP VIEW hourly_states")
    copy_database.query("CREATE VIEW hourly_states AS SELECT 1 AS mine")
    place.ensure([SENSOR_DATA, EXPORT_LOG], "home")
    assert copy_database.rows(postgresql_schema.HOURLY, "1") == [{"mine": 1}]


def test_latest_view(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Of statistics that were corrected, the view has those of now, and none that are gone."""
    hour = 3_600_000_000
    begin = MOMENT // hour * hour
    common = {"statistic_id": "sensor.a", "source": "home", "export_id": "e"}
    rows = [
        {
            **common,
            "id": number,
            "start": begin + number * hour,
            "end": begin + (number + 1) * hour,
            "sum": float(number + 10 * exported),
            "export_timestamp": MOMENT + exported,
            "deleted": False,
        }
        for number, exported in ((0, 1), (1, 1), (2, 1), (1, 2), (2, 3))
    ]
    gone = {**common, "start": begin + 2 * hour, "end": begin + 3 * hour, "deleted": True}
    later = {**gone, "start": begin, "end": begin + hour, "export_timestamp": MOMENT + 9}
    rows += [{**gone, "export_timestamp": MOMENT + 2}, later]
    transaction = place.delivery.begin(STATISTICS, "one")
    assert not transaction.append(encoded(place, STATISTICS, *rows))
    transaction.finish()
    transaction.commit()
    transaction.close()
    found = copy_database.rows("statistics_latest", "start")
    assert [row["sum"] for row in found] == [21, 32]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"port": 1}, PostgresqlUnreachableError),
        ({"database": "nothing"}, PostgresqlAccessError),
        ({"username": "nobody"}, PostgresqlAccessError),
    ],
)
def test_no_connection(
    copy_database: CopyDatabase, changes: dict[str, Any], error: type[ExportError]
) -> None:
    """It is told whether nobody answers, or the server refuses; the password is nowhere in it."""
    data = {**copy_database.data, "password": "s3same", **changes}
    settings = PostgresqlSettings.of(data)
    with pytest.raises(error) as told:
        PostgresqlDatabase(settings).ensure([EXPORT_LOG], "home")
    assert "s3same" not in f"{told.value!s}{told.value!r}{settings!r}"


def test_no_permission(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """A privilege that is missing is named, also where tables are there already."""
    role = f"reader_{copy_database.data['database']}"
    copy_database.query(f"CREATE ROLE {role} LOGIN")
    try:
        data = {**copy_database.data, "username": role}
        with pytest.raises(PostgresqlPermissionError):
            PostgresqlDatabase(PostgresqlSettings.of(data)).ensure([EXPORT_LOG], "home")
        copy_database.query(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}")
        copy_database.query(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role}")
        with pytest.raises(PostgresqlPermissionError):
            PostgresqlDatabase(PostgresqlSettings.of(data)).ensure([EXPORT_LOG], "home")
    finally:
        copy_database.query(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_stop(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """What waits for an answer ends when it is told to, and nothing begins any more."""
    failed: list[ExportError] = []
    delivery = place.delivery
    transaction = delivery.begin(SENSOR_DATA, "one")

    def wait() -> None:
        try:
            transaction.append(encoded(place, SENSOR_DATA, state(1)))
        except ExportError as err:
            failed.append(err)

    with copy_database.connect() as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {SCHEMA}.sensor_data")
        thread = Thread(target=wait)
        thread.start()
        Event().wait(0.3)
        place.stop()
        thread.join(20)
    assert [type(err) for err in failed] == [StoppedError]
    with pytest.raises(StoppedError):
        delivery.begin(SENSOR_DATA, "two")
    transaction.close()


def test_transaction_that_broke(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Where the server ends a connection, nothing of the transaction is there, and it is said."""
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1)))
    copy_database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'BigQuery Export' AND datname = current_database()"
    )
    with pytest.raises(PostgresqlUnreachableError):
        transaction.append(encoded(place, SENSOR_DATA, state(2)))
    transaction.close()
    send(place, "two", state(1), state(2))
    assert copy_database.states() == ["1", "2"]


def test_partition_that_was_removed(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """Where a user has removed the month, it is made again, and no row is rejected."""
    _skip_with_hypertables(copy_database)
    send(place, "one", state(1))
    copy_database.query("DROP TABLE sensor_data_2026_09")
    assert send(place, "two", state(2)) == []
    assert copy_database.states() == ["2"]


def test_versions(place: PostgresqlDatabase, copy_database: CopyDatabase) -> None:
    """A row of statistics that is there as it is now is known by all of its values."""
    values = {
        "statistic_id": "sensor.a",
        "statistic_source": "recorder",
        "name": None,
        "unit_of_measurement": "kWh",
        "unit_class": "energy",
        "mean_type": "none",
        "has_sum": True,
        "start": MOMENT,
        "end": MOMENT + 3_600_000_000,
        "last_reset": MOMENT - 1,
        "created": MOMENT + 9,
        "deleted": False,
        "id": 7,
        "mean": 0.1,
        "mean_weight": 1 / 3,
        "min": -0.0,
        "max": 5e-324,
        "state": 1.7976931348623157e308,
        "sum": 2.0,
        "source": "home",
        "export_id": "e",
        "export_timestamp": 5,
    }
    (row,) = encoded(place, STATISTICS, values)
    transaction = place.delivery.begin(STATISTICS, "one")
    assert not transaction.append([row])
    transaction.finish()
    transaction.commit()
    transaction.close()
    start = STATISTICS.partition_start(MOMENT // 86_400_000_000)
    (found,) = place.existing_rows("home").rows(STATISTICS, start)
    assert found.version == version_of(STATISTICS, place.delivery.encoding(STATISTICS).decode(row))


def test_rows_that_a_trigger_swallows(
    place: PostgresqlDatabase, copy_database: CopyDatabase
) -> None:
    """Where a trigger of the user's drops rows, the copy fails, and does not count them."""
    copy_database.query(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    copy_database.query(
        "CREATE TRIGGER swallow BEFORE INSERT ON sensor_data"
        " FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    with pytest.raises(PostgresqlRefusedError, match="1 rows were sent and 0 arrived"):
        transaction.append(encoded(place, SENSOR_DATA, state(1)))
    transaction.close()
