"""A home's life on each database: BigQuery has each value that Home Assistant's own API returns."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.recorder import CONF_DB_URL
from homeassistant.components.recorder.db_schema import (
    Events,
    RecorderRuns,
    States,
    Statistics,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, frame
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
import pytest
from pytest_homeassistant_custom_component.common import async_test_home_assistant
from pytest_homeassistant_custom_component.typing import (
    RecorderInstanceContextManager,
    WebSocketGenerator,
)
from sqlalchemy import Connection, delete, func, select

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.export.corrections import corrections
from tests.bigquery_export.support.databases import (
    ON_ANY_DATABASE,
    ON_EACH_DATABASE,
    empty_database,
    in_database,
    insert_rows,
)
from tests.bigquery_export.support.exported_history import exported
from tests.bigquery_export.support.history_rows import STATISTICS, History, differences
from tests.bigquery_export.support.past_home import RECORDER, SENSORS, Home, hours_ago, set_up
from tests.bigquery_export.support.warehouse import Warehouse

pytestmark = pytest.mark.long

DAY = 24
"""Hours."""

type Start = Callable[[str], AbstractAsyncContextManager[Home]]


@pytest.fixture(autouse=True)
def set_up_home() -> None:
    """Let each test start the Home Assistant that it needs."""


@pytest.fixture(autouse=True)
def days_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each export look for corrections, as the first one of a day does."""
    monkeypatch.setattr(corrections, "local_day", lambda time: time)


@pytest.fixture
def recorder_config() -> dict[str, Any]:
    """Return the configuration of the recorder."""
    return RECORDER


@pytest.fixture
async def home(
    recorder_mock: None,
    enable_custom_integrations: None,
    hass: HomeAssistant,
    warehouse: Warehouse,
    key: dict[str, Any],
) -> Home:
    """Return a home in which the export is set up."""
    warehouse.create_dataset()
    return await set_up(hass, warehouse, key)


@pytest.fixture
def start(
    async_test_recorder: RecorderInstanceContextManager,
    hass_tmp_config_dir: str,
    warehouse: Warehouse,
    key: dict[str, Any],
) -> Start:
    """Return what starts the home on a database, and stops it in the end; its folder stays."""

    @asynccontextmanager
    async def start(url: str) -> AsyncIterator[Home]:
        async with (
            async_test_home_assistant(config_dir=hass_tmp_config_dir) as hass,
            async_test_recorder(hass, {**RECORDER, CONF_DB_URL: url}),
        ):
            frame.async_setup(hass)
            hass.data.pop(DATA_CUSTOM_COMPONENTS)
            home = await set_up(hass, warehouse, key)
            try:
                yield home
            finally:
                (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
                assert await hass.config_entries.async_unload(entry.entry_id)
                await hass.async_stop(force=True)

    warehouse.create_dataset()
    return start


@ON_EACH_DATABASE
async def test_full_export_and_increment(start: Start, recorder_db_url: str) -> None:
    """All that was recorded is in BigQuery, each value as it was; then what is new, and once."""
    async with start(recorder_db_url) as home:
        await home.live(5)
        await home.live(4, level=3)
        await home.import_costs(4, 3)
        home.hass.states.async_remove("text.note")
        crashed = {"start": hours_ago(DAY) - timedelta(microseconds=1)}
        await insert_rows(home.hass, RecorderRuns, [crashed])
    async with start(recorder_db_url) as home:
        history = await home.exports_for_the_first_time()
        await home.live(3, level=-3)
        more = await home.exports_for_the_first_time(history)
        assert await home.export() == {}
        assert differences(more, exported(home.warehouse)) == {}
    assert {table: rows.total() for table, rows in history.items()} == {
        "sensor_data": 41,
        "contexts": 41,
        "statistics": 10,
        "statistics_short_term": 16,
        "events": 4,
        "recorder_runs": 2,
        "schema_changes": 1,
        "statistics_runs": 5,
    }
    assert any(row.state is None for row in history["contexts"])
    assert all(row.context_parent_id for row in history["contexts"] if row.context_user_id)
    assert sum(bool(row.context_user_id) for row in history["contexts"]) == 40
    assert any(row.last_changed != row.last_updated for row in history["sensor_data"])
    assert {row.closed_incorrect for row in history["recorder_runs"]} == {False, True}


@ON_EACH_DATABASE
async def test_corrections(home: Home, hass_ws_client: WebSocketGenerator) -> None:
    """What is corrected through Home Assistant's own API is corrected in BigQuery."""
    for hours in (5, 4, 3):
        await home.live(hours, level=-hours)
    await home.import_costs(5, 4, 3)
    client = await hass_ws_client(home.hass)

    async def command(name: str, **values: Any) -> None:
        await client.send_json_auto_id({"type": f"recorder/{name}", **values})
        assert (await client.receive_json())["success"]

    before = await home.known()
    await home.export()
    await command(
        "adjust_sum_statistics",
        statistic_id="sensor.meter",
        start_time=hours_ago(4).isoformat(),
        adjustment=1500.25,
        adjustment_unit_of_measurement="Wh",
    )
    await home.import_costs(40 * DAY, 5, 4, level=7)
    corrected = await home.exports()
    assert differences(before, corrected).keys() == STATISTICS

    fahrenheit = SENSORS["sensor.kitchen"] | {"unit_of_measurement": "°F"}
    home.set("sensor.kitchen", "70", fahrenheit, hours_ago(2), 0)
    await command(
        "change_statistics_unit",
        statistic_id="sensor.kitchen",
        new_unit_of_measurement="°F",
        old_unit_of_measurement="°C",
    )
    await command(
        "update_statistics_metadata",
        statistic_id="sensor.bill",
        unit_class="energy",
        unit_of_measurement="MWh",
    )
    await command("clear_statistics", statistic_ids=["sensor.wind", "provider:cost"])
    corrected = await home.exports()
    assert {(row.statistic_id, row.unit_of_measurement) for row in corrected["statistics"]} == {
        ("sensor.kitchen", "°F"),
        ("sensor.meter", "kWh"),
        ("sensor.bill", "MWh"),
    }
    assert await home.export() == {}


@ON_ANY_DATABASE
async def test_rename(home: Home) -> None:
    """States stay under the name that they came with, and statistics have the one that holds.

    It stays so when the newest rows are deleted, and those before them are looked for.
    """
    er.async_get(home.hass).async_get_or_create("sensor", "demo", "1", object_id_base="boiler")
    await home.live(5, sensors=[*SENSORS, "sensor.boiler"])
    before = await home.known()
    await home.export()

    await home.live(4, sensors=[*SENSORS, "sensor.boiler"])
    await home.rename("sensor.boiler", "sensor.heater")
    await home.live(3, sensors=[*SENSORS, "sensor.heater"])
    expected = with_old_names(before, await home.known(), "sensor.boiler", "sensor.heater")
    await home.export()
    assert differences(expected, exported(home.warehouse)) == {}
    assert {row.statistic_id for row in expected["statistics"]} == {*SENSORS, "sensor.heater"}
    names = Counter(row.entity_id for row in expected["sensor_data"])
    assert (names["sensor.boiler"], names["sensor.heater"]) == (3, 6)

    await home.purge("purge_entities", entity_id=["light.hall"], domains=["text"])
    await home.export()
    assert differences(expected, exported(home.warehouse)) == {}
    assert await home.export() == {}


def with_old_names(before: History, after: History, old: str, new: str) -> History:
    """Return what is known after a rename, with states under the names that they had before."""
    history = after.copy()
    for name in ("sensor_data", "contexts"):
        had = Counter(row for row in before[name].elements() if row.entity_id == old)
        has = Counter(row._replace(entity_id=new) for row in had.elements())
        assert has <= after[name]
        history[name] = after[name] - has + had
    return history


@ON_EACH_DATABASE
async def test_purge(home: Home) -> None:
    """What the recorder purges after an export stays in BigQuery, and nothing comes again."""
    await home.live(12 * DAY)
    await home.live(5)
    everything = await home.known()
    await home.export()

    await home.purge("purge", keep_days=10)
    left = await home.known()
    assert differences(everything, left).keys() == {
        *("sensor_data", "contexts", "statistics_short_term", "events", "statistics_runs")
    }
    await home.purge("purge_entities", entity_id=["light.hall"], domains=["text"])
    assert {row.entity_id for row in (await home.known())["sensor_data"]} == {*SENSORS}
    await home.live(4)
    everything = await home.exports(everything)

    await home.purge("purge", keep_days=0)
    assert not (await home.known())["statistics_short_term"]
    await home.export()
    await home.live(3)
    await home.exports(everything)
    assert await home.export() == {}


@ON_EACH_DATABASE
async def test_ids_given_again(home: Home) -> None:
    """Rows that get the ids of deleted ones are exported, and no other one again."""
    await home.live(5)
    await home.export()
    await home.live(4)
    before = await home.known()
    await home.export()

    await home.purge("purge_entities", entity_id=["light.hall"], domains=["text"])
    ids = await in_database(home.hass, give_ids_again)
    await home.live(3, level=5)
    assert await in_database(home.hass, lambda db: given(db, ids)) == ids
    await home.exports(before | {table: Counter() for table in STATISTICS})
    assert await home.export() == {}


def give_ids_again(db: Connection) -> dict[Any, int]:
    """Delete the newest rows, and return the id that each table gives to the next one.

    SQLite does so by itself, and a server when its counter is put back. The newest states are
    deleted already.
    """
    ids = {}
    for model in (States, Events, Statistics, StatisticsShortTerm):
        id_ = model.__mapper__.primary_key[0]
        newest = db.execute(select(func.max(id_))).scalar_one()
        if model is not States:
            newest -= 2
            db.execute(delete(model).where(id_ > newest))
        match db.dialect.name:
            case "mysql":
                db.exec_driver_sql(f"ALTER TABLE {model.__tablename__} AUTO_INCREMENT = 1")
            case "postgresql":
                sequence = func.pg_get_serial_sequence(model.__tablename__, id_.name)
                db.execute(select(func.setval(sequence, newest)))
        ids[model] = newest + 1
    return ids


def given(db: Connection, ids: dict[Any, int]) -> dict[Any, int]:
    """Return those of the ids that there are rows of."""
    return {
        model: id_
        for model, id_ in ids.items()
        if db.execute(select(func.count()).where(model.__mapper__.primary_key[0] == id_)).scalar()
    }


@ON_EACH_DATABASE
async def test_another_database(
    start: Start, database: str, recorder_db_url: str, tmp_path: Path
) -> None:
    """A database in place of another one adds what is new in it, and so does the first again."""
    with empty_database(database, tmp_path) as other_url:
        async with start(recorder_db_url) as home:
            await home.live(7)
            await home.live(6)
            everything = await home.known()
            await home.export()
        async with start(other_url) as home:
            await home.live(6)
            await home.live(5)
            everything = await home.exports(everything)
        async with start(recorder_db_url) as home:
            await home.live(4)
            everything = await home.exports(everything)
            assert await home.export() == {}
    assert everything["sensor_data"].total() == 4 * 20
    assert everything["recorder_runs"].total() == 1
