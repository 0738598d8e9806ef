"""Copies in a real TimescaleDB, of the Apache edition, where that is unpacked."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
import os
from typing import Any

from psycopg.sql import SQL, Identifier
import pytest

from custom_components.bigquery_export.copies.postgresql import timescale
from custom_components.bigquery_export.copies.postgresql.postgresql_database import (
    PostgresqlDatabase,
)
from custom_components.bigquery_export.copies.postgresql.postgresql_errors import (
    PostgresqlMismatchError,
)
from custom_components.bigquery_export.copies.postgresql.postgresql_schema import HOURLY
from custom_components.bigquery_export.copies.postgresql.postgresql_settings import (
    PostgresqlSettings,
)
from custom_components.bigquery_export.copies.postgresql.timescale import Timescale
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.copied_states import MOMENT, send, state
from tests.bigquery_export.support.postgresql_copies import SCHEMA, CopyDatabase
from tests.interop.postgresql_server import PostgresqlServer, is_there, postgresql_server

ALL = [*TABLES.values(), EXPORT_LOG]
HYPERTABLES = {
    "events": ("time_fired", timedelta(days=28)),
    "sensor_data": ("last_updated", timedelta(days=7)),
    "statistics_short_term": ("start", timedelta(days=28)),
}
DAY = 86_400_000_000
EXTENSION = "CREATE EXTENSION timescaledb SCHEMA public"
DIMENSIONS = "SELECT * FROM timescaledb_information.dimensions WHERE hypertable_schema = %s"
PARTITIONED = "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = %s::regnamespace"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], PostgresqlServer]]:
    """Return what starts a server that has TimescaleDB, once; none is downloaded here."""
    with ExitStack() as resources:

        @cache
        def start() -> PostgresqlServer:
            if address := os.environ.get("COPY_SERVER"):
                return PostgresqlServer(int(address.rpartition(":")[2]))
            if not is_there():
                pytest.skip("there is no TimescaleDB; script/interop unpacks one")
            folder = tmp_path_factory.mktemp("timescaledb")
            return resources.enter_context(postgresql_server(folder, timescale=True))

        yield start


@pytest.fixture
def home(start: Callable[[], PostgresqlServer], socket_enabled: None) -> Iterator[CopyDatabase]:
    """Return an empty database without the extension, which belongs to a role without rights."""
    server = start()
    name = f"home_{os.getpid()}"
    with server.connect() as connection:
        for statement in ("DROP DATABASE IF EXISTS {}", "DROP ROLE IF EXISTS {}"):
            connection.execute(SQL(statement).format(Identifier(name)))
        connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(name)))
        make = SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        connection.execute(make.format(*2 * [Identifier(name)]))
        yield CopyDatabase(f"postgresql://postgres@127.0.0.1:{server.port}/{name}")
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def opened(home: CopyDatabase) -> PostgresqlDatabase:
    """Return the copy, which connects as the owner of the database and no more."""
    owner = home.data["database"]
    return PostgresqlDatabase(PostgresqlSettings.of({**home.data, "username": owner}))


def made(home: CopyDatabase) -> PostgresqlDatabase:
    """Return the copy with all its tables."""
    place = opened(home)
    place.ensure(ALL, "home")
    return place


def hypertables(home: CopyDatabase) -> dict[str, tuple[str, timedelta]]:
    """Return the hypertables, each with the column of its time and what a chunk holds."""
    rows = home.query(DIMENSIONS, SCHEMA)
    return {row["hypertable_name"]: (row["column_name"], row["time_interval"]) for row in rows}


def partitioned(home: CopyDatabase) -> set[str]:
    """Return the tables with partitions of PostgreSQL's own."""
    return {row["relname"] for row in home.query(PARTITIONED, SCHEMA)}


def test_hypertables(home: CopyDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """What grows fast are hypertables, all else are tables, and the edition refuses nothing."""
    home.query(EXTENSION)
    place = made(home)
    place.ensure(ALL, "home")
    assert hypertables(home) == HYPERTABLES
    assert partitioned(home) == set()
    assert send(place, "one", state(1, state_numeric=2.0)) == []
    assert [row["mean"] for row in home.rows(HOURLY, "1")] == [2.0]
    assert caplog.text == ""


def test_rows_of_all_times(home: CopyDatabase) -> None:
    """Rows are there whatever their time is, in their chunks; those that cannot be are told."""
    home.query(EXTENSION)
    place = made(home)
    times = (0, 8 * DAY, -62_135_596_800_000_000 - MOMENT, 253_402_300_799_000_000 - MOMENT)
    rows = [
        state(number, last_updated=MOMENT + time, last_changed=MOMENT + time)
        for number, time in enumerate(times, 1)
    ]
    (reason,) = send(place, "one", *rows[:2], state(9, source=None), *rows[2:])
    assert "source" in reason
    assert home.states() == ["1", "2", "3", "4"]
    chunks = home.query(
        "SELECT chunk_name FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'sensor_data'"
    )
    assert len(chunks) == 4
    lookup = place.existing_rows("home")
    days = [(MOMENT + time) // DAY for time in times]
    assert [[row.id for row in lookup.rows(SENSOR_DATA, day)] for day in days] == [
        [1],
        [2],
        [3],
        [4],
    ]


def test_extension_that_came_later(home: CopyDatabase) -> None:
    """Tables that were made without the extension stay as they are, and new ones have it."""
    place = opened(home)
    place.ensure([SENSOR_DATA, EXPORT_LOG], "home")
    send(place, "one", state(1))
    home.query(EXTENSION)
    place.ensure(ALL, "home")
    send(place, "two", state(2), state(3, last_changed=MOMENT + 40 * DAY))
    assert home.states() == ["1", "2", "3"]
    assert partitioned(home) == {"sensor_data"}
    assert hypertables(home).keys() == HYPERTABLES.keys() - {"sensor_data"}
    assert home.rows("sensor_data_2026_10")


def test_table_of_another(home: CopyDatabase) -> None:
    """A plain table in the place of a hypertable is told, and nothing is done."""
    home.query(EXTENSION)
    place = made(home)
    home.query("ALTER TABLE events RENAME TO former")
    home.query("CREATE TABLE events (LIKE former INCLUDING ALL)")
    with pytest.raises(PostgresqlMismatchError) as told:
        place.ensure(ALL, "home")
    assert told.value.columns == "time_fired"


def test_functions_elsewhere(home: CopyDatabase) -> None:
    """The extension may be in any schema."""
    home.query("CREATE SCHEMA ts")
    home.query("CREATE EXTENSION timescaledb SCHEMA ts")
    home.query("GRANT USAGE ON SCHEMA ts TO PUBLIC")
    made(home)
    assert hypertables(home) == HYPERTABLES


def test_refused(home: CopyDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """Where hypertables are refused, there are partitions, and the log says why."""
    home.query(EXTENSION)
    home.query(
        "REVOKE EXECUTE ON FUNCTION public.create_hypertable(regclass,"
        " _timescaledb_internal.dimension_info, boolean, boolean, boolean) FROM PUBLIC"
    )
    place = made(home)
    assert hypertables(home) == {}
    assert partitioned(home) == HYPERTABLES.keys()
    assert "permission denied" in caplog.text
    send(place, "one", state(1))
    assert home.states() == ["1"]


def test_old_version(home: CopyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a version that is too old nothing is asked."""
    monkeypatch.setattr(timescale, "_OLDEST", (99,))
    home.query(EXTENSION)
    made(home)
    assert partitioned(home) == HYPERTABLES.keys()


def test_community_edition_refuses(
    home: CopyDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the server refuses of the Community edition stops nothing: all else is there."""
    monkeypatch.setattr(Timescale, "is_community", True)
    home.query(EXTENSION)
    place = made(home)
    for what in ("compress sensor_data", "compress events", f"keep {HOURLY} up to date"):
        assert f"TimescaleDB refuses to {what}" in caplog.text
    assert "license" in caplog.text
    caplog.clear()
    place.ensure(ALL, "home")
    assert caplog.text == ""
    assert hypertables(home) == HYPERTABLES
    send(place, "one", state(1, state_numeric=2.0))
    assert [row["mean"] for row in home.rows(HOURLY, "1")] == [2.0]


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.19.3", (2, 19, 3)), ("2.30.0-dev", (2, 30, 0))]
)
def test_version(version: str, numbers: tuple[int, ...]) -> None:
    """A version is read as numbers."""
    assert timescale.numbers_of(version) == numbers


@pytest.mark.parametrize(
    ("edition", "rows"), [("apache", False), ("timescale", True), (None, False)]
)
def test_edition(edition: Any, rows: bool) -> None:
    """The edition is what the setting of the server says."""
    found = Timescale(None, SCHEMA, "public", (2, 19), edition)  # type: ignore[arg-type]
    assert found.is_community is rows
