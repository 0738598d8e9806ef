"""When exports run, and the status that they leave."""

import asyncio
from datetime import timedelta
import logging
from typing import Any
from unittest.mock import Mock, patch

from freezegun.api import FrozenDateTimeFactory
from google.auth.transport.requests import AuthorizedSession
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import (
    ConfigEntryNotReady,
    HomeAssistantError,
    ServiceValidationError,
)
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy.exc import OperationalError

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.const import (
    CONF_BATCH_ROWS,
    CONF_EXPORT_TIME,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.errors import (
    QuotaExceededError,
    RecorderBusyError,
    StorageUnreachableError,
)
from custom_components.bigquery_export.export.dimensions.snapshot_file import SnapshotFile
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.sensor import SENSORS
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.flaky_home import FlakyHome
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.registered_home import Home
from tests.bigquery_export.support.status import issues_of, state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import patient

OWN_ENTITIES = len(SENSORS) + 4
"""Those of the export itself, which are registered, too: one more of each other platform."""


@pytest.mark.all_tables
async def test_export_now(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """The action exports everything, answers with what it did, and the sensors show it."""
    before = int(state(hass, "rows_waiting"))
    await record(hass, 3)
    assert state(hass, "status") == "idle"
    assert state(hass, "last_export") == "unknown"
    response = await export_now(hass)
    rows = warehouse.rows("export_id, state_id")
    assert response["rows"]["sensor_data"] == len(rows)
    assert set(response["rows"]) == {
        *("sensor_data", "statistics", "events", "recorder_runs", "entities", "relationships"),
    }
    assert len(rows) >= before + 3
    assert {row["export_id"] for row in rows} == {response["export_id"]}
    assert response["rejected"] == 0
    assert response["bytes"] > 0
    assert response["seconds"] > 0
    assert state(hass, "status") == "idle"
    # The export's own entities are all that is registered, each in a device, of an integration.
    dimension_rows = response["rows"]["entities"], response["rows"]["relationships"]
    assert dimension_rows == (OWN_ENTITIES, 2 * OWN_ENTITIES)
    assert state(hass, "rows_exported") == str(len(rows) + sum(dimension_rows))
    last_export = dt_util.parse_datetime(state(hass, "last_export"))
    assert last_export is not None
    assert dt_util.utcnow() - last_export < timedelta(seconds=30)


async def test_nothing_new(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an export's own entities show is no reason to ask Google for anything.

    It is sent as soon as there is anything else, or when a user wants it.
    """
    await record(hass, 1)
    await export_now(hass)
    with monkeypatch.context() as patch:
        patch.setattr(AuthorizedSession, "request", Mock(side_effect=AssertionError))
        patch.setattr(StorageWriteDelivery, "begin", Mock(side_effect=AssertionError))
        for _ in range(2):
            await async_wait_recording_done(hass)
            result = await loaded.runtime_data.runner.async_export(Trigger.SCHEDULE)
            assert not any(result.rows.values())
    await record(hass, 1, name="new")
    result = await loaded.runtime_data.runner.async_export(Trigger.SCHEDULE)
    assert result.rows["sensor_data"] > 1
    await async_wait_recording_done(hass)
    assert (await export_now(hass))["rows"]["sensor_data"] > 0
    ids = [int(row["state_id"]) for row in warehouse.rows("state_id")]
    assert sorted(ids) == list(range(1, len(ids) + 1))


@pytest.mark.all_tables
async def test_registry_values(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Rows have registry values, also of an entity that is gone; nothing is followed at the end."""
    home = Home(hass)
    entry = home.entity("kept")
    hass.states.async_set(entry.entity_id, "1")
    await async_wait_recording_done(hass)
    assert (await export_now(hass))["rows"]["entities"] == OWN_ENTITIES + 1
    home.entities.async_remove(entry.entity_id)
    hass.states.async_set(entry.entity_id, "2")
    await async_wait_recording_done(hass)
    assert (await export_now(hass))["rows"]["entities"] == 1
    rows = warehouse.rows("registry_id, state_id", f"entity_id = '{entry.entity_id}'")
    assert [row["registry_id"] for row in rows] == [entry.id] * 2
    file = SnapshotFile(hass, loaded.entry_id, "entities").path
    assert file.exists()
    registries = loaded.runtime_data.runner._jobs._home._registries
    assert registries._unsubscribe
    assert await hass.config_entries.async_remove(loaded.entry_id)
    assert not registries._unsubscribe
    assert not file.exists()


@pytest.mark.all_tables
async def test_relationships_while_it_starts(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What is not set up yet is not taken for gone: relationships wait until all is."""
    assert (await export_now(hass))["rows"]["relationships"] == 2 * OWN_ENTITIES
    Home(hass).entity("new")
    hass.set_state(CoreState.starting)
    rows = (await export_now(hass))["rows"]
    assert "relationships" not in rows
    assert rows["entities"] == 1
    hass.set_state(CoreState.running)
    assert (await export_now(hass))["rows"]["relationships"] == 1
    file = SnapshotFile(hass, loaded.entry_id, "relationships").path
    assert file.exists()
    assert await hass.config_entries.async_remove(loaded.entry_id)
    assert not file.exists()


async def test_integrations(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    hass_storage: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outages are sent by the next export; where nothing else happens, nothing asks Google."""
    home, down = FlakyHome(hass), ConfigEntryNotReady("no answer")
    hub = await home.async_add("hub")
    assert f"bigquery_export.{loaded.entry_id}.entry_states" not in hass_storage
    await export_now(hass)
    options = {CONF_TABLES: ["sensor_data", "integrations"]}
    hass.config_entries.async_update_entry(loaded, options=options)
    await hass.config_entries.async_reload(loaded.entry_id)
    assert (await export_now(hass))["rows"]["integrations"] == 2

    async def exported() -> int:
        await async_wait_recording_done(hass)
        result = await loaded.runtime_data.runner.async_export(Trigger.SCHEDULE)
        return int(result.rows["integrations"])

    await home.async_reload(hub, down)
    await home.async_retry(hub, down)
    # What was seen is known to the one that is loaded next.
    await hass.config_entries.async_reload(loaded.entry_id)
    await home.async_retry(hub)
    assert await exported() == 2
    await home.async_reload(hub, down)
    assert await exported() == 1
    with monkeypatch.context() as patch:
        patch.setattr(AuthorizedSession, "request", Mock(side_effect=AssertionError))
        patch.setattr(StorageWriteDelivery, "begin", Mock(side_effect=AssertionError))
        for _ in range(2):
            await home.async_retry(hub, down)
            assert await exported() == 0
    states = loaded.runtime_data.runner._jobs._home._entry_states
    assert states._unsubscribe
    assert await hass.config_entries.async_remove(loaded.entry_id)
    assert not states._unsubscribe
    assert f"bigquery_export.{loaded.entry_id}.entry_states" not in hass_storage


async def test_without_a_response(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """An automation that wants no response gets none, and names the entry or does not."""
    data = {"config_entry_id": loaded.entry_id}
    assert await hass.services.async_call(DOMAIN, "export_now", data, blocking=True) is None
    assert warehouse.rows()


async def test_unknown_entry(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """An entry that does not exist is a mistake of the caller's."""
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN, "export_now", {"config_entry_id": "none"}, blocking=True
        )


async def test_one_at_a_time(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A second export while one runs is refused with a sentence that says so."""
    await record(hass, 3)
    first = hass.async_create_task(export_now(hass))
    await asyncio.sleep(0)
    with pytest.raises(ServiceValidationError, match="An export is already running"):
        await export_now(hass)
    assert (await first)["rows"]["sensor_data"] >= 3
    await export_now(hass)


async def test_caller_goes_away(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A script that is stopped does not stop the export that it began."""
    await record(hass, 3)
    caller = hass.async_create_task(export_now(hass))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "last_export") != "unknown"
    assert len(warehouse.rows()) >= 3


async def test_daily_export(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """Every day at the time of the options, in the home's time zone, an export runs."""
    # A zone whose clocks are never changed; half a day is left, whenever this test runs.
    await hass.config.async_set_time_zone("Asia/Kathmandu")
    due = (dt_util.now() + timedelta(hours=12)).replace(second=0, microsecond=0)
    options = {CONF_EXPORT_TIME: due.time().isoformat("seconds")}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    # Google's clients would wait for ever with clocks that stand still.
    with patch.object(Runner, "async_export") as export:
        for minutes, exports in ((-120, 0), (-1, 0), (0, 1), (1, 1), (24 * 60, 2)):
            freezer.move_to(due + timedelta(minutes=minutes))
            async_fire_time_changed(hass)
            await hass.async_block_till_done()
            assert export.call_count == exports
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_daily_export_that_fails(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What fails without a caller is logged once for each reason, and so is its end."""
    caplog.set_level(logging.INFO)
    runtime_data = loaded.runtime_data
    scheduler, health = runtime_data.scheduler, runtime_data.runner.health
    await record(hass, 1)
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    for _ in range(3):
        await scheduler._async_export_due(dt_util.utcnow())
    assert caplog.text.count("The export to BigQuery failed: BigQuery cannot find") == 1
    assert state(hass, "status") == "failed"
    assert health.failures == 3
    with patch.object(StorageWriteDelivery, "begin", side_effect=ZeroDivisionError):
        for _ in range(2):
            await scheduler._async_export_due(dt_util.utcnow())
    assert caplog.text.count("ZeroDivisionError") == 1
    assert caplog.text.count("The export to BigQuery failed") == 2
    warehouse.create_table()
    for _ in range(2):
        await scheduler._async_export_due(dt_util.utcnow())
    assert caplog.text.count("The export to BigQuery works again") == 1
    assert state(hass, "status") == "idle"
    assert health.failures == 0


async def test_daily_export_while_one_runs(
    hass: HomeAssistant, loaded: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """The daily export leaves one that is running alone."""
    await record(hass, 3)
    running = hass.async_create_task(export_now(hass))
    await asyncio.sleep(0)
    await loaded.runtime_data.scheduler._async_export_due(dt_util.utcnow())
    await running
    assert "export to BigQuery failed" not in caplog.text


async def test_failure(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """An export that cannot go on says why in a sentence, and loses nothing."""
    await record(hass, 3)
    key = loaded.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    with pytest.raises(HomeAssistantError, match=r"lacks a permission \(bigquery\.tables"):
        await export_now(hass)
    assert state(hass, "status") == "failed"
    assert "permission" in loaded.runtime_data.coordinator.data.last_error
    warehouse.grant(key, "roles/bigquery.dataEditor")
    await export_now(hass)
    assert state(hass, "status") == "idle"
    assert loaded.runtime_data.coordinator.data.last_error is None
    assert len(warehouse.rows()) >= 3


async def test_refused_key_asks_for_a_new_one(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A key that was deleted while Home Assistant runs starts the flow for a new one."""
    warehouse.server.delete_account(loaded.data[CONF_SERVICE_ACCOUNT_KEY]["client_email"])
    loaded.runtime_data.runner._connection._credentials.token = None
    await record(hass, 1)
    with pytest.raises(HomeAssistantError, match="does not accept the key"):
        await export_now(hass)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["step_id"] == "reauth_confirm"


async def test_unknown_error(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """An unexpected error ends the run and shows its name."""
    with (
        patch(
            "custom_components.bigquery_export.source.states_reader.StatesReader.fingerprints",
            side_effect=ZeroDivisionError("odd"),
        ),
        pytest.raises(ZeroDivisionError),
    ):
        await export_now(hass)
    assert state(hass, "status") == "failed"
    assert "Unexpected error (ZeroDivisionError)." in state(hass, "last_error")


async def test_recorder_cannot_be_read(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """While the recorder's database fails, sensors are unavailable and say nothing wrong."""
    error = OperationalError("select", {}, Exception("disk I/O error"))
    with patch(
        "custom_components.bigquery_export.source.states_reader.StatesReader.count",
        side_effect=error,
    ):
        await loaded.runtime_data.coordinator.async_refresh()
    assert state(hass, "status") == "unavailable"
    await loaded.runtime_data.coordinator.async_refresh()
    assert state(hass, "status") == "idle"


@pytest.mark.all_tables
async def test_progress(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an export runs, the sensors follow it from transaction to transaction."""
    monkeypatch.setattr("custom_components.bigquery_export.export.chunk.MAX_ROWS", 10)
    monkeypatch.setattr("custom_components.bigquery_export.export.batch_reader.PIECE_ROWS", 5)
    monkeypatch.setattr("custom_components.bigquery_export.coordinator._SHOWN_AFTER", 0)
    hass.config_entries.async_update_entry(loaded, options={CONF_BATCH_ROWS: 5})
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await record(hass, 30)
    await loaded.runtime_data.coordinator.async_refresh()
    seen: list[tuple[str, int, int]] = []
    waiting = int(state(hass, "rows_waiting"))

    def look() -> None:
        data = loaded.runtime_data.coordinator.data
        seen.append((data.status, data.rows_exported, data.rows_waiting))

    unsubscribe = loaded.runtime_data.coordinator.async_add_listener(look)
    await export_now(hass)
    unsubscribe()
    exporting = [(exported, left) for status, exported, left in seen if status == "exporting"]
    assert exporting[0] == (0, waiting)
    # Entities that are registered are sent first, and wait in no recorder.
    own = 3 * OWN_ENTITIES
    assert {exported for exported, _ in exporting} >= {0, own, own + 10, own + 20, own + 30}
    assert all(left == max(0, waiting - max(0, exported - own)) for exported, left in exporting)


async def test_progress_now_and_then(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often an export says how far it is, it is shown every three seconds at most."""
    coordinator = loaded.runtime_data.coordinator
    now = coordinator._shown_at = 100.0
    monkeypatch.setattr("custom_components.bigquery_export.coordinator.monotonic", lambda: now)
    shown: list[float] = []
    unsubscribe = coordinator.async_add_listener(lambda: shown.append(now))
    for now in (100.5, 102.9, 103.0, 103.5, 105.9, 106.0, 106.1):  # noqa: B007 (the clock)
        coordinator._async_progressed()
    unsubscribe()
    assert shown == [103.0, 106.0]


async def test_repair_issue_for_a_permission(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A missing permission is named in a repair issue, which goes when it is granted."""
    await record(hass, 3)
    key = loaded.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    (placeholders,) = issues_of(hass).values()
    assert placeholders is not None
    assert placeholders["title"] == "home.sensor_data"
    assert placeholders["permission"].startswith("bigquery.tables.")

    warehouse.grant(key, "roles/bigquery.dataEditor")
    await export_now(hass)
    assert issues_of(hass) == {}


async def test_repair_issue_for_a_lost_table(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A table that was dropped is a repair issue; reloading makes it again and heals it."""
    await record(hass, 3)
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    assert issues_of(hass).keys() == {"table_not_found"}
    assert await hass.config_entries.async_reload(loaded.entry_id)
    assert issues_of(hass) == {}
    await export_now(hass)
    assert len(warehouse.rows()) >= 3


async def test_repair_issue_at_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A table with other columns is an issue already at set-up, and removing the entry ends it."""
    warehouse.server.query("CREATE TABLE home.sensor_data (state INT64)", warehouse.project)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    (placeholders,) = issues_of(hass).values()
    assert placeholders is not None
    assert placeholders["columns"] == "state"
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues_of(hass) == {}


async def test_tried_again(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What may pass is tried again by itself, is seen as such, and is logged once."""
    caplog.set_level(logging.INFO)
    await record(hass, 3)
    delays: list[tuple[int, float | None]] = []

    def soon(failures: int, retry_after: float | None) -> float:
        delays.append((failures, retry_after))
        return 0.2 if failures < 3 else 3600.0

    monkeypatch.setattr("custom_components.bigquery_export.status.health.delay", soon)
    error = QuotaExceededError(message="too much", retry_after=7)
    with monkeypatch.context() as patched:
        patched.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
        with pytest.raises(HomeAssistantError, match="quota is exceeded"):
            await export_now(hass)
        assert state(hass, "status") == "retrying"
        async with patient(30):
            while len(delays) < 3:  # noqa: ASYNC110 (timers of a real clock)
                await asyncio.sleep(0.05)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert delays == [(1, 7), (2, 7), (3, 7)]
    assert state(hass, "status") == "retrying"
    assert issues_of(hass) == {}

    await loaded.runtime_data.scheduler._async_export_due(dt_util.utcnow())
    assert state(hass, "status") == "idle"
    assert not loaded.runtime_data.runner.health.retrying
    assert len(warehouse.rows()) >= 3
    assert caplog.text.count("The export to BigQuery failed") == 1
    assert caplog.text.count("The export to BigQuery works again") == 1


async def test_no_retry_after_unloading(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that would be tried again is not, when its entry is unloaded."""
    await record(hass, 1)
    error = StorageUnreachableError(endpoint="e", message="m")
    monkeypatch.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    runner = loaded.runtime_data.runner
    assert runner.health.retrying
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert not runner.health.retrying


async def test_expired_token(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A token that Google no longer takes is not a key that it refuses: it is renewed."""
    await record(hass, 1)
    await export_now(hass)
    await record(hass, 3, name="new")
    credentials = loaded.runtime_data.runner._connection._credentials
    credentials.token = "expired"  # noqa: S105
    with pytest.raises(HomeAssistantError, match="does not accept the service account"):
        await export_now(hass)
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []
    assert state(hass, "status") == "retrying"
    await export_now(hass)
    assert len(warehouse.rows()) >= 3


async def test_what_is_shown_is_no_look_at_the_recorder(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To show a status puts off no look, and hides no failure, however often it is shown."""
    coordinator = loaded.runtime_data.coordinator
    look = Mock(side_effect=RecorderBusyError)
    monkeypatch.setattr("custom_components.bigquery_export.coordinator.check_recorder", look)
    coordinator.update_interval = timedelta(seconds=1)
    await coordinator.async_refresh()
    async with patient(10):
        while look.call_count < 2:
            coordinator.async_show()
            await asyncio.sleep(0.05)
    coordinator.async_show()
    assert state(hass, "rows_waiting") == STATE_UNAVAILABLE
    assert coordinator.recorder_fails
