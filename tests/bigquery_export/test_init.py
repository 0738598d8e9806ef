"""Setting up, unloading and removing a config entry."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
import re
from typing import Any
from unittest.mock import Mock

from google.auth import _helpers
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import orjson
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.const import (
    CONF_API_ENDPOINT,
    CONF_DELIVERY,
    CONF_EXPORT_AT_ONCE,
    CONF_PAUSED,
    CONF_SERVICE_ACCOUNT_KEY,
    DOMAIN,
)
from custom_components.bigquery_export.errors import QuotaExceededError
from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.document_file import document_of
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.runner.factory import JobFactory
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.scheduler.timer import ScheduleTimer
from tests.bigquery_export.support.forms import CLOSED
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER
from tests.machine.patience import async_wait_until, patient


async def test_setup_and_unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """An entry is set up and unloaded, and its entities come and go with it."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert Counter(state.domain for state in hass.states.async_all()) == {
        **dict.fromkeys(("binary_sensor", "button", "event", "switch"), 1),
        "sensor": 12,
    }
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert {state.state for state in hass.states.async_all()} == {"unavailable"}


async def test_exports_begin_when_all_entities_are_there(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that is due at once reads of its own entities what is true from now on."""
    begun: list[int] = []

    async def export(runner: Runner, trigger: Trigger) -> None:
        begun.append(len(er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)))

    monkeypatch.setattr(Runner, "async_export", export)
    monkeypatch.setattr(ScheduleTimer, "missed", lambda *_: True)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert begun == [len(registered)]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_first_export_of_rows_at_risk(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """The first export is also begun by rows that the recorder is about to delete; one runs."""
    await record(hass, 3)
    await execute(hass, "UPDATE states SET last_updated_ts = last_updated_ts - 860400")
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_EXPORT_AT_ONCE: True})
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.runtime_data.runner.is_running
    await hass.async_block_till_done(wait_background_tasks=True)
    assert CONF_EXPORT_AT_ONCE not in entry.data
    assert entry.runtime_data.runner.health.last_error is None
    assert [row["state"] for row in warehouse.rows() if row["entity_id"] == "sensor.s0"] == [
        *numbers(3)
    ]
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("paused", [False, True])
async def test_first_export_is_interrupted(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    *,
    paused: bool,
) -> None:
    """The first export begins again with each start until one has ended well, unless paused."""
    await record(hass, 3)
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_EXPORT_AT_ONCE: True})
    with monkeypatch.context() as down:
        error = QuotaExceededError(message="too much")
        down.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert entry.runtime_data.runner.health.retrying
        assert await hass.config_entries.async_unload(entry.entry_id)
    data = {**entry.data, CONF_PAUSED: paused}
    hass.config_entries.async_update_entry(entry, data=data)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert bool(warehouse.rows()) != paused
    assert (CONF_EXPORT_AT_ONCE in entry.data) == paused
    await hass.services.async_call(DOMAIN, "resume", {}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert warehouse.rows()
    assert CONF_EXPORT_AT_ONCE not in entry.data
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_table_is_made_again(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A table that was dropped is made again when the entry is set up."""
    warehouse.create_table()
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert warehouse.rows() == []
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_network_is_down(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Without a network Home Assistant tries again later, and says why."""
    data = {**entry.data, CONF_API_ENDPOINT: CLOSED}
    hass.config_entries.async_update_entry(entry, data=data)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "unreachable"


async def test_permission_is_taken_away(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A missing permission is named, and setting up succeeds when it is granted."""
    key = entry.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    placeholders = entry.error_reason_translation_placeholders
    assert placeholders is not None
    assert placeholders["permission"] == "bigquery.tables.get"


async def began_again(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Return whether an entry is set up by Home Assistant's next attempt."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=10))
    await hass.async_block_till_done(wait_background_tasks=True)
    return entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("hours", [2, -24 * 30, 24 * 365 * 5])
async def test_clock_is_wrong(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """A clock that is not set yet when Home Assistant starts asks for no new key."""
    utcnow = _helpers.utcnow
    with monkeypatch.context() as clock:
        wrong = utcnow() + timedelta(hours=hours)  # type: ignore[no-untyped-call]
        clock.setattr(_helpers, "utcnow", lambda: wrong)
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "clock_wrong"
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert await began_again(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    "answer", [{"status": 403, "content": "<title>Blocked</title>"}, {"status": 200}]
)
async def test_something_else_answers(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, answer: dict[str, Any]
) -> None:
    """A filter that answers in place of the token endpoint asks for no new key."""
    warehouse.server.add_fault("token", "foreign", times=None, **answer)
    try:
        assert not await hass.config_entries.async_setup(entry.entry_id)
    finally:
        warehouse.server.clear_faults()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "intercepted"
    assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert await began_again(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_damaged_key(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A key that was damaged on the disk asks for a new one."""
    data = {**entry.data, CONF_SERVICE_ACCOUNT_KEY: {"type": "service_account"}}
    hass.config_entries.async_update_entry(entry, data=data)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == "reauth"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: "[]",
        lambda text: re.sub(r'"version":\d+', '"version":99', text),
        lambda text: re.sub(r'"positions":{.*?},"intent"', '"positions":[],"intent"', text),
        lambda text: re.sub(r'"cursor":(\d+)', r'"cursor":1\1', text),
    ],
)
async def test_damaged_checkpoint(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    damage: Callable[[str], str],
) -> None:
    """A checkpoint that cannot be read is moved aside, and nothing is duplicated without it."""
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    assert await hass.config_entries.async_unload(entry.entry_id)
    file = CheckpointFile(hass, entry.entry_id)
    text = orjson.dumps(document_of(file.path.read_bytes())).decode()
    damaged = damage(text)
    assert damaged != text
    file.path.write_text(damaged)

    assert await hass.config_entries.async_setup(entry.entry_id)
    (aside,) = file.path.parent.glob("*.unreadable-*")
    assert aside.read_text() == damaged
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    keys = [(row["entity_id"], row["last_updated"]) for row in warehouse.rows()]
    assert len(keys) == len(set(keys)) >= 5
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Removing an entry deletes what it kept in Home Assistant."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    files = CheckpointFile(hass, entry.entry_id), RejectedRows(hass, entry.entry_id)
    files[0].save(Checkpoint())
    files[1].append("export", SENSOR_DATA, [])
    await hass.config_entries.async_remove(entry.entry_id)
    assert not any(file.path.exists() for file in files)


@pytest.fixture
async def slow_export(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record 60 states of which an export takes one at a time, with a pause after each."""
    monkeypatch.setattr("custom_components.bigquery_export.export.pace._PAUSE", 0.2)
    monkeypatch.setattr("custom_components.bigquery_export.export.pace._SHORTEST", 0.2)
    monkeypatch.setattr("custom_components.bigquery_export.export.batch_reader.PIECE_ROWS", 1)
    await record(hass, 60)


@pytest.mark.usefixtures("slow_export")
@pytest.mark.parametrize("end", ["unload", "stop"])
async def test_running_export_ends(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    """Unloading, or stopping Home Assistant, ends a running export within seconds and cleanly."""
    monkeypatch.setattr("custom_components.bigquery_export.coordinator._SHOWN_AFTER", 0)
    assert await hass.config_entries.async_setup(entry.entry_id)
    export = hass.async_create_task(
        hass.services.async_call(DOMAIN, "export_now", {}, blocking=True, return_response=True)
    )
    await async_wait_until(
        lambda: hass.states.is_state("sensor.home_sensor_data_status", "exporting"), 60
    )
    async with patient(3):
        if end == "unload":
            assert await hass.config_entries.async_unload(entry.entry_id)
        else:
            hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
        with pytest.raises(Exception, match="The export was stopped"):
            await export
    assert warehouse.rows() == []
    if end == "stop":
        with pytest.raises(Exception, match="The export was stopped"):
            await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("slow_export")
async def test_export_that_is_prepared_ends(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An export that is stopped before its first row has none, and says that it was stopped."""
    prepare = JobFactory.async_new_run
    preparing = asyncio.Event()

    async def prepare_until_stopped(jobs: JobFactory, *args: Any, **options: Any) -> Any:
        run = await prepare(jobs, *args, **options)
        preparing.set()
        await async_wait_until(lambda: entry.runtime_data.runner.stopped, 60)
        return run

    monkeypatch.setattr(JobFactory, "async_new_run", prepare_until_stopped)
    assert await hass.config_entries.async_setup(entry.entry_id)
    export = hass.async_create_task(
        hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    )
    await preparing.wait()
    async with patient(3):
        assert await hass.config_entries.async_unload(entry.entry_id)
        with pytest.raises(HomeAssistantError, match="The export was stopped"):
            await export
    assert warehouse.rows() == []


async def test_running_load_job(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """An export does not wait for a load job when Home Assistant stops; the next export does."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    hass.config_entries.async_update_entry(entry, options={CONF_DELIVERY: "load_job"})
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    warehouse.server.change_settings(job_seconds=60)
    checkpoint = CheckpointFile(hass, entry.entry_id)
    try:
        export = hass.async_create_task(
            hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
        )
        await async_wait_until(lambda: bool(checkpoint.load().intent), 60)
        async with patient(3):
            assert await hass.config_entries.async_unload(entry.entry_id)
            with pytest.raises(HomeAssistantError, match="The export was stopped"):
                await export
        assert warehouse.rows() == []
    finally:
        warehouse.server.change_settings(job_seconds=0.05)
    assert checkpoint.load().intent

    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    assert len(warehouse.rows(where="entity_id = 'sensor.s0'")) == 5
    assert await hass.config_entries.async_unload(entry.entry_id)
