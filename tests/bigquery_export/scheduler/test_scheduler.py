"""When a failed export is retried."""

import asyncio
from datetime import timedelta
from time import monotonic
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import StorageUnreachableError
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner import job_runner
from custom_components.bigquery_export.runner.requests import ExportRequest
from custom_components.bigquery_export.runner.runner import Runner
from tests.bigquery_export.support.recording import record

DOWN = StorageUnreachableError(endpoint="storage", message="down")


async def _async_fail(runner: Runner, trigger: Trigger) -> float:
    """Export while BigQuery is down; when the retry is due, by the monotonic clock."""
    with (
        patch.object(StorageWriteDelivery, "begin", side_effect=DOWN),
        pytest.raises(HomeAssistantError),
    ):
        await runner.async_export(trigger)
    assert runner.health.retry_at is not None
    return runner.health.retry_at


async def test_other_exports_do_not_postpone_a_retry(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry has its time: exports of some tables that succeed meanwhile do not change it."""
    monkeypatch.setattr("custom_components.bigquery_export.status.health.delay", lambda *_: 90.0)
    runner = loaded.runtime_data.runner
    await record(hass, 1)
    due = await _async_fail(runner, Trigger.ACTION)
    await runner.async_export(Trigger.ACTION, ExportRequest(frozenset({"events"})))
    assert runner.health.retry_at == due
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=due - monotonic() + 1))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not runner.health.retrying
    assert runner.health.last_error is None


@pytest.mark.parametrize("meanwhile", [(), (Trigger.ACTION,)])
async def test_export_before_a_purge_is_retried_while_paused(
    hass: HomeAssistant, loaded: MockConfigEntry, meanwhile: tuple[Trigger, ...]
) -> None:
    """Rows that the recorder is about to delete are exported, though all attempts have failed.

    One that a user has begun meanwhile does not replace the next.
    """
    scheduler, runner = loaded.runtime_data.scheduler, loaded.runtime_data.runner
    scheduler.async_pause(True)
    await record(hass, 1)
    for trigger in (Trigger.RETENTION, *meanwhile):
        due = await _async_fail(runner, trigger)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=due - monotonic() + 1))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not runner.health.retrying
    assert runner.health.last_error is None
    assert runner.checkpoint.last_export is not None


async def test_a_clock_that_goes_back_does_not_postpone_a_retry(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry waits for so many seconds, whatever the clock says meanwhile."""
    monkeypatch.setattr("custom_components.bigquery_export.status.health.delay", lambda *_: 90.0)
    runner = loaded.runtime_data.runner
    await record(hass, 1)
    await _async_fail(runner, Trigger.ACTION)
    behind = dt_util.utcnow().timestamp() - 7_200
    later = dt_util.utcnow() + timedelta(seconds=91)
    monkeypatch.setattr("homeassistant.helpers.event.time_tracker_timestamp", lambda: behind)
    async_fire_time_changed(hass, later)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not runner.health.retrying


async def test_an_export_that_is_to_end_is_no_error(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a reload ends is continued after it, and nothing has failed."""
    began = asyncio.Event()

    async def work(_: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Run, "_async_work", work)
    monkeypatch.setattr(job_runner, "STOP_TIMEOUT", 0.01)
    loaded.runtime_data.scheduler._async_begin(Trigger.SCHEDULE)
    await began.wait()
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert "failed" not in caplog.text
