"""What may happen around a job: pauses, acknowledged gaps, discarded rows and errors."""

import asyncio
from datetime import timedelta
from threading import Event
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.storage_write import (
    PendingStream,
    StorageWriteDelivery,
)
from custom_components.bigquery_export.const import CONF_TABLES
from custom_components.bigquery_export.errors import RecorderBusyError, StorageUnreachableError
from custom_components.bigquery_export.export.checkpoint import Checkpoint, Gap
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.corrections.corrections import local_day
from custom_components.bigquery_export.export.dimensions.snapshot_file import SnapshotFile
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.home import registries
from custom_components.bigquery_export.home.relationships import async_relationships
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG, Trigger
from custom_components.bigquery_export.runner import home_reader, job_runner
from custom_components.bigquery_export.runner.factory import JobFactory
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

GAP = Gap("sensor_data", 1, 1.0, 2.0)
DOWN = StorageUnreachableError(endpoint="storage", message="down")


@pytest.mark.parametrize("caller_is_canceled", [False, True])
async def test_a_job_that_has_to_be_canceled(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    *,
    caller_is_canceled: bool,
) -> None:
    """Who waits for it is told that it was stopped: a script goes on, and a browser is answered."""
    began = asyncio.Event()

    async def work(_: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Run, "_async_work", work)
    monkeypatch.setattr(job_runner, "STOP_TIMEOUT", 0.01)
    runner = loaded.runtime_data.runner
    called = hass.async_create_task(runner.async_export(Trigger.ACTION))
    await began.wait()
    if caller_is_canceled:
        called.cancel()
    else:
        assert await hass.config_entries.async_unload(loaded.entry_id)
    await asyncio.wait([called])
    assert called.cancelled() == caller_is_canceled
    assert runner.is_running == caller_is_canceled
    if not caller_is_canceled:
        with pytest.raises(HomeAssistantError, match="The export was stopped"):
            called.result()


async def test_gaps_are_acknowledged_while_a_job_runs(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checkpoint has one change after the other, so that none takes another one back."""
    runner = loaded.runtime_data.runner
    await runner.async_export(Trigger.ACTION)
    await runner._journal.async_update(lambda now: now.with_gap(GAP))
    await record(hass, 3, name="more")
    written = Event()
    tasks: list[asyncio.Task[None]] = []
    save, finish = CheckpointFile.save, PendingStream.finish

    def save_slowly(file: CheckpointFile, checkpoint: Checkpoint) -> None:
        if not checkpoint.gaps and not written.is_set():
            written.set()
            Event().wait(0.5)
        save(file, checkpoint)

    def acknowledge() -> None:
        tasks.append(hass.async_create_task(runner.missing.async_acknowledge_gaps()))

    def finish_meanwhile(stream: PendingStream) -> None:
        if not written.is_set():
            hass.loop.call_soon_threadsafe(acknowledge)
            assert written.wait(10)
        finish(stream)

    monkeypatch.setattr(CheckpointFile, "save", save_slowly)
    monkeypatch.setattr(PendingStream, "finish", finish_meanwhile)
    await runner.async_export(Trigger.ACTION)
    await tasks[0]
    await runner.async_export(Trigger.ACTION)
    assert runner.checkpoint.gaps == ()
    ids = [int(row["state_id"]) for row in warehouse.rows("state_id")]
    assert len(ids) == len(set(ids))


async def test_gaps_are_acknowledged_while_the_recorder_cannot_be_read(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """A change of the checkpoint without a job does not show that the recorder can be read."""
    data = loaded.runtime_data
    await data.runner._journal.async_update(lambda now: now.with_gap(GAP))
    module = "custom_components.bigquery_export.coordinator"
    with patch(f"{module}.check_recorder", side_effect=RecorderBusyError):
        await data.coordinator.async_refresh()
    data.coordinator._shown_at = 0.0
    await data.runner.missing.async_acknowledge_gaps()
    assert data.coordinator.failing


@pytest.mark.usefixtures("small_chunks")
async def test_pause_while_a_run_is_prepared(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause counts from its moment on: the backfill of a run that is being made waits."""
    monkeypatch.setattr("custom_components.bigquery_export.export.resume.MAX_ROWS", 10)
    await record(hass, 60)
    data = loaded.runtime_data
    new_run = JobFactory.async_new_run

    async def new_run_paused(jobs: JobFactory, *args: Any) -> Any:
        data.scheduler.async_pause(True)
        return await new_run(jobs, *args)

    monkeypatch.setattr(JobFactory, "async_new_run", new_run_paused)
    await data.runner.async_export(Trigger.SCHEDULE)
    assert data.runner.checkpoint.table_position("sensor_data").backfill


async def test_rejected_rows_that_cannot_be_counted(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """Whatever fails at the end of a job, its end is shown, and a retry is planned."""
    data = loaded.runtime_data
    await record(hass, 1)
    with (
        patch.object(StorageWriteDelivery, "begin", side_effect=DOWN),
        patch.object(RejectedRows, "count_by_reason", side_effect=OSError("no disk")),
        pytest.raises(OSError, match="no disk"),
    ):
        await data.runner.async_export(Trigger.ACTION)
    assert data.coordinator.data.status == "retrying"
    assert data.scheduler._cancel_retry


async def test_nothing_begins_while_rejected_rows_are_discarded(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of rejected rows is deleted alone, as a job runs alone."""
    runner = loaded.runtime_data.runner
    begun, ended = Event(), Event()
    remove = RejectedRows.remove

    def remove_slowly(file: RejectedRows) -> None:
        begun.set()
        assert ended.wait(10)
        remove(file)

    monkeypatch.setattr(RejectedRows, "remove", remove_slowly)
    discard = hass.async_create_task(runner.async_discard_rejected())
    assert await hass.async_add_executor_job(begun.wait, 10)
    with pytest.raises(ServiceValidationError, match="An export is already running"):
        await runner.async_export(Trigger.ACTION)
    ended.set()
    assert await discard == 0
    assert not runner.is_running


async def test_a_run_saves_the_checkpoint_once(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that finds nothing writes its end to the disk, and nothing else."""
    runner = loaded.runtime_data.runner
    await runner.async_export(Trigger.ACTION)
    saved: list[Checkpoint] = []
    save = CheckpointFile.save

    def count(file: CheckpointFile, checkpoint: Checkpoint) -> None:
        saved.append(checkpoint)
        save(file, checkpoint)

    monkeypatch.setattr(CheckpointFile, "save", count)
    result = await runner.async_export(Trigger.SCHEDULE)
    assert [checkpoint.last_seconds for checkpoint in saved] == [result.seconds]


async def test_a_failure_while_paused_is_not_retried(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """A retry that would never come keeps no export from beginning before a purge."""
    data = loaded.runtime_data
    await record(hass, 1)
    data.scheduler.async_pause(True)
    with (
        patch.object(StorageWriteDelivery, "begin", side_effect=DOWN),
        pytest.raises(HomeAssistantError),
    ):
        await data.runner.async_export(Trigger.ACTION)
    assert not data.runner.health.retrying
    assert data.scheduler._cancel_retry is None


async def test_what_has_not_changed_is_not_read_again(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export reads registries and relationships once a day, and when they have changed."""
    registry = er.async_get(hass)
    registry.async_get_or_create("light", "made_up", "1", suggested_object_id="hall")
    tables = ["sensor_data", "entities", "relationships"]
    hass.config_entries.async_update_entry(loaded, options={CONF_TABLES: tables})
    await hass.config_entries.async_reload(loaded.entry_id)
    runner = loaded.runtime_data.runner
    home, load_file = "custom_components.bigquery_export.home", SnapshotFile.load

    async def read_by_an_export() -> tuple[int, int, int]:
        with (
            patch(f"{home}.registries._entity", wraps=registries._entity) as entity,
            patch(f"{home}.dimensions.async_relationships", wraps=async_relationships) as edges,
            patch.object(SnapshotFile, "load", autospec=True, side_effect=load_file) as load,
        ):
            await runner.async_export(Trigger.ACTION)
        return entity.call_count, edges.call_count, load.call_count

    entities = len(registry.entities)
    assert await read_by_an_export() == (entities, 1, 3)
    assert await read_by_an_export() == (0, 0, 0)
    registry.async_update_entity("light.hall", name="Hall")
    await hass.async_block_till_done()
    assert await read_by_an_export() == (0, 1, 2)  # The entity was read at once.
    assert await read_by_an_export() == (0, 0, 0)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=loaded.entry_id, identifiers={("made_up", "1")}, name="Lamp"
    )
    for name in ("One", "Another"):
        dr.async_get(hass).async_update_device(device.id, name_by_user=name)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert await read_by_an_export() == (entities, 1, 2)
    assert await read_by_an_export() == (0, 0, 0)
    tomorrow = local_day(dt_util.utcnow().timestamp()) + timedelta(days=1)
    monkeypatch.setattr(home_reader, "local_day", lambda time: tomorrow)
    assert await read_by_an_export() == (entities, 1, 3)


async def test_log_says_by_which_settings(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Changes of options are rows, with pseudonyms of one secret; a start alone is none."""
    excluded = {"exclude": {"entities": ["sensor.diary"]}}

    async def export(name: str, options: dict[str, Any]) -> None:
        hass.config_entries.async_update_entry(entry, options=options)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await record(hass, 1, name=name)
        await entry.runtime_data.runner.async_export(Trigger.ACTION)
        assert await hass.config_entries.async_unload(entry.entry_id)

    await export("one", {})
    await export("two", excluded)
    await export("three", excluded)
    await export("four", {**excluded, "columns": []})
    warehouse.make_views(EXPORT_LOG)
    changes = warehouse.server.query(
        "SELECT changed, exclude, columns, export_id FROM home.export_settings ORDER BY valid_from",
        warehouse.project,
    )
    assert [row["changed"] for row in changes] == [None, "exclude", "columns"]
    assert "diary" not in str(changes)
    (pseudonym,) = orjson.loads(changes[1]["exclude"])["entities"]
    assert pseudonym.startswith("sensor.hidden_")
    assert changes[2]["exclude"] == changes[1]["exclude"]
    newest = warehouse.rows("export_id")[-1]["export_id"]
    assert newest == changes[2]["export_id"]
