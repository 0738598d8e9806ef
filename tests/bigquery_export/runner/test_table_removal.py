"""Creating and deleting the tables: what is refused, what is lost, and kills between the steps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import PropertyMock

from google.api_core.exceptions import Forbidden, ServiceUnavailable
from google.cloud.bigquery import Client, Table
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.const import CONF_FREQUENCY, CONF_TABLES
from custom_components.bigquery_export.export.checkpoint import Checkpoint, Gap
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.daily.daily_file import DailyFile
from custom_components.bigquery_export.export.open_stream import OpenStream
from custom_components.bigquery_export.export.positions import Position
from custom_components.bigquery_export.export.recent_commits import RecentCommit
from custom_components.bigquery_export.export.restored_rows import RestoredRows
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.runner import removal_file, storage
from custom_components.bigquery_export.runner.removal_file import RemovalFile
from custom_components.bigquery_export.runner.restorer import Restorer
from custom_components.bigquery_export.runner.table_removal import without_tables
from tests.bigquery_export.support.actions import act, export_now
from tests.bigquery_export.support.crashes import Crash
from tests.bigquery_export.support.past_home import Home
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import async_wait_until

TABLES = ["sensor_data", "statistics", "entities"]
FENCE = "export_fence_home"


@pytest.fixture
async def loaded(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> MockConfigEntry:
    """Return an entry that has exported three states, an hour of statistics and some entities."""
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: TABLES})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    await Home(hass, warehouse).import_costs(3)
    await export_now(hass)
    assert len(files_of_rows(hass)) == 2
    return entry


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rows be sent to new tables at once."""
    monkeypatch.setattr(removal_file, "_WAIT", 0.0)


def there(warehouse: Warehouse) -> set[str]:
    """Return the names of the tables and views in the dataset."""
    with warehouse.connecting() as connection:
        return {table.table_id for table in connection.tables.list_tables("home")}


def counts(warehouse: Warehouse) -> tuple[int, int]:
    """Return how many states are in BigQuery, and how many different ones."""
    (row,) = warehouse.server.query(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT state_id) AS ids FROM home.sensor_data",
        warehouse.project,
    )
    return int(row["n"]), int(row["ids"])


def files_of_rows(hass: HomeAssistant) -> list[str]:
    """Return the names of the files that say what was sent."""
    folder = Path(hass.config.path(".storage"))
    return sorted(
        file.name
        for file in folder.iterdir()
        if "digests" in file.name or file.name.endswith(".entities.json")
    )


async def drop(hass: HomeAssistant, *, dry_run: bool = False) -> Any:
    """Use the action, and return its response."""
    return await act(hass, "drop_tables", dataset="home", dry_run=dry_run)


async def test_create(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is missing is made and named, and nothing else is changed."""
    monkeypatch.setattr(DatasetViews, "ensure", lambda *_: {})
    assert await act(hass, "create_tables", dataset="home") == {"created": []}
    warehouse.server.query("DROP TABLE home.statistics", warehouse.project)
    assert await act(hass, "create_tables", dataset="home") == {"created": ["statistics"]}
    assert counts(warehouse)[0] > 0
    with pytest.raises(ServiceValidationError, match="goes to: home"):
        await act(hass, "create_tables", dataset="house")


async def test_drop(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse, no_wait: None
) -> None:
    """All of the export is deleted, and nothing else; the next export begins anew."""
    warehouse.make_views(STATISTICS)
    with warehouse.connecting() as connection:
        for name in ("mine", "events"):
            connection.tables.create_table(Table(f"{warehouse.project}.home.{name}"))
    before = counts(warehouse)
    rows = loaded.runtime_data.runner.checkpoint.positions["sensor_data"].rows
    planned = await drop(hass, dry_run=True)
    assert planned["dry_run"]
    assert planned["tables"].keys() == {*TABLES, "export_log"}
    assert planned["tables"]["sensor_data"]["rows"] == rows
    assert planned["tables"]["sensor_data"]["in_recorder"] >= 3
    assert planned["tables"]["entities"]["in_recorder"] == 0
    assert planned["rows"] == sum(table["rows"] for table in planned["tables"].values())
    assert planned["lost"] >= planned["tables"]["entities"]["rows"] > 0
    views = ["statistics_latest", "standby_power", "statistics_between", "unusual_hours"]
    assert planned["views"] == views
    assert counts(warehouse) == before

    days = DailyFile(hass, loaded.entry_id).path
    days.touch()
    dropped = await drop(hass)
    assert not dropped["dry_run"]
    assert dropped["views"] == planned["views"]
    assert there(warehouse) == {"mine", "events", FENCE}
    with warehouse.connecting() as connection:
        assert not list(connection.tables.list_routines("home"))
    checkpoint = loaded.runtime_data.runner.checkpoint
    assert (checkpoint.positions, checkpoint.recent, checkpoint.intent) == ({}, {}, None)
    assert files_of_rows(hass) == []
    assert not days.exists()

    response = await export_now(hass)
    assert response["rows"]["sensor_data"] >= 3
    assert response["rows"]["statistics"] == 1
    assert response["rows"]["entities"] > 0
    total, different = counts(warehouse)
    assert total == different == response["rows"]["sensor_data"]
    assert not RemovalFile(hass, loaded.entry_id).path.exists()
    assert sum((await export_now(hass))["rows"].values()) <= total


async def test_waits(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For ten minutes nothing is sent, also after a restart; a clock that goes back adds none."""
    await drop(hass)
    with pytest.raises(HomeAssistantError, match="deleted a moment ago"):
        await export_now(hass)
    runner = loaded.runtime_data.runner
    assert runner.health.failures == 0
    assert runner.health.retrying
    assert await hass.config_entries.async_reload(loaded.entry_id)
    assert counts(warehouse) == (0, 0)
    with pytest.raises(HomeAssistantError, match="deleted a moment ago"):
        await export_now(hass)
    assert counts(warehouse) == (0, 0)
    removal = RemovalFile(hass, loaded.entry_id).load()
    assert removal
    assert removal.ended
    assert 590 < removal.seconds_left <= 600
    assert replace(removal, ended=removal.ended + 10_000).seconds_left == 600
    monkeypatch.setattr(removal_file, "time", lambda: (removal.ended or 0) + 601)
    assert (await export_now(hass))["rows"]["sensor_data"] >= 3


async def test_refused(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is changed while it is not known what was sent, or others would lose rows."""
    journal = loaded.runtime_data.runner._journal
    before = counts(warehouse)
    with pytest.raises(ServiceValidationError, match="goes to: home"):
        await act(hass, "drop_tables", dataset="Home", dry_run=False)
    certain = journal.checkpoint
    journal.checkpoint = replace(certain, intent=object())
    with pytest.raises(ServiceValidationError, match="not known yet"):
        await drop(hass)
    journal.checkpoint = certain
    with monkeypatch.context() as patch:
        patch.setattr(Restorer, "is_wanted", PropertyMock(return_value=True))
        with pytest.raises(ServiceValidationError, match="restore is already running"):
            await drop(hass)
    with warehouse.connecting() as connection:
        other = f"{warehouse.project}.home.export_fence_other"
        connection.tables.create_table(Table(other))
        with pytest.raises(ServiceValidationError, match="export_fence_other"):
            await drop(hass)
        connection.tables.delete_table(other)
    assert counts(warehouse) == before
    assert not RemovalFile(hass, loaded.entry_id).path.exists()


def test_what_is_forgotten() -> None:
    """Nothing is known of rows any more; what waits, and what later rows depend on, is kept."""
    known = Checkpoint(
        positions={"events": Position(cursor=7)},
        last_export=1.0,
        gaps=(Gap("events", 1, 1.0, 2.0),),
        fence="token",
        unknown_before=5,
        recent={"events": (RecentCommit(5),)},
        set_aside={"events": 5},
        latest=9,
        restored={"statistics": (RestoredRows(3),)},
        unlogged={"events": {"reason": 1}},
        streams={"events": OpenStream("stream", 3)},
    )
    assert without_tables(known) == Checkpoint(
        last_export=1.0, fence="token", set_aside={"events": 5}, latest=9
    )


async def test_live(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is appended to streams of deleted tables, nor to new ones before they take rows."""
    options = {CONF_TABLES: ["sensor_data"], CONF_FREQUENCY: "live"}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 1, name="first")
    await export_now(hass)
    await record(hass, 1, name="before")
    runner = entry.runtime_data.runner
    await async_wait_until(lambda: bool(runner.checkpoint.streams), 30)
    (opened,) = runner.checkpoint.streams.values()

    await drop(hass)
    await record(hass, 1, name="after")
    await runner.live.async_end()
    await async_wait_until(lambda: runner.health.retrying and not runner.is_running, 30)
    assert runner.health.last_error_kind == "tables_deleted"
    assert there(warehouse) == {FENCE}

    monkeypatch.setattr(removal_file, "_WAIT", 0.0)
    assert (await export_now(hass))["rows"]["sensor_data"] >= 3
    await record(hass, 1, name="live")
    await async_wait_until(lambda: bool(runner.checkpoint.streams), 30)
    (now,) = runner.checkpoint.streams.values()
    assert now.name != opened.name
    await export_now(hass)
    total, different = counts(warehouse)
    assert total == different
    found = {row["entity_id"] for row in warehouse.rows("entity_id, state_id")}
    assert {"sensor.before0", "sensor.after0", "sensor.live0"} <= found
    assert await hass.config_entries.async_unload(entry.entry_id)


def at_call(owner: Any, name: str, call: int, when: str) -> Callable[..., Any]:
    """Return a function that dies before or after it has been called so often."""
    original = getattr(owner, name)
    calls = 0

    def crashing(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise Crash
        result = original(*args, **more)
        if calls == call:
            raise Crash
        return result

    return crashing


KILLS = [
    (RemovalFile, "save", 1, "before"),
    (RemovalFile, "save", 1, "after"),
    *((Client, "delete_table", call, when) for call in (1, 3, 4) for when in ("before", "after")),
    (storage, "remove_digests", 1, "before"),
    (storage, "remove_snapshots", 1, "before"),
    (CheckpointFile, "save", 1, "before"),
    (CheckpointFile, "save", 1, "after"),
    (RemovalFile, "save", 2, "before"),
    (RemovalFile, "save", 2, "after"),
]


@pytest.mark.parametrize(("owner", "name", "call", "when"), KILLS)
async def test_kills(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    no_wait: None,
    owner: Any,
    name: str,
    call: int,
    when: str,
) -> None:
    """Wherever Home Assistant ends, a removal is done after its next start, or was not begun."""
    before = counts(warehouse)
    positions = loaded.runtime_data.runner.checkpoint.positions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, at_call(owner, name, call, when))
        with pytest.raises(Crash):
            await drop(hass)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    checkpoint = loaded.runtime_data.runner.checkpoint
    if (owner, name, call, when) == KILLS[0]:
        assert counts(warehouse) == before
        assert checkpoint.positions == positions
        assert {*TABLES, "export_log"} <= there(warehouse)
        await export_now(hass)
        assert counts(warehouse)[0] >= before[0]
    else:
        assert counts(warehouse) == (0, 0)
        assert (checkpoint.positions, checkpoint.intent) == ({}, None)
        assert files_of_rows(hass) == []
        sent = (await export_now(hass))["rows"]
        assert sent["sensor_data"] >= before[0]
        assert sent["entities"] > 0
    total, different = counts(warehouse)
    assert total == different


async def test_the_next_export_ends_it(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    no_wait: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the network has interrupted is done before anything is sent."""

    def fail(client: Client, *args: Any, **more: Any) -> None:
        delete(client, *args, **more)
        raise ServiceUnavailable("down")

    delete = Client.delete_table
    with monkeypatch.context() as patch:
        patch.setattr(Client, "delete_table", fail)
        with pytest.raises(HomeAssistantError, match="down"):
            await drop(hass)
    assert there(warehouse) & {*TABLES, "export_log"} != {*TABLES, "export_log"}
    assert loaded.runtime_data.runner.checkpoint.positions
    sent = (await export_now(hass))["rows"]
    total, different = counts(warehouse)
    assert total == different == sent["sensor_data"] >= 3


async def test_a_key_that_may_not_delete(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has changed nothing, and the export goes on."""

    def refuse(*_: Any, **__: Any) -> None:
        raise Forbidden("Permission bigquery.tables.delete denied on table")

    before = counts(warehouse)
    with monkeypatch.context() as patch:
        patch.setattr(Client, "delete_table", refuse)
        with pytest.raises(HomeAssistantError, match=r"bigquery\.tables\.delete"):
            await drop(hass)
    assert counts(warehouse) == before
    await record(hass, 3)
    await export_now(hass)
    total, different = counts(warehouse)
    assert total == different > before[0]
