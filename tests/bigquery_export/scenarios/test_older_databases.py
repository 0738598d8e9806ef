"""A database that an older Home Assistant made, and this one migrated, is exported completely."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

from homeassistant.components.recorder import migration
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.db_schema import SCHEMA_VERSION
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import async_initialize_recorder, get_instance
from homeassistant.setup import async_setup_component
import pytest
from sqlalchemy import Connection, inspect

from custom_components.bigquery_export.errors import ExportError
from custom_components.bigquery_export.export.session import Result
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.events import EventChoice
from custom_components.bigquery_export.source.readiness import async_flush
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.warehouse import Warehouse
from tests.home.compare_recorded import compare_all
from tests.home.local_time import Place
from tests.home.older.databases import Older, copy_to_sqlite, opened
from tests.home.recorded import EVENTS, TABLES, newest_ids
from tests.machine.patience import patient

HOME = Place("Europe/Amsterdam", 52.4, 4.9, 0)
WAIT = 60
"""Seconds that a migration may take at most."""
REFUSED = ("migrate_data_non_live", "_apply_update")
"""What migrates before the recorder is ready; the second is called for each version."""
REBUILD = "rebuild_sqlite_table"
"""What migrates while the recorder runs: exports go on, and must not notice."""

OLDER_DATABASES = {
    "2022.3": Older("home_assistant_2022_3", 24),
    "2024.6, since 2022": Older("home_assistant_2024_6", 43),
    "2024.6, since 2022, MariaDB": Older("home_assistant_2024_6", 43, "mysql"),
    "2024.6, since 2022, PostgreSQL": Older("home_assistant_2024_6", 43, "postgresql"),
    # Home Assistant makes the table of the states anew when the last of those are purged that
    # belong to events, as all did until 2022.
    "2024.6, older purged": Older(
        "home_assistant_2024_6",
        43,
        change="DELETE FROM states WHERE event_id IS NOT NULL",
        rebuilt=True,
    ),
    # Some homes kept times as text, which an upgrade in 2023 had left behind.
    "2024.6, times as text": Older(
        "home_assistant_2024_6",
        43,
        change="""
            UPDATE states SET last_updated_ts = NULL, last_changed_ts = NULL,
                last_updated = strftime('%Y-%m-%d %H:%M:%f000', last_updated_ts, 'unixepoch'),
                last_changed = strftime('%Y-%m-%d %H:%M:%f000',
                    coalesce(last_changed_ts, last_updated_ts), 'unixepoch')
                WHERE state_id % 3 = 0;
            UPDATE events SET time_fired_ts = NULL,
                time_fired = strftime('%Y-%m-%d %H:%M:%f000', time_fired_ts, 'unixepoch')
                WHERE event_id % 3 = 0;
        """,
    ),
    "2025.3": Older("home_assistant_2025_3", 48),
}


@dataclass
class Attempts:
    """Exports that were tried while Home Assistant migrated, by the step that came next."""

    errors: list[tuple[str, ExportError]] = field(default_factory=list)
    results: list[tuple[str, Result]] = field(default_factory=list)


@pytest.fixture(params=OLDER_DATABASES)
def older(request: pytest.FixtureRequest) -> Older:
    """Return each of the databases."""
    return OLDER_DATABASES[request.param]


@pytest.fixture
def database(older: Older) -> str:
    """Return which database the recorder uses."""
    return older.database


@pytest.fixture
def before(older: Older, recorder_db_url: str) -> dict[str, int]:
    """Restore a database, and return how many rows of each table must be exported."""
    older.restore(recorder_db_url)
    with opened(recorder_db_url) as engine, engine.connect() as connection:
        return {
            "sensor_data": count(connection, "states"),
            "statistics": count(connection, "statistics"),
            "statistics_short_term": count(connection, "statistics_short_term"),
            "events": count_chosen_events(connection),
            "recorder_runs": count(connection, "recorder_runs"),
            "schema_changes": count(connection, "schema_changes"),
        }


@pytest.fixture(autouse=True)
def set_up_home(before: dict[str, int], enable_custom_integrations: None) -> None:
    """Allow this integration, and leave it to the test to start the recorder."""


@pytest.fixture
def exporter(exporter: Exporter) -> Exporter:
    """Export the tables and events that the comparison knows."""
    exporter.tables = TABLES
    exporter.choice = Choice(EventChoice(frozenset(EVENTS)))
    return exporter


@pytest.fixture
def attempts(hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    """Let the recorder wait before each step of a migration until an export was tried."""
    attempts = Attempts()

    async def attempt(step: str) -> None:
        try:
            attempts.results.append((step, await exporter.export()))
        except ExportError as error:
            attempts.errors.append((step, error))

    for name in (*REFUSED, REBUILD):
        original = getattr(migration, name)

        def migrate(*args: Any, name: str = name, original: Any = original) -> Any:
            asyncio.run_coroutine_threadsafe(attempt(name), hass.loop).result(WAIT)
            return original(*args)

        monkeypatch.setattr(migration, name, migrate)
    return attempts


@pytest.fixture
async def recorder(
    hass: HomeAssistant, recorder_db_url: str, attempts: Attempts
) -> AsyncIterator[Recorder]:
    """Start the real recorder, and wait until all that it migrates is migrated."""
    async_initialize_recorder(hass)
    configuration = {
        "db_url": recorder_db_url,
        "auto_purge": False,
        "purge_keep_days": 1,  # It compiles statistics for so long a time that it was off.
    }
    assert await async_setup_component(hass, "recorder", {"recorder": configuration})
    instance = get_instance(hass)
    async with patient(WAIT):
        await instance.async_recorder_ready.wait()
        await async_flush(hass)  # What is migrated while it runs is in its queue.
    yield instance
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done(wait_background_tasks=True)


def count(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    rows: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608
    return rows


def count_chosen_events(connection: Connection) -> int:
    """Return how many events are of those to be exported, whatever the schema."""
    statement = "SELECT event_type, event_data FROM events"
    if inspect(connection).has_table("event_types"):
        statement = (
            "SELECT types.event_type, coalesce(shared_data, events.event_data) FROM events"
            " LEFT JOIN event_types AS types USING (event_type_id)"
            " LEFT JOIN event_data USING (data_id)"
        )
    return sum(
        event_type in EVENTS or f"{event_type}.{json.loads(data or '{}').get('domain')}" in EVENTS
        for event_type, data in connection.exec_driver_sql(statement)
    )


async def live_on(hass: HomeAssistant) -> dict[str, int]:
    """Let things happen in the home that was migrated; return how many rows that makes."""
    hass.states.async_set("sensor.power", "1.5", {"unit_of_measurement": "W"})
    hass.states.async_set("sensor.new", "first")
    hass.states.async_remove("sensor.new")
    hass.bus.async_fire("zha_event", {"command": "on"})
    await hass.async_block_till_done()
    await async_flush(hass)
    return {"sensor_data": 3, "events": 1}


async def test_all_is_exported(
    hass: HomeAssistant,
    older: Older,
    before: dict[str, int],
    attempts: Attempts,
    recorder: Recorder,
    recorder_db_url: str,
    exporter: Exporter,
    warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    """Nothing is read while the recorder migrates, and afterwards every row arrives as it was."""
    assert recorder.schema_version == SCHEMA_VERSION
    rejected = Counter(step for step, _ in attempts.errors)
    assert rejected == {"migrate_data_non_live": 1, "_apply_update": SCHEMA_VERSION - older.schema}
    assert {str(error) for _, error in attempts.errors} == {"recorder_busy {}"}
    assert [step for step, _ in attempts.results] == [REBUILD] * older.rebuilt

    migrated = {"schema_changes": SCHEMA_VERSION - older.schema}
    since = await live_on(hass) | migrated
    results = [*(result for _, result in attempts.results), await exporter.export()]
    assert sum(result.rejected for result in results) == 0
    expected = {table: before[table] + since.get(table, 0) for table in TABLES}
    assert {table: sum(result.rows[table] for result in results) for table in TABLES} == expected

    copy = tmp_path / "copy.db"
    copy_to_sqlite(recorder_db_url, copy)
    comparisons = await asyncio.to_thread(
        compare_all,
        copy,
        lambda sql: warehouse.server.query(sql, warehouse.project),
        f"{warehouse.project}.{warehouse.destination.dataset}",
        up_to=newest_ids(copy),
        place=HOME,
        sample=sum(expected.values()),
    )
    assert {table: found for table, found in comparisons.items() if not found.ok} == {}
    assert {table: found.recorder for table, found in comparisons.items()} == expected
    assert {table: found.sampled for table, found in comparisons.items()} == expected
    assert (await exporter.export()).rows == dict.fromkeys(TABLES, 0)
