"""Tests of the recorder database generator: Home Assistant must take it for its own."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
import json
from pathlib import Path
import sqlite3
import time

from homeassistant.components.recorder import history
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.db_schema import SCHEMA_VERSION
from homeassistant.core import HomeAssistant
import pytest

from .recorder_database import make

STATES = 6_000
DAYS = 2


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small database that ends now."""
    path = tmp_path_factory.mktemp("recorder") / "home-assistant_v2.db"
    make(path, states=STATES, days=DAYS, statistics_days=4)
    return path


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to the database that can only read."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


@pytest.fixture
def recorder_db_url(database: Path) -> str:
    """Make the recorder under test use the database."""
    return f"sqlite:///{database}"


def scalar(connection: sqlite3.Connection, sql: str) -> int:
    """Return the one number that a query gives."""
    number: int = connection.execute(sql).fetchone()[0]
    return number


def test_has_the_states_of_many_domains(connection: sqlite3.Connection) -> None:
    """There are as many states as were asked for, in at least ten domains."""
    assert scalar(connection, "SELECT count(*) FROM states") == STATES
    entity_ids = connection.execute(
        "SELECT DISTINCT meta.entity_id FROM states JOIN states_meta AS meta USING (metadata_id)"
    )
    assert len({entity_id.partition(".")[0] for (entity_id,) in entity_ids}) >= 10


def test_states_cover_the_days_until_the_end(connection: sqlite3.Connection) -> None:
    """The rows begin when they were asked to and none is of the future."""
    oldest, newest = connection.execute(
        "SELECT min(last_updated_ts), max(last_updated_ts) FROM states"
    ).fetchone()
    assert newest <= time.time()
    assert newest - oldest == pytest.approx(DAYS * 86_400, abs=600)


@pytest.mark.parametrize(
    "condition",
    [
        "state IS NULL",
        "state = 'unavailable'",
        "state = 'unknown'",
        "state = ''",
        "state LIKE '%' || char(10) || '%'",
        "length(state) = 255",
        "last_changed_ts IS NULL",
        "last_changed_ts < last_updated_ts",
        "last_reported_ts > last_updated_ts",
        "context_user_id_bin IS NOT NULL",
        "context_parent_id_bin IS NOT NULL",
        "old_state_id IS NULL",
        "origin_idx = 1",
    ],
)
def test_has_the_cases_of_real_homes(connection: sqlite3.Connection, condition: str) -> None:
    """What real databases have is there, some of it rarely."""
    assert scalar(connection, f"SELECT count(*) FROM states WHERE {condition}") > 0  # noqa: S608


@pytest.mark.parametrize(
    "condition",
    [
        "last_changed_ts = last_updated_ts",
        "old_state_id >= state_id",
        "state IS NULL AND last_changed_ts IS NOT NULL",
        "length(context_id_bin) <> 16",
        "length(state) > 255",
        "metadata_id IS NULL",
        "attributes_id IS NULL",
        "last_updated_ts IS NULL",
    ],
)
def test_has_no_row_that_the_recorder_would_not_write(
    connection: sqlite3.Connection, condition: str
) -> None:
    """The recorder's own rules hold for every row."""
    assert scalar(connection, f"SELECT count(*) FROM states WHERE {condition}") == 0  # noqa: S608


def test_ids_are_not_in_the_order_of_time(connection: sqlite3.Connection) -> None:
    """As in a real database, a time is no cursor."""
    backwards = "last_updated_ts < lag(last_updated_ts) OVER (ORDER BY state_id) AS backwards"
    assert scalar(connection, f"SELECT sum(backwards) FROM (SELECT {backwards} FROM states)") > 0  # noqa: S608


def test_foreign_keys_hold(connection: sqlite3.Connection) -> None:
    """Every reference has its row."""
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_attributes_are_shared(connection: sqlite3.Connection) -> None:
    """Each set of attributes is stored once, as JSON."""
    texts = [text for (text,) in connection.execute("SELECT shared_attrs FROM state_attributes")]
    assert len(texts) == len(set(texts)) < STATES
    assert all(isinstance(json.loads(text), dict) for text in texts)


@pytest.mark.parametrize(
    ("table", "duration", "days"), [("statistics", 3600, 4), ("statistics_short_term", 300, DAYS)]
)
def test_statistics_have_a_row_for_every_period(
    connection: sqlite3.Connection, table: str, duration: int, days: int
) -> None:
    """There is a row for each statistic and period, each in its time."""
    statistics = scalar(connection, f"SELECT count(DISTINCT metadata_id) FROM {table}")  # noqa: S608
    rows = scalar(connection, f"SELECT count(*) FROM {table}")  # noqa: S608
    assert rows == pytest.approx(statistics * days * 86_400 / duration, abs=statistics)
    assert statistics > 10


def test_events_have_types_and_mostly_data(connection: sqlite3.Connection) -> None:
    """There is an event for every twenty states, and some carry nothing."""
    typed = scalar(connection, "SELECT count(*) FROM events JOIN event_types USING (event_type_id)")
    assert typed == STATES // 20
    assert 0 < scalar(connection, "SELECT count(*) FROM events WHERE data_id IS NULL") < typed / 2


def test_the_same_seed_gives_the_same_rows(tmp_path: Path) -> None:
    """Two databases of one seed and end are equal; another seed gives another."""

    def dump(name: str, seed: int) -> list[str]:
        make(tmp_path / name, states=300, days=1, statistics_days=1, seed=seed, end=1_790_000_000)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            return list(connection.iterdump())

    assert dump("a", 1) == dump("b", 1) != dump("c", 2)


@pytest.mark.parametrize("enable_schema_validation", [True])
@pytest.mark.parametrize("enable_missing_statistics", [True])
@pytest.mark.parametrize("enable_migrate_event_context_ids", [True])
@pytest.mark.parametrize("enable_migrate_state_context_ids", [True])
@pytest.mark.parametrize("enable_migrate_event_type_ids", [True])
@pytest.mark.parametrize("enable_migrate_entity_ids", [True])
@pytest.mark.parametrize("enable_migrate_event_ids", [True])
async def test_a_recorder_opens_it_without_migration_or_repair(
    async_setup_recorder_instance: Callable[[HomeAssistant], Awaitable[Recorder]],
    hass: HomeAssistant,
    database: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A recorder uses it as its own, reads its history and has nothing to say about it."""
    instance = await async_setup_recorder_instance(hass)
    assert instance.schema_version == SCHEMA_VERSION
    assert not instance.migration_in_progress

    entity_id = "sensor.kitchen_temperature"
    states = await instance.async_add_executor_job(
        history.get_last_state_changes, hass, 3, entity_id
    )
    assert len(states[entity_id]) == 3

    said = [record.getMessage() for record in caplog.records if "recorder" in record.name]
    assert said == []
    assert list(database.parent.glob("*.corrupt.*")) == []
