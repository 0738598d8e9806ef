"""Homes that an earlier version has exported are continued without a row lost or duplicated."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    category_registry as cr,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    issue_registry as ir,
    label_registry as lr,
)
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_API_ENDPOINT,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.export import checkpoint as checkpoint_module
from custom_components.bigquery_export.export.document_file import document_of
from custom_components.bigquery_export.export.tables import DIMENSION_TABLES
from custom_components.bigquery_export.repairs import async_create_fix_flow
from custom_components.bigquery_export.rows.table import Scope
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.past_home import QUIET
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse
from tests.home.compare import compare
from tests.home.compare_recorded import compare_recorded
from tests.home.comparison import Comparison, Comparisons
from tests.home.exported.homes import DATABASE, DAYS, USER, Exported, restore_bigquery
from tests.home.local_time import Place
from tests.home.recorded import RECORDED, STATES, newest_ids
from tests.local_bigquery.fixtures import as_tests_need_it, open_sockets
from tests.local_bigquery.process import LocalBigQuery, start
from tests.machine.patience import patient

HOME = Place("Europe/Amsterdam", 52.4, 4.9, 0)
REGISTRIES = (ar, cr, dr, er, fr, ir, lr)
INTENTS = {
    Exported.STREAM_NOT_COMMITTED: "statistics",
    Exported.STREAM_COMMITTED: "statistics",
    Exported.LOAD_NOT_COMMITTED: "statistics",
    Exported.LOAD_COMMITTED: "sensor_data.backfill",
    Exported.CRASHED_TWICE: "statistics",
}
"""The position of which a transaction is in doubt."""
A_CENTURY = 100 * 365 * 24 * 60 * 60.0


@pytest.fixture(scope="module")
def local_bigquery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBigQuery]:
    """Return the local BigQuery to which the homes were exported."""
    folder = tmp_path_factory.mktemp("bigquery")
    restore_bigquery(folder)
    with ExitStack() as stack:
        with open_sockets():
            bigquery = stack.enter_context(start(folder))
            as_tests_need_it(bigquery)
        yield bigquery


@pytest.fixture
def exported(request: pytest.FixtureRequest) -> Exported:
    """Return the home; each is of one test, as BigQuery does not forget what a test sends."""
    home: Exported = request.param
    return home


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str, exported: Exported) -> str:
    """Return a folder with what the home has."""
    exported.restore(Path(hass_tmp_config_dir))
    return hass_tmp_config_dir


@pytest.fixture
def recorder_db_url(hass_config_dir: str, hass_fixture_setup: list[bool]) -> str:
    """Return the URL of the home's database."""
    return f"sqlite:///{hass_config_dir}/{DATABASE}"


@pytest.fixture
def recorder_config() -> dict[str, Any]:
    """Keep the sensors of the export out of the recorder, as they were."""
    return QUIET


@pytest.fixture
def load_registries() -> bool:
    """Leave it to `registries` to load what the home has."""
    return False


@pytest.fixture
async def registries(
    hass: HomeAssistant, hass_storage: dict[str, Any], hass_config_dir: str
) -> None:
    """Load the registries, and put the home where it is."""
    for path in Path(hass_config_dir, ".storage").iterdir():  # noqa: ASYNC240 - nothing waits
        if not path.name.startswith(f"{DOMAIN}.home-"):
            hass_storage[path.name] = orjson.loads(path.read_bytes())
    dr.async_setup(hass)
    for registry in REGISTRIES:
        await registry.async_load(hass)
    await hass.config.async_update(
        time_zone=HOME.time_zone,
        latitude=HOME.latitude,
        longitude=HOME.longitude,
        elevation=HOME.elevation,
    )


@pytest.fixture(autouse=True)
def set_up_home(
    recorder_db_url: str,
    async_test_recorder: Any,
    registries: None,
    recorder_mock: Any,
    enable_custom_integrations: None,
) -> None:
    """Start the recorder when the registries are loaded."""


@pytest.fixture(autouse=True)
def long_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let transactions in doubt be settled, however old the homes are by now."""
    monkeypatch.setattr(checkpoint_module, "_REMEMBERED", A_CENTURY)


@pytest.fixture
def warehouse(exported: Exported, local_bigquery: LocalBigQuery, socket_enabled: None) -> Warehouse:
    """Return the project of the home."""
    return Warehouse(local_bigquery, exported)


@pytest.fixture
async def entry(
    hass: HomeAssistant, hass_storage: dict[str, Any], warehouse: Warehouse, registries: None
) -> AsyncIterator[MockConfigEntry]:
    """Return the export as it was set up, with a new key of its account, not loaded yet."""
    for kept in hass_storage["core.config_entries"]["data"]["entries"]:
        added = MockConfigEntry(**kept)
        added.add_to_hass(hass)
        if added.domain == DOMAIN:
            entry = added
    account = entry.data[CONF_SERVICE_ACCOUNT_KEY]["client_email"]
    data = {
        **entry.data,
        CONF_SERVICE_ACCOUNT_KEY: warehouse.server.create_key(account),
        CONF_API_ENDPOINT: warehouse.server.rest_url,
        CONF_STORAGE_ENDPOINT: warehouse.server.storage_url,
    }
    hass.config_entries.async_update_entry(entry, data=data)
    yield entry
    assert await hass.config_entries.async_unload(entry.entry_id)


def checkpoint(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    """Return what is in the file of the checkpoint."""
    path = Path(hass.config.path(".storage", f"{DOMAIN}.{entry.entry_id}"))
    return document_of(path.read_bytes())


def compare_all(database: Path, warehouse: Warehouse, tables: list[str]) -> Comparisons:
    """Compare the tables that are exported, every row and value."""
    newest = newest_ids(database)
    dataset = f"{warehouse.project}.home"

    def query(sql: str) -> list[dict[str, Any]]:
        return warehouse.server.query(sql, warehouse.project)

    found: dict[str, Comparison] = {
        STATES: compare(
            database,
            query,
            f"{dataset}.{STATES}",
            up_to=newest[STATES],
            time_zone=HOME.time_zone,
        )
    }
    for table in RECORDED:
        if table.name in tables:
            found[table.name] = compare_recorded(
                database, query, dataset, table, up_to=newest[table.name], place=HOME
            )
    return found


def count(warehouse: Warehouse, sql: str) -> int:
    """Return the one number that a query returns."""
    (row,) = warehouse.server.query(sql, warehouse.project)
    (number,) = row.values()
    return int(number or 0)


def row_count(warehouse: Warehouse, table: str) -> int:
    """Return how many rows a table has."""
    return count(warehouse, f"SELECT COUNT(*) FROM home.{table}")  # noqa: S608


def logged_and_there(warehouse: Warehouse, table: str) -> tuple[int, int]:
    """Return how many rows the export log says a table has, and how many it has."""
    return (
        count(
            warehouse,
            f"SELECT SUM(row_count) FROM home.export_log WHERE table_name = '{table}'",  # noqa: S608
        ),
        row_count(warehouse, table),
    )


def unchanged_rows(warehouse: Warehouse, table: str) -> list[str]:
    """Return the keys of rows of a dimension table that say what the row before them said."""
    declared = DIMENSION_TABLES[table].table
    key, time = declared.identity
    apart = {*declared.names(Scope.RUN), declared.id, time}
    rows = warehouse.server.query(
        f"SELECT * FROM home.{table} ORDER BY generation",  # noqa: S608
        warehouse.project,
    )
    last: dict[str, dict[str, Any]] = {}
    unchanged = []
    for row in rows:
        values = {name: value for name, value in row.items() if name not in apart}
        if last.get(row[key]) == values:
            unchanged.append(row[key])
        last[row[key]] = values
    return unchanged


async def until_idle(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until no export runs that has begun by itself."""
    async with patient(60):
        while (task := entry.runtime_data.runner._task) and not task.done():
            await asyncio.wait([task])
            await hass.async_block_till_done()


async def export_all(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Export all that waits, and the backfill."""
    await until_idle(hass, entry)
    if entry.runtime_data.runner.paused:
        await hass.services.async_call(DOMAIN, "resume", {}, blocking=True)
        await until_idle(hass, entry)
    await act(hass, "export_now", flush=True)


async def send_nothing(hass: HomeAssistant, *, force: bool = False) -> None:
    """Export again, with a look for what differs by `force`, and find nothing to send."""
    response = await act(hass, "export_now", flush=True, force=force)
    assert {table: rows for table, rows in response["rows"].items() if rows} == {}
    assert sum(response.get("sent_again", {}).values()) == 0


async def continues(
    hass: HomeAssistant, exported: Exported, warehouse: Warehouse, entry: MockConfigEntry
) -> None:
    """Set the export up, and make sure that everything that waits is sent once."""
    tables = entry.options[CONF_TABLES]
    recorded = [table for table in tables if table not in DIMENSION_TABLES]
    before = checkpoint(hass, entry)
    assert before["version"] == 1
    assert (before["intent"] and before["intent"]["track"]) == INTENTS.get(exported)

    assert await hass.config_entries.async_setup(entry.entry_id)
    await export_all(hass, entry)
    if exported is Exported.ENDED:
        # One of them has no entity, and stays.
        assert (await act(hass, "retry_rejected"))["rows"] == {"sensor_data": 1}
    await send_nothing(hass, force=True)
    found = await asyncio.to_thread(
        compare_all, Path(hass.config.path(DATABASE)), warehouse, recorded
    )
    for table, comparison in found.items():
        assert (comparison.lost, comparison.duplicated, comparison.foreign) == ({}, {}, {}), table
        assert comparison.differences == []
        assert comparison.recorder > 0
    verified = await act(hass, "verify", **DAYS)
    assert verified["tables"].keys() == {*recorded}
    assert verified["total"]["recorder"] > 0
    assert (verified["total"]["missing"], verified["total"]["duplicated"]) == (0, 0)

    after = checkpoint(hass, entry)
    assert (after["version"], after["intent"]) == (3, None)
    assert [key for key in after["positions"] if "." in key] == []
    for table in recorded:
        logged, there = logged_and_there(warehouse, table)
        # The earlier version has lost a checkpoint that knew of rows, and of one row of the log.
        assert exported is Exported.CRASHED_TWICE or logged == there, table
        counted = after["positions"][table]["rows"]
        assert exported in (Exported.CRASHED_TWICE, Exported.IN_DOUBT) or counted == there, table
    assert await hass.config_entries.async_reload(entry.entry_id)
    await until_idle(hass, entry)
    await send_nothing(hass)


@pytest.mark.parametrize(
    "exported", [Exported.BACKFILL, Exported.IN_DOUBT, *INTENTS], indirect=True
)
async def test_continues(
    hass: HomeAssistant, exported: Exported, warehouse: Warehouse, entry: MockConfigEntry
) -> None:
    """Everything that waits is sent once, whatever the earlier version had left undone."""
    await continues(hass, exported, warehouse, entry)


@pytest.mark.parametrize("exported", [Exported.ENDED], indirect=True)
async def test_ended(
    hass: HomeAssistant, exported: Exported, warehouse: Warehouse, entry: MockConfigEntry
) -> None:
    """After exports that ended well only what is new or has changed is sent."""
    dimensions = [table for table in entry.options[CONF_TABLES] if table in DIMENSION_TABLES]
    before = {table: row_count(warehouse, table) for table in dimensions}
    assert min(before.values()) > 20
    er.async_get(hass).async_update_entity("sensor.alone", name="Together")
    await continues(hass, exported, warehouse, entry)
    for table in dimensions:
        assert row_count(warehouse, table) > before[table]
        assert unchanged_rows(warehouse, table) == []

    # That rows were lost and rejected is shown until the user has dealt with it.
    shown = issues_of(hass)
    assert shown.keys() == {"rows_lost", "rows_rejected"}
    assert [placeholders and placeholders["count"] for placeholders in shown.values()] == [
        "1",
        "12",
    ]
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"rows_lost_{entry.entry_id}")
    assert issue
    flow = await async_create_fix_flow(hass, issue.issue_id, issue.data)
    flow.hass = hass
    await flow.async_step_confirm({})  # type: ignore[attr-defined]
    assert issues_of(hass).keys() == {"rows_rejected"}


@pytest.mark.parametrize("exported", [Exported.PRIVATE], indirect=True)
async def test_private(hass: HomeAssistant, warehouse: Warehouse, entry: MockConfigEntry) -> None:
    """Users and entities have the pseudonyms that they had."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export_all(hass, entry)
    await send_nothing(hass, force=True)
    found = await asyncio.to_thread(
        compare_all, Path(hass.config.path(DATABASE)), warehouse, ["events"]
    )
    states, events = found[STATES], found["events"]
    assert (events.lost, events.duplicated, events.foreign) == ({}, {}, {})
    # The light goes by one other name.
    assert {entity_id for entity_id, _ in states.lost} == {"light.hall"}
    ((hidden,),) = [{entity_id for entity_id, _ in states.foreign}]
    assert hidden.startswith("light.hidden_")
    assert {(hidden, time): n for (_, time), n in states.lost.items()} == states.foreign
    assert states.duplicated == {}
    users = warehouse.server.query(
        "SELECT context_user_id, COUNT(*) AS number FROM home.sensor_data"
        " WHERE entity_id = 'switch.fan' GROUP BY context_user_id",
        warehouse.project,
    )
    assert [row["number"] for row in users] == ["2"]
    assert users[0]["context_user_id"] not in (None, USER)
