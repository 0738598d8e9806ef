"""Backfills: old rows are exported in their order, and new ones do not wait for them."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock, Mock, patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export import coordinator as coordinator_module
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.const import CONF_BATCH_ROWS, CONF_TABLES, DOMAIN
from custom_components.bigquery_export.errors import QuotaExceededError, StoppedError
from custom_components.bigquery_export.export import (
    batch_reader,
    chunk as chunk_module,
    resume,
    table_export,
)
from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.requests import ExportRequest
from custom_components.bigquery_export.source.source_table import Anchor
from custom_components.bigquery_export.status.progress import Progress
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.crashes import CRASHES, TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.exported_rows import log_rows, states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.status import state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import patient


@pytest.fixture(autouse=True)
def small_backfills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make transactions of ten rows, and a backfill of more than those."""
    monkeypatch.setattr(resume, "MAX_ROWS", 10)
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 10)
    monkeypatch.setattr(table_export, "IN_DOUBT_ROWS", 10)
    monkeypatch.setattr(batch_reader, "PIECE_ROWS", 5)


def ranges(warehouse: Warehouse) -> list[tuple[int, int]]:
    """Return the first and the last id of each transaction, in their order."""
    log = warehouse.server.query(
        "SELECT first_id, last_id FROM home.export_log WHERE table_name = 'sensor_data'"
        " ORDER BY finished",
        warehouse.project,
    )
    return [(int(row["first_id"]), int(row["last_id"])) for row in log]


def when(run: Run, rows: int, call: Callable[[], object]) -> None:
    """Make a call when so many rows were committed."""
    calls = iter([call])

    journal = run._session.journal

    def look() -> None:
        if sum(position.rows for position in journal.checkpoint.positions.values()) >= rows:
            next(calls, int)()

    journal._on_progress = look


async def test_oldest_first(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """What there is at first is exported from the oldest row on, and all of it."""
    await record(hass, 35)
    assert (await exporter.export(5)).rows == {"sensor_data": 35}
    assert states_in(warehouse) == numbers(35)
    assert ranges(warehouse) == [(1, 10), (11, 20), (21, 30), (31, 35)]
    checkpoint = exporter.file.load()
    assert list(checkpoint.positions) == ["sensor_data"]
    position = checkpoint.position("sensor_data")
    assert (position.cursor, position.rows, position.until) == (35, 35, None)
    assert [anchor.id for anchor in position.anchors] == [*range(5, 35, 5), 35]


async def test_few_rows_are_no_backfill(hass: HomeAssistant, exporter: Exporter) -> None:
    """What fits into one transaction is exported as it comes."""
    await record(hass, 10)
    await exporter.export(5)
    assert all(set(progress.positions) == {"sensor_data"} for progress in exporter.progress)


async def test_new_rows_wait_for_one_transaction(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded during a backfill comes after the transaction that it is at."""
    await record(hass, 35)
    run = exporter.new_run(5)
    original = run._exports[0].async_backfill_chunk
    chunks = 0

    async def async_backfill_chunk() -> bool:
        nonlocal chunks
        chunks += 1
        await record(hass, 2, name=f"new{chunks}")
        return await original()

    monkeypatch.setattr(run._exports[0], "async_backfill_chunk", async_backfill_chunk)
    await run.async_run()
    assert ranges(warehouse)[:4] == [(1, 10), (36, 37), (11, 20), (38, 39)]
    await exporter.export()
    ids = [int(row["state_id"]) for row in warehouse.rows("state_id")]
    assert ids == list(range(1, 36 + 2 * chunks))


async def test_pause(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """A paused backfill ends after a transaction; new rows go on, and later the backfill."""
    await record(hass, 35)
    run = exporter.new_run(5)
    when(run, 10, lambda: run.pause(True))
    assert (await run.async_run()).rows == {"sensor_data": 10}
    await record(hass, 3, name="new")
    await exporter.new_run(5, backfill=False).async_run()
    assert ranges(warehouse) == [(1, 10), (36, 38)]
    table_position = exporter.file.load().table_position("sensor_data")
    assert table_position.backfill
    assert (table_position.backfill.cursor, table_position.backfill.until) == (10, 35)
    assert (await exporter.export(5)).rows == {"sensor_data": 25}
    assert ranges(warehouse)[2:] == [(11, 20), (21, 30), (31, 35)]
    assert states_in(warehouse) == numbers(35) + numbers(3)


async def test_restart(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """A backfill that was stopped resumes where it was, and sends nothing again."""
    await record(hass, 35)
    run = exporter.new_run(5)
    when(run, 20, run.stop)
    with pytest.raises(StoppedError):
        await run.async_run()
    await exporter.export(5)
    assert ranges(warehouse) == [(1, 10), (11, 20), (21, 30), (31, 35)]
    assert states_in(warehouse) == numbers(35)


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("call", [2, 5])
async def test_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    crash: str,
    call: int,
) -> None:
    """Wherever a process dies between old and new rows, each is there once in the end."""
    name, moment = CRASHES[crash]
    owner = CheckpointFile if name == "save" else TRANSACTIONS[exporter.delivery]
    await record(hass, 25)
    await exporter.new_run(5, backfill=False).async_run()
    await record(hass, 15, name="new")
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, moment, call)
        try:
            await exporter.export(5)
        except Crash:
            ids = [row["state_id"] for row in warehouse.rows("state_id")]
            assert len(set(ids)) == len(ids)
    await exporter.export(5)
    assert states_in(warehouse) == numbers(25) + numbers(15)
    assert log_rows(warehouse) == 40
    assert exporter.file.load().position("sensor_data").rows == 40


async def test_purge_overtakes(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What the recorder deletes while a backfill waits is lost, is said, and stops nothing."""
    await record(hass, 35)
    run = exporter.new_run(5)
    when(run, 10, lambda: run.pause(True))
    await run.async_run()
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "DELETE FROM states WHERE state_id <= 18")
    run = exporter.new_run(5)
    await run.async_run()
    (gap,) = run.gaps
    assert gap.rows == 8
    assert "deleted up to about 8 rows of sensor_data" in caplog.text
    assert states_in(warehouse) == [*numbers(10), *numbers(35)[18:]]
    await exporter.export()
    assert len(states_in(warehouse)) == 27


async def test_what_is_purged_already_is_not_lost(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A first export begins at the oldest row that there is."""
    await record(hass, 35)
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "DELETE FROM states WHERE state_id <= 12")
    run = exporter.new_run(5)
    await run.async_run()
    assert run.gaps == []
    assert exporter.progress[0].table_position("sensor_data").oldest.cursor == 11 + 1
    assert states_in(warehouse) == numbers(35)[12:]


async def test_newest_rows_deleted(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """When ids behind a backfill are given again, it continues, and the new rows are all sent."""
    await record(hass, 25)
    await exporter.new_run(5, backfill=False).async_run()
    await record(hass, 6, name="new")
    await exporter.new_run(5, backfill=False).async_run()
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "DELETE FROM states WHERE state_id > 28")
    await record(hass, 5, name="newer")
    await exporter.export(5)
    by_entity = warehouse.rows("entity_id, state_id")
    count = dict.fromkeys(("s0", "new0", "newer0"), 0)
    for row in by_entity:
        count[row["entity_id"].removeprefix("sensor.")] += 1
    assert count == {"s0": 25, "new0": 6, "newer0": 5}


async def test_another_database(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A database that is replaced during a backfill: nothing is lost or duplicated."""
    await record(hass, 25)
    run = exporter.new_run(5)
    when(run, 10, lambda: run.pause(True))
    await run.async_run()
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "CREATE TABLE aside AS SELECT * FROM states")
    await execute(hass, "DELETE FROM states")
    await record(hass, 14, name="other")
    await exporter.export(5)
    assert len(states_in(warehouse)) == 24
    await execute(hass, "DELETE FROM states")
    await execute(hass, "INSERT INTO states SELECT * FROM aside")
    await exporter.export(5)
    assert sorted(states_in(warehouse), key=int) == sorted(numbers(25) + numbers(14), key=int)


# As the coordinator does it


@pytest.fixture
async def loaded(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Return an entry that is set up."""
    for module, name in ((resume, "MAX_ROWS"), (chunk_module, "MAX_ROWS")):
        monkeypatch.setattr(module, name, 100)  # The export's own sensors are recorded, too.
    monkeypatch.setattr(table_export, "IN_DOUBT_ROWS", 100)
    monkeypatch.setattr(batch_reader, "PIECE_ROWS", 50)
    monkeypatch.setattr(coordinator_module, "_SHOWN_AFTER", 0)
    hass.config_entries.async_update_entry(
        entry, options={CONF_BATCH_ROWS: 50, CONF_TABLES: ["sensor_data"]}
    )
    er.async_get(hass).async_get_or_create(
        "sensor",
        DOMAIN,
        f"{entry.entry_id}_backfill_rows_done",
        config_entry=entry,
        suggested_object_id="home_sensor_data_history_rows_sent",
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await async_wait_recording_done(hass)
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)


async def call(hass: HomeAssistant, action: str) -> None:
    """Call an action."""
    await hass.services.async_call(DOMAIN, action, {}, blocking=True)


async def settled(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until nothing is exported any more."""
    async with patient(60):
        while (task := entry.runtime_data.runner._task) and not task.done():
            await asyncio.wait([task])
            await hass.async_block_till_done()


async def test_paused_export(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """While paused nothing begins by itself; an action exports what is new; then all goes on."""
    coordinator = loaded.runtime_data.coordinator
    await record(hass, 350)
    switch = "switch.home_sensor_data_pause"
    assert hass.states.is_state(switch, "off")
    await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    assert hass.states.is_state(switch, "on")
    assert state(hass, "status") == "paused"
    async_fire_time_changed(hass, dt_util.utcnow().replace(hour=11, minute=30, second=0))
    await hass.async_block_till_done()
    await settled(hass, loaded)
    assert ranges(warehouse) == []

    assert (await export_now(hass))["rows"] == {"sensor_data": 0}
    await record(hass, 2, name="new")
    assert (await export_now(hass))["rows"]["sensor_data"] >= 2
    backfill = coordinator.data.backfill
    assert backfill.rows_done == 0
    assert backfill.rows_left >= 350
    assert backfill.percent == 0
    assert coordinator.data.rows_waiting >= 350
    assert state(hass, "history_progress") == "0.0"
    assert state(hass, "history_time_left") == "unknown"

    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    assert hass.states.is_state(switch, "off")
    await hass.async_block_till_done()
    await settled(hass, loaded)
    assert len(states_in(warehouse)) == coordinator.data.rows_exported >= 352
    assert coordinator.data.backfill is None
    log = warehouse.server.query("SELECT DISTINCT trigger FROM home.export_log", warehouse.project)
    assert {row["trigger"] for row in log} == {"action", "backfill"}
    assert state(hass, "history_progress") == "100.0"
    assert state(hass, "history_time_left") == "0.0"


async def test_pause_survives_a_restart(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What was paused stays so, and a backfill that was not resumes by itself."""
    await record(hass, 350)
    await call(hass, "pause")
    await export_now(hass)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    assert loaded.runtime_data.coordinator.paused
    await settled(hass, loaded)
    assert loaded.runtime_data.coordinator.data.backfill.rows_done == 0

    hass.config_entries.async_update_entry(loaded, data={**loaded.data, "paused": False})
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done()
    await settled(hass, loaded)
    assert loaded.runtime_data.coordinator.data.backfill is None
    assert len(states_in(warehouse)) >= 350


async def test_pause_during_a_backfill(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Pausing ends a backfill after the transaction that it is at, and the action ends well."""
    await record(hass, 350)
    coordinator = loaded.runtime_data.coordinator
    seen: list[Any] = []

    def look() -> None:
        seen.append(coordinator.data.backfill)
        backfill = coordinator.data.backfill
        if backfill and backfill.rows_done >= 200 and not coordinator.paused:
            loaded.runtime_data.scheduler.async_pause(True)

    unsubscribe = coordinator.async_add_listener(look)
    response = await export_now(hass)
    unsubscribe()
    assert 200 <= response["rows"]["sensor_data"] < 350
    backfill = coordinator.data.backfill
    assert backfill.rows_done == 200
    assert backfill.seconds_left is None
    assert any(one and one.seconds_left for one in seen)
    assert state(hass, "history_rows_sent") == "200"
    await call(hass, "resume")
    await hass.async_block_till_done()
    await settled(hass, loaded)
    assert coordinator.data.backfill is None
    assert len(warehouse.rows(where="entity_id = 'sensor.s0'")) == 350


async def test_nothing_begins_beside_an_export(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A listener that is told of an export finds it running, even before the first suspension."""
    await record(hass, 350)
    coordinator = loaded.runtime_data.coordinator
    loaded.runtime_data.scheduler.async_pause(True)
    await export_now(hass)
    runner = loaded.runtime_data.runner
    run = await runner._jobs.async_new_run(Trigger.BACKFILL, ExportRequest())
    heard: list[bool] = []

    def look() -> None:
        if coordinator.data.status == "exporting":
            heard.append(runner.is_running)

    unsubscribe = coordinator.async_add_listener(look)
    with patch.object(runner._jobs, "async_new_run", AsyncMock(return_value=run)):
        await call(hass, "resume")
        await settled(hass, loaded)
    unsubscribe()
    assert heard
    assert all(heard)
    assert coordinator.data.backfill is None
    assert len(warehouse.rows(where="entity_id = 'sensor.s0'")) == 350


async def test_no_retry_while_paused(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that would be tried again is not while it is paused."""
    coordinator = loaded.runtime_data.coordinator
    await record(hass, 1)
    error = QuotaExceededError(message="too much", retry_after=60)
    with monkeypatch.context() as patched:
        patched.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
        with pytest.raises(HomeAssistantError, match="quota is exceeded"):
            await export_now(hass)
    assert coordinator.data.status == "retrying"
    await call(hass, "pause")
    assert coordinator.data.status == "paused"
    assert not loaded.runtime_data.runner.health.retrying
    await call(hass, "resume")
    assert coordinator.data.status == "failed"
    await export_now(hass)
    assert coordinator.data.status == "idle"


def test_progress_of_several_backfills(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backfill that is done counts until all are, and the time left follows the pace."""
    now = 100.0
    monkeypatch.setattr("custom_components.bigquery_export.status.progress.monotonic", lambda: now)

    def checkpoint(**cursors: int) -> Checkpoint:
        found = Checkpoint()
        for table, cursor in cursors.items():
            table_position = found.table_position(table).begun_backfill(0, Anchor(100, "x"))
            found = found.with_table_position(table, table_position)
            assert table_position.backfill
            moved = table_position.backfill.moved([Anchor(cursor, "y")], rows=1, rejected=0)
            found = found.advanced(f"{table}.backfill", moved)
        return found

    progress = Progress()
    first = progress.backfill(checkpoint(a=10, b=10), exporting=True)
    assert first
    assert (first.rows_done, first.rows_left, first.seconds_left) == (20, 180, None)
    now = 110.0
    second = progress.backfill(checkpoint(a=50, b=60), exporting=True)
    assert second
    assert (second.rows_done, second.rows_left, second.seconds_left) == (110, 90, 10.0)
    third = progress.backfill(checkpoint(b=60), exporting=False)
    assert third
    assert (third.rows_done, third.rows_left, third.seconds_left) == (160, 40, None)
    assert third.percent == 80
    assert progress.backfill(Checkpoint(), exporting=True) is None
    again = progress.backfill(checkpoint(a=10), exporting=True)
    assert again
    assert again.rows_done == 10
