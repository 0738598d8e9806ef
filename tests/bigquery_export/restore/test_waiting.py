"""Restores that wait: while the export is paused, and until BigQuery lists what was streamed."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.bigquery import streaming_buffer
from custom_components.bigquery_export.export.corrections.corrections import Corrections
from custom_components.bigquery_export.restore import restore as restore_module, versions
from custom_components.bigquery_export.restore.importer import Importer
from custom_components.bigquery_export.restore.report import Outcome
from custom_components.bigquery_export.restore.request import RestoreRequest
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.factory import JobFactory
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.status.issues import RESTORE_OFFERED
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.lost_home import KINDS, lose_database, record_history, shown
from tests.bigquery_export.support.repair_dialog import RepairDialog
from tests.bigquery_export.support.restores import FRESH, HOURS, logged, same, sent
from tests.bigquery_export.support.status import state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

TWO = KINDS[1:3]
"""A wind that has a direction, and a meter."""
_ALL = len(HOURS) * len(TWO)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import a few hours at once, of one statistic after another."""
    monkeypatch.setattr(restore_module, "_BATCH_ROWS", 10)
    monkeypatch.setattr(versions, "MAX_ROWS", 15)


async def lost(hass: HomeAssistant, runner: Runner) -> Any:
    """Export a home of two statistics, and lose its database; return what was shown before."""
    await record_history(hass, HOURS, TWO)
    assert await sent(runner, force=False) == {"statistics": _ALL}
    before = await shown(hass)
    await lose_database(hass, FRESH, TWO)
    return before


def during_import(monkeypatch: pytest.MonkeyPatch, do: Callable[[], Awaitable[None]]) -> None:
    """Let something happen while the next hours are imported."""
    original = Importer.async_import

    async def async_import(importer: Importer, statistic: Any, hours: Any) -> None:
        await original(importer, statistic, hours)
        monkeypatch.setattr(Importer, "async_import", original)
        await do()

    monkeypatch.setattr(Importer, "async_import", async_import)


def grows(after: Any) -> bool:
    """Return whether the meter grows in each hour as its readings do, or was reset."""
    hours = list(after["sensor.meter"].values())
    return all(
        two["sum"] - one["sum"] == pytest.approx(two["state"] - one["state"])
        for one, two in pairwise(hours)
        if two["state"] >= one["state"]
    )


@pytest.mark.usefixtures("small_pieces")
async def test_paused_and_canceled(
    hass: HomeAssistant,
    runner: Runner,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the export is paused nothing begins; what is canceled ends at once, and only ends."""
    before = await lost(hass, runner)
    await runner.async_export(Trigger.ACTION)
    scheduler, coordinator = entry.runtime_data.scheduler, entry.runtime_data.coordinator
    exports = 0
    new_run = JobFactory.async_new_run

    async def counting(*args: Any) -> Any:
        nonlocal exports
        exports += 1
        return await new_run(*args)

    monkeypatch.setattr(JobFactory, "async_new_run", counting)

    async def pause() -> None:
        await act_without_response(hass, "pause")

    # Neither the repair nor the action begins anything while the export is paused.
    await pause()
    dialog = await RepairDialog.create(hass, hass_client)
    await dialog.open(RESTORE_OFFERED, entry)
    assert (await dialog.submit())["type"] == "create_entry"
    assert runner.restorer.is_wanted
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "restore_statistics", dry_run=False)
    assert raised.value.translation_key == "restore_waiting"
    await act_without_response(hass, "cancel_restore")
    assert not runner.restorer.is_wanted
    response = await act(hass, "restore_statistics", dry_run=False)
    assert (response["outcome"], response["hours_imported"]) == ("paused", 0)
    await coordinator.async_refresh()
    assert state(hass, "restore_progress") == "0.0"
    await act_without_response(hass, "cancel_restore")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert exports == 0
    with pytest.raises(ServiceValidationError) as raised:
        await act_without_response(hass, "cancel_restore")
    assert raised.value.translation_key == "restore_none"

    # Paused in the middle, and canceled while another job was running, or before a restart.
    scheduler.async_pause(False)
    during_import(monkeypatch, pause)
    report = await runner.async_restore(RestoreRequest())
    assert report.outcome is Outcome.PAUSED
    assert 0 < report.imported < _ALL
    exports = 0
    await runner.restorer.async_cancel()
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (exports, runner.restorer.is_wanted) == (0, False)
    after = await shown(hass)
    assert len(after["sensor.meter"]) < len(HOURS) + len(FRESH)
    assert grows(after)
    assert (await sent(runner))["statistics"] > 0  # Sums were shifted, which is corrected.

    # Canceled while it runs.
    scheduler.async_pause(False)
    during_import(monkeypatch, lambda: act_without_response(hass, "cancel_restore"))
    report = await runner.async_restore(RestoreRequest())
    assert report.outcome is Outcome.CANCELED
    assert 0 < report.imported < _ALL
    assert grows(await shown(hass))

    # Paused once more; it continues by itself when the pause ends.
    during_import(monkeypatch, pause)
    assert (await runner.async_restore(RestoreRequest())).outcome is Outcome.PAUSED
    await runner.async_export(Trigger.ACTION)
    assert runner.restorer.is_wanted
    scheduler.async_pause(False)
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not runner.restorer.is_wanted
    after = await shown(hass)
    same(before, after)
    assert grows(after)
    assert await sent(runner) == {"statistics": 0}
    restores = logged(warehouse, "restore", "outcome IS NOT NULL")
    assert [outcome for _, _, outcome in restores] == [*["canceled"] * 4, "completed"]
    assert sum(hours for hours, _, _ in restores) == _ALL


async def act_without_response(hass: HomeAssistant, name: str) -> None:
    """Use an action that returns nothing."""
    await hass.services.async_call("bigquery_export", name, {}, blocking=True)


@pytest.fixture
def buffer(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let BigQuery list rows of write streams after 90 minutes."""
    monkeypatch.setattr(streaming_buffer, "_UNCHANGED", 0.0)
    warehouse.server.change_settings(buffer_seconds=5400, buffer_lag_seconds=120)
    yield
    warehouse.server.change_settings(buffer_seconds=0, buffer_lag_seconds=0)


@pytest.mark.real_buffer
@pytest.mark.usefixtures("buffer")
async def test_streaming_buffer(
    hass: HomeAssistant,
    runner: Runner,
    warehouse: Warehouse,
    key: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What BigQuery does not list yet is waited for, cheaply, and named in a dry run."""
    before = await lost(hass, runner)
    dry = await runner.async_restore(RestoreRequest(dry_run=True))
    assert (dry.all_listed, dry.total("found")) == (False, 0)
    with pytest.raises(HomeAssistantError) as raised:
        await runner.async_restore(RestoreRequest())
    assert raised.value.translation_key == "rows_not_listed"
    # With the right to run queries, exports do not wait; lists do not have all rows even so.
    warehouse.grant(key, DATA_EDITOR, JOB_USER)
    checks = 0
    work = Corrections._async_work

    async def counting(corrections: Corrections) -> None:
        nonlocal checks
        checks += 1
        await work(corrections)

    monkeypatch.setattr(Corrections, "_async_work", counting)
    await runner.async_export(Trigger.ACTION)
    checks = 0
    for _ in range(2):
        await runner.async_export(Trigger.RESTORE)
    assert (checks, runner.restorer.is_wanted) == (0, True)
    assert len((await shown(hass))["sensor.meter"]) == len(FRESH)

    warehouse.server.move_clock(2 * 60 * 60)
    await runner.async_export(Trigger.RESTORE)
    assert not runner.restorer.is_wanted
    same(before, await shown(hass))
