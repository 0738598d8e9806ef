"""Live exports of a config entry, between the exports of its schedule."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.write_streams import WriteStreams
from custom_components.bigquery_export.const import (
    CONF_DELIVERY,
    CONF_FREQUENCY,
    CONF_TABLES,
)
from custom_components.bigquery_export.errors import StoppedError, StorageUnreachableError
from custom_components.bigquery_export.export.live_run import LiveRun
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner import live as live_module
from custom_components.bigquery_export.runner.factory import JobFactory
from custom_components.bigquery_export.runner.requests import VerifyRequest
from custom_components.bigquery_export.scheduler import timer
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.exported_rows import log_rows
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import async_wait_until, patient


@pytest.fixture
def entry(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    """Return an entry with the schedule Live, whose exports are not due while a test runs."""
    since = dt_util.utcnow() - timedelta(minutes=1) - datetime.min.replace(tzinfo=UTC)
    monkeypatch.setattr(timer, "shift_of", lambda _: since % timedelta(hours=1))
    options = {CONF_TABLES: ["sensor_data"], CONF_FREQUENCY: "live"}
    hass.config_entries.async_update_entry(entry, options=options)
    return entry


def live_rows(warehouse: Warehouse) -> list[str]:
    """Return the states of the entities that the tests record."""
    rows = warehouse.rows("entity_id, state, state_id")
    return [row["state"] for row in rows if row["entity_id"].startswith("sensor.live")]


async def until_rows(warehouse: Warehouse, hass: HomeAssistant, count: int) -> list[str]:
    """Wait for so many rows of these entities, and return their states."""
    rows: list[str] = []
    async with patient(30):
        while len(rows) < count:
            await asyncio.sleep(0.05)
            rows = await hass.async_add_executor_job(live_rows, warehouse)
    return rows


async def test_rows_come_without_an_export(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What the recorder commits is sent, an export may come between, and all is there once."""
    runner = loaded.runtime_data.runner
    await export_now(hass)
    last = runner.checkpoint.last_export
    await record(hass, 2, name="live_a")
    assert await until_rows(warehouse, hass, 2) == ["0", "1"]
    assert runner.checkpoint.last_export == last
    for number in range(3):
        await record(hass, 1, name=f"live_b{number}")
        await export_now(hass)
        await record(hass, 1, name=f"live_c{number}")
    assert len(await until_rows(warehouse, hass, 8)) == 8
    assert runner.live.delay is not None
    await export_now(hass)
    rows = await hass.async_add_executor_job(warehouse.rows, "state_id")
    assert await hass.async_add_executor_job(log_rows, warehouse) == len(rows)


async def test_the_delay(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """The sensor shows how long the newest row took, from its time until BigQuery had it."""
    await export_now(hass)
    assert state(hass, "delay") == STATE_UNKNOWN
    hass.states.async_set("sensor.live_old", "0")
    await asyncio.sleep(1)
    began = monotonic()
    hass.states.async_set("sensor.live_new", "0")
    await asyncio.sleep(0.5)
    await async_wait_recording_done(hass)
    await until_rows(warehouse, hass, 2)
    took = monotonic() - began
    await export_now(hass)
    assert 0.5 <= float(state(hass, "delay")) <= took + 0.1


async def test_a_restart(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """After a restart it goes on by itself, without an export before."""
    await export_now(hass)
    await record(hass, 2, name="live_a")
    await until_rows(warehouse, hass, 2)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await record(hass, 2, name="live_b")
    assert len(await until_rows(warehouse, hass, 4)) == 4


async def test_a_verification(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A comparison beside it leaves its stream open."""
    await export_now(hass)
    await record(hass, 2, name="live_a")
    await until_rows(warehouse, hass, 2)
    opened: list[str] = []
    monkeypatch.setattr(WriteStreams, "create", lambda *_: opened.append("another"))
    wanted = VerifyRequest(None, range(1), query=False, dry_run=True)
    await loaded.runtime_data.runner.verifier.async_verify(wanted)
    await record(hass, 2, name="live_b")
    assert len(await until_rows(warehouse, hass, 4)) == 4
    assert opened == []


async def test_while_paused(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Nothing is sent by itself while the export is paused."""
    await export_now(hass)
    scheduler, runner = loaded.runtime_data.scheduler, loaded.runtime_data.runner
    scheduler.async_pause(True)
    await record(hass, 2, name="live_a")
    await runner.live.async_end()
    assert live_rows(warehouse) == []
    scheduler.async_pause(False)
    assert len(await until_rows(warehouse, hass, 2)) == 2


async def test_a_failure(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """An export follows, which finds out what is wrong; when it has ended well, live goes on."""
    await export_now(hass)
    begun: list[Trigger] = []
    scheduler, runner = loaded.runtime_data.scheduler, loaded.runtime_data.runner
    begin = scheduler._async_begin

    def note(trigger: Trigger) -> None:
        begun.append(trigger)
        begin(trigger)

    runner.live.on_failed = lambda: note(Trigger.SCHEDULE)
    warehouse.server.add_fault("AppendRows", "drop", times=4, done=True)
    await record(hass, 2, name="live_a")
    assert len(await until_rows(warehouse, hass, 2)) == 2
    await async_wait_until(lambda: bool(begun) and not runner.is_running, 30)
    warehouse.server.clear_faults()
    await record(hass, 2, name="live_b")
    assert len(await until_rows(warehouse, hass, 4)) == 4


async def test_failures(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An export follows the first failure alone; then the next one that is due is waited for."""
    await export_now(hass)
    live = loaded.runtime_data.runner.live
    failed: list[int] = []
    monkeypatch.setattr(live, "on_failed", lambda: failed.append(live._failures))

    def fail(_: LiveRun) -> None:
        raise StorageUnreachableError(endpoint="storage", message="down")

    with monkeypatch.context() as patch:
        patch.setattr(LiveRun, "async_look", fail)
        for _ in range(3):
            live._failed_at = float("-inf")
            await live.async_end()
            live.async_begin()
            assert live._task
            await live._task
        live.async_begin()
        assert live._task.done()
    assert failed == [1]
    assert live._failures == 3
    assert caplog.text.count("New rows cannot be sent at once") == 1
    assert "storage" in caplog.text


async def test_load_jobs(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """With load jobs there are the exports of every five minutes alone."""
    assert loaded.runtime_data.runner.live.is_on
    options = {**loaded.options, CONF_DELIVERY: "load_job"}
    hass.config_entries.async_update_entry(loaded, options=options)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    live = loaded.runtime_data.runner.live
    assert not live.is_on
    live.async_begin()
    assert live._task is None


async def test_an_answer_that_does_not_come(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An export does not wait for it, and finds out what has become of the rows."""
    await export_now(hass)
    live = loaded.runtime_data.runner.live
    monkeypatch.setattr(live_module, "STOP_TIMEOUT", 0.1)
    warehouse.server.add_fault("AppendRows", "delay", times=1, seconds=300)
    await record(hass, 2, name="live_a")
    await async_wait_until(lambda: bool(warehouse.server.faults()[0]["fired"]), 30)
    async with patient(30):
        await live.async_end()
    warehouse.server.clear_faults()
    await export_now(hass)
    assert live_rows(warehouse) == ["0", "1"]


async def test_paused_for_a_moment(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """When a pause ends while the last append is under way, it goes on afterwards."""
    await export_now(hass)
    scheduler = loaded.runtime_data.scheduler
    scheduler.async_pause(True)
    scheduler.async_pause(False)
    await record(hass, 2, name="live_a")
    assert len(await until_rows(warehouse, hass, 2)) == 2


async def test_a_job_begins_as_the_pause_ends(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No live run begins beside a job, although one is to begin when the last one has ended."""
    await export_now(hass)
    runner, scheduler = loaded.runtime_data.runner, loaded.runtime_data.scheduler
    answered, looks = hass.loop.create_future(), asyncio.Event()

    async def look(run: LiveRun) -> int:
        looks.set()
        await answered
        return 0

    monkeypatch.setattr(LiveRun, "async_look", look)
    await record(hass, 1, name="live_a")
    async with patient(30):
        await looks.wait()
    scheduler.async_pause(True)
    scheduler.async_pause(False)
    begun = []

    async def new_live_run(jobs: JobFactory) -> LiveRun:
        begun.append(jobs)
        raise StoppedError

    monkeypatch.setattr(JobFactory, "async_new_live_run", new_live_run)

    async def work() -> None:
        for _ in range(10):
            await hass.async_add_executor_job(int)  # as one that begins would use it
        assert begun == []

    answered.set_result(None)
    async with patient(30):
        await runner.async_run_alone(work)
    await async_wait_until(lambda: bool(begun), 30)  # It goes on when the job has ended.
