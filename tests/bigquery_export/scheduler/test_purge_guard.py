"""Exports before the recorder deletes, and what is said of rows that it has deleted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
import logging
from typing import Any
from unittest.mock import Mock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.persistent_notification import Notification
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY, CONF_TABLES, DOMAIN
from custom_components.bigquery_export.errors import QuotaExceededError
from custom_components.bigquery_export.export.checkpoint import Checkpoint, Gap
from custom_components.bigquery_export.export.purge import (
    RowsAtRisk,
    next_purge,
)
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.scheduler.purge_guard import PurgeGuard
from custom_components.bigquery_export.settings.options import options_from
from custom_components.bigquery_export.source import readiness
from custom_components.bigquery_export.status import issues
from custom_components.bigquery_export.status.backlog import async_read_backlog
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.databases import (
    insert_rows,
)
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.query_plans import statements
from tests.bigquery_export.support.recorder_rows import MODELS
from tests.bigquery_export.support.recording import execute, record, rewrite
from tests.bigquery_export.support.status import issues_of, state
from tests.bigquery_export.support.warehouse import Warehouse

DAY = 86_400
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def ago(days: float) -> float:
    """Return a time before NOW, in seconds since 1970."""
    return NOW.timestamp() - days * DAY


async def test_chances(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Rows at risk are exported once a day, and once more within the hour before a purge."""
    await hass.config.async_set_time_zone("UTC")
    guard = PurgeGuard()
    at_risk = RowsAtRisk(1, ago(9.5), NOW)
    chances = []
    for minutes in range(0, 48 * 60, 5):
        freezer.move_to(NOW + timedelta(minutes=minutes))
        if guard.async_take_chance(at_risk):
            chances.append(f"{dt_util.utcnow():%d %H:%M}")
    assert chances == ["21 12:00", "22 03:15", "22 04:15", "23 03:15", "23 04:15"]
    assert not PurgeGuard().async_take_chance(None)


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    """Return an entry for states alone that is set up, with three rows exported."""
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: ["sensor_data"]})
    await record(hass, 3)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await async_wait_recording_done(hass)
    await export_now(hass)
    await async_wait_recording_done(hass)
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)


async def make_old(hass: HomeAssistant, days: float) -> None:
    """Record five states, so many days ago."""
    await record(hass, 5, name="old")
    time = dt_util.utcnow().timestamp() - days * DAY
    await execute(hass, f"UPDATE states SET last_updated_ts = {time} WHERE state_id > 3")  # noqa: S608


def purge_in(monkeypatch: pytest.MonkeyPatch, until: timedelta) -> None:
    """Let the recorder's next purge be so much later than now, and another a day after it."""
    purge = dt_util.utcnow() + until

    def next_after(now: datetime) -> datetime:
        return purge if now < purge else purge + timedelta(days=1)

    for module in ("export.purge", "scheduler.purge_guard"):
        monkeypatch.setattr(f"custom_components.bigquery_export.{module}.next_purge", next_after)


async def refresh(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Update the status, and wait for the export that this may begin."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)


def triggers(warehouse: Warehouse) -> list[str]:
    """Return what began the exports."""
    log = "SELECT DISTINCT `trigger` FROM home.export_log ORDER BY 1"
    return [row["trigger"] for row in warehouse.server.query(log, warehouse.project)]


async def test_export_before_the_purge(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Rows that come to be at risk are exported whatever the schedule says, others are not."""
    await make_old(hass, 7.9)
    await refresh(hass, loaded)
    assert triggers(warehouse) == ["action"]
    await execute(hass, "UPDATE states SET last_updated_ts = last_updated_ts - 86400")
    await execute(hass, "UPDATE states SET last_updated_ts = last_updated_ts - 8640")
    await refresh(hass, loaded)
    assert triggers(warehouse) == ["action", "retention"]
    assert state(hass, "rows_waiting") != "unavailable"
    assert loaded.runtime_data.coordinator.backlog.at_risk is None
    assert issues_of(hass) == {}


async def test_export_when_home_assistant_starts(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Rows that came to be at risk while Home Assistant was off are exported when it is on."""
    await make_old(hass, 9)
    await execute(hass, "UPDATE states SET last_updated_ts = last_updated_ts - 864000")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(warehouse.rows()) >= 5
    assert triggers(warehouse) == ["retention"]
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("setting", "value"), [("auto_purge", False), ("keep_days", 30), ("keep_days", 36_500)]
)
async def test_nothing_is_at_risk(
    hass: HomeAssistant, loaded: MockConfigEntry, setting: str, value: int
) -> None:
    """What the recorder keeps is not at risk."""
    setattr(get_instance(hass), setting, value)
    await make_old(hass, 20)
    with patch.object(Runner, "async_export") as export:
        await refresh(hass, loaded)
    assert not export.called
    assert loaded.runtime_data.coordinator.backlog.at_risk is None


async def test_updates_without_entities(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The backlog is read every five minutes, also without a listener."""
    assert await hass.config_entries.async_unload(loaded.entry_id)
    monkeypatch.setattr("custom_components.bigquery_export._PLATFORMS", ())
    assert await hass.config_entries.async_setup(loaded.entry_id)
    await make_old(hass, 9.5)
    with patch.object(Runner, "async_export") as export:
        freezer.tick(timedelta(minutes=6))
        async_fire_time_changed(hass)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert export.call_count == 1


async def test_risk_that_stays(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """When the export fails an issue says what is at stake, and goes when it has succeeded."""
    await make_old(hass, 20)
    key = loaded.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    original = Runner._async_export
    with patch.object(Runner, "_async_export", autospec=True, side_effect=original) as runs:
        for _ in range(4):
            await refresh(hass, loaded)
        # A chance, and another if a purge is less than an hour away or was in between.
        assert 1 <= runs.call_count <= 2
    waiting = loaded.runtime_data.coordinator.data.rows_waiting
    issue = issues_of(hass)["rows_in_danger"]
    assert issue is not None
    purge = dt_util.as_local(next_purge(dt_util.utcnow()))
    oldest = dt_util.now() - timedelta(days=20)
    assert issue["title"] == "home.sensor_data"
    assert issue["count"] == str(waiting)
    assert waiting >= 5
    assert issue["purge"] == f"{purge:%Y-%m-%d} 04:12"
    assert issue["oldest"].startswith(f"{oldest:%Y-%m-%d}")

    warehouse.grant(key, "roles/bigquery.dataEditor")
    await export_now(hass)
    assert issues_of(hass) == {}
    assert len(warehouse.rows()) >= 8


async def test_retry_is_left_alone(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that will be tried again is not begun once more because of rows at risk."""
    purge_in(monkeypatch, timedelta(hours=12))
    error = QuotaExceededError(message="too much")
    begin = Mock(side_effect=error)
    monkeypatch.setattr(StorageWriteDelivery, "begin", begin)
    await record(hass, 1)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    retry = loaded.runtime_data.scheduler._cancel_retry
    assert retry
    await make_old(hass, 20)
    await refresh(hass, loaded)
    assert begin.call_count == 1
    assert loaded.runtime_data.scheduler._cancel_retry is retry
    assert issues_of(hass).keys() == {"rows_in_danger"}


@pytest.mark.parametrize(("minutes", "runs"), [(30, 1), (30 + 6 * 60, 0)])
async def test_retry_after_the_purge(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    runs: int,
) -> None:
    """A retry that would come too late does not take the place of the last chance before."""
    purge_in(monkeypatch, timedelta(minutes=minutes))
    monkeypatch.setattr("custom_components.bigquery_export.status.health.delay", lambda *_: 18_000)
    with monkeypatch.context() as down:
        error = QuotaExceededError(message="too much")
        down.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
        await record(hass, 1)
        with pytest.raises(HomeAssistantError):
            await export_now(hass)
    await make_old(hass, 20)
    original = Runner._async_export
    with patch.object(Runner, "_async_export", autospec=True, side_effect=original) as exports:
        await refresh(hass, loaded)
    assert exports.call_count == runs
    assert loaded.runtime_data.runner.health.retrying == (not runs)
    assert len(warehouse.rows()) >= 6 * runs


async def purge_past_the_cursor(hass: HomeAssistant, exporter: Exporter) -> None:
    """Export ten rows, fall asleep for twelve days, and find eight of the next rows purged."""
    await record(hass, 10)
    await execute(
        hass, "UPDATE states SET last_updated_ts = last_updated_ts - ? + state_id", 12 * DAY
    )
    await exporter.export()
    checkpoint = exporter.file.load()
    assert checkpoint.last_export
    exporter.file.save(replace(checkpoint, last_export=checkpoint.last_export - 12 * DAY))
    await record(hass, 20, name="new")
    await rewrite(hass, "DELETE FROM states WHERE state_id <= 18")


async def test_gap(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Rows that were purged before they were exported are counted, dated and logged, once."""
    await purge_past_the_cursor(hass, exporter)
    run = exporter.new_run()
    await run.async_run()
    (gap,) = run.gaps
    now = dt_util.utcnow().timestamp()
    assert (gap.table, gap.rows) == ("sensor_data", 8)
    assert abs(gap.since - (now - 12 * DAY)) < 60
    assert abs(gap.until - now) < 60
    again = exporter.new_run()
    await again.async_run()
    assert again.gaps == []
    assert states_in(warehouse) == [str(n) for n in [*range(10), *range(8, 20)]]
    # What another test has left behind may be logged now.
    ours = [r for r in caplog.records if r.name.startswith("custom_components.")]
    errors = [r.message for r in ours if r.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "up to about 8 rows of sensor_data" in errors[0]


async def test_more_is_lost(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While exports fail more may be lost, and each row is counted once."""
    await purge_past_the_cursor(hass, exporter)
    lost: list[int] = []
    with monkeypatch.context() as patched:
        error = QuotaExceededError(message="too much")
        patched.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
        for until in (18, 18, 21, 25):
            await rewrite(hass, f"DELETE FROM states WHERE state_id <= {until}")  # noqa: S608
            run = exporter.new_run()
            with pytest.raises(QuotaExceededError):
                await run.async_run()
            lost.append(sum(gap.rows for gap in run.gaps))
    assert lost == [8, 0, 3, 4]
    assert (await exporter.export()).rows == {"sensor_data": 5}


async def test_nothing_is_lost(hass: HomeAssistant, exporter: Exporter) -> None:
    """What was exported may be purged."""
    await record(hass, 10)
    await exporter.export()
    await record(hass, 5, name="new")
    await rewrite(hass, "DELETE FROM states WHERE state_id <= 10")
    run = exporter.new_run()
    await run.async_run()
    assert run.gaps == []


def gaps(*rows: int) -> Checkpoint:
    """Return a checkpoint with gaps, of a table each."""
    checkpoint = Checkpoint()
    for n in rows:
        gap = Gap(f"table{n % 10}", n, NOW.timestamp() - n * DAY, NOW.timestamp())
        checkpoint = checkpoint.with_gap(gap)
    return checkpoint


async def test_issue_of_gaps(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """All gaps are in one issue, which outlives a restart."""
    await hass.config.async_set_time_zone("Europe/Amsterdam")
    registry = ir.async_get(hass)
    issues.async_show_gaps(hass, entry, ())
    assert issues_of(hass) == {}
    issues.async_show_gaps(hass, entry, gaps(3, 1, 11, 2).gaps)
    issues.async_clear_issues(hass, entry)
    assert issues_of(hass)["rows_lost"] == {
        "title": "home.sensor_data",
        "count": "17",
        "tables": "table1, table2, table3",
        "since": "2026-11-10 13:00",
        "until": "2026-11-21 13:00",
    }
    issue = registry.async_get_issue(DOMAIN, f"rows_lost_{entry.entry_id}")
    assert issue is not None
    assert issue.is_persistent
    issues.async_remove_issues(hass, entry)
    assert issues_of(hass) == {}


async def test_gaps_are_summed_until_they_are_acknowledged(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """Gaps are kept in the checkpoint, shown after a restart, and forgotten when ignored."""
    runner = loaded.runtime_data.runner
    await runner._journal.async_update(partial(replace, gaps=gaps(3).gaps))
    assert await hass.config_entries.async_reload(loaded.entry_id)
    placeholders = issues_of(hass)["rows_lost"]
    assert placeholders is not None
    assert placeholders["count"] == "3"
    runner = loaded.runtime_data.runner
    assert runner.checkpoint.gaps == gaps(3).gaps

    # A user who ignores them has read it: gaps that are found later are shown by themselves.
    ir.async_get(hass).async_ignore(DOMAIN, f"rows_lost_{loaded.entry_id}", True)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await export_now(hass)
    assert loaded.runtime_data.runner.checkpoint.gaps == ()
    assert issues_of(hass) == {}


async def test_gap_and_position_are_saved_together(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash right after a gap was found does not make it forgotten: it is in the checkpoint."""
    await purge_past_the_cursor(hass, exporter)
    error = QuotaExceededError(message="too much")
    monkeypatch.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
    with pytest.raises(QuotaExceededError):
        await exporter.export()
    (gap,) = exporter.file.load().gaps
    assert (gap.table, gap.rows) == ("sensor_data", 8)


async def test_export_that_finds_rows_lost(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    notifications: dict[str, Notification],
) -> None:
    """The issue comes also when the export fails that finds the gap, and stays when one ends."""
    await record(hass, 20, name="new")
    await rewrite(
        hass, "DELETE FROM states WHERE state_id <= (SELECT MAX(state_id) - 5 FROM states)"
    )
    key = loaded.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    assert "rows_lost" in issues_of(hass)
    event = "event.home_sensor_data_event"
    states = [e.data["new_state"] for e in changes if e.data["entity_id"] == event]
    gap, failed = [found.attributes for found in states if found]
    assert gap["event_type"] == "gap_found"
    assert gap["rows"] >= 10
    assert gap["tables"] == ["sensor_data"]
    assert gap["since"] <= gap["until"]
    assert failed["event_type"] == "failed"
    told = notifications[f"bigquery_export_gap_found_{loaded.entry_id}"]["message"]
    assert "rows of sensor_data from 20" in told
    warehouse.grant(key, "roles/bigquery.dataEditor")
    await export_now(hass)
    assert issues_of(hass).keys() == {"rows_lost"}


async def test_newer_recorder(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A recorder that is newer than the integration is an issue until the integration knows it."""
    get_instance(hass).schema_version = 55
    await refresh(hass, loaded)
    assert issues_of(hass) == {
        "recorder_newer": {"title": "home.sensor_data", "version": "55", "known": "53"}
    }
    await record(hass, 1)
    await export_now(hass)
    assert issues_of(hass).keys() == {"recorder_newer"}
    with patch.object(issues, "KNOWN_SCHEMA", 55):
        await refresh(hass, loaded)
    assert issues_of(hass) == {}


async def test_recorder_that_is_not_ready(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the recorder migrates, or when it could not, nothing is counted, and it says why."""
    monkeypatch.setattr(readiness, "async_migration_in_progress", lambda _: True)
    with statements(hass) as sent:
        await loaded.runtime_data.coordinator.async_refresh()
    assert not [sql for sql, _ in sent if "count" in sql]
    assert "upgrading its database" in str(loaded.runtime_data.coordinator.last_exception)
    assert state(hass, "status") == "unavailable"
    monkeypatch.undo()
    get_instance(hass).schema_version = 52
    await loaded.runtime_data.coordinator.async_refresh()
    assert "has version 52, but exports need 53" in str(
        loaded.runtime_data.coordinator.last_exception
    )
    get_instance(hass).schema_version = 53
    await loaded.runtime_data.coordinator.async_refresh()
    assert state(hass, "status") == "idle"


async def test_flush(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """The action exports what has just happened when it is asked to flush."""
    get_instance(hass).commit_interval = 3_600
    hass.states.async_set("sensor.s0", "right before")
    await hass.services.async_call(DOMAIN, "export_now", {"flush": True}, blocking=True)
    assert "right before" in states_in(warehouse)


async def test_long_term_statistics(hass: HomeAssistant) -> None:
    """Long-term statistics wait as long as they like: the recorder keeps them."""
    options = options_from({CONF_TABLES: ["sensor_data", "statistics"]})
    await insert_rows(hass, MODELS["statistics"], [{"start_ts": 0.0, "created_ts": 0.0}])
    backlog = await async_read_backlog(hass, options, Checkpoint())
    assert (backlog.total, backlog.at_risk) == (1, None)
    await insert_rows(hass, MODELS["sensor_data"], [{"last_updated_ts": 0.0}])
    backlog = await async_read_backlog(hass, options, Checkpoint())
    assert backlog.total == 2
    assert backlog.at_risk
    assert backlog.at_risk.rows == 1
