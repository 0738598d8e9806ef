"""What happens to an export, and who is told: the event entity, the problem, notifications."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from unittest.mock import Mock, patch

from homeassistant.components.persistent_notification import Notification
from homeassistant.const import EVENT_STATE_CHANGED, EntityCategory
from homeassistant.core import Event, EventStateChangedData, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.const import (
    CONF_NOTIFICATIONS,
    CONF_SERVICE_ACCOUNT_KEY,
    DOMAIN,
)
from custom_components.bigquery_export.errors import QuotaExceededError, RefusedError
from custom_components.bigquery_export.notifications import async_dismiss_notifications
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.settings.choices import Notifications
from custom_components.bigquery_export.status.export_events import (
    ExportEvent,
    ExportEventType,
    async_send_export_event,
)
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.past_home import QUIET
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import patient

EVENT = "event.home_sensor_data_event"
LAST_EXPORT = "sensor.home_sensor_data_last_export"
PROBLEM = "binary_sensor.home_sensor_data_problem"
BUTTON = "button.home_sensor_data_export_now"


def last_event(hass: HomeAssistant) -> Mapping[str, Any]:
    """Return the attributes of the last event, as automations see them."""
    found = hass.states.get(EVENT)
    assert found is not None
    return found.attributes


def shown(event: Event[EventStateChangedData]) -> Mapping[str, Any]:
    """Return the attributes of a new state."""
    state = event.data["new_state"]
    assert state is not None
    return state.attributes


def told(notifications: Mapping[str, Notification]) -> dict[str, str]:
    """Return what each notification is of, and its text."""
    return {
        key.removeprefix(f"{DOMAIN}_").rpartition("_")[0]: found["message"]
        for key, found in notifications.items()
    }


@pytest.mark.parametrize("recorder_config", [QUIET])
async def test_states_that_an_export_changes(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    recorder_config: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An export that finds nothing changes two states, and none says that it is running."""
    monkeypatch.setattr("custom_components.bigquery_export.coordinator._SHOWN_AFTER", 600)
    await record(hass, 3)
    await loaded.runtime_data.coordinator.async_refresh()
    # Not by an action, which is an event that the recorder writes down when it likes.
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for expected in (
        [
            *("rows_exported", "rows_in_the_last_export", "rows_waiting", "bytes_sent"),
            *("history_progress", "history_time_left"),  # Once: there is no history any more.
        ],
        ["rows_in_the_last_export"],
        [],
    ):
        await loaded.runtime_data.runner.async_export(Trigger.ACTION)
        await hass.async_block_till_done()
        changed = {event.data["entity_id"] for event in changes}
        # The time of the last export is shown in seconds, and may be the same again.
        assert changed - {LAST_EXPORT} == {
            EVENT,
            *map("sensor.home_sensor_data_{}".format, expected),
        }
        assert len(changes) == len(changed)
        changes.clear()


async def test_what_happens(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    hass_ws_client: WebSocketGenerator,
    notifications: dict[str, Notification],
) -> None:
    """Automations and the user are told how exports end, and the user only of what is wrong."""
    assert await async_setup_component(hass, "logbook", {})
    entity = er.async_get(hass).async_get(EVENT)
    assert entity is not None
    assert entity.entity_category is EntityCategory.DIAGNOSTIC
    await record(hass, 5)
    began = dt_util.utcnow() - timedelta(minutes=1)
    response = await export_now(hass)
    assert {**last_event(hass)} == {
        "event_types": ["completed", "failed", "gap_found", "rows_rejected"],
        "event_type": "completed",
        "trigger": "action",
        "rows": sum(response["rows"].values()),
        "rejected_rows": 0,
        "bytes": response["bytes"],
        "seconds": pytest.approx(response["seconds"], abs=0.06),
        "friendly_name": "home.sensor_data Event",
    }
    assert hass.states.is_state(PROBLEM, "off")
    assert told(notifications) == {}

    key = loaded.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    await record(hass, 1)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    happened = last_event(hass)
    assert happened["event_type"] == "failed"
    assert happened["error"] == state(hass, "last_error")
    assert happened["error_kind"] == "permission_missing"
    assert (happened["trigger"], happened["retrying"], happened["failures"]) == (
        *("action", False, 1),
    )
    assert hass.states.is_state(PROBLEM, "on")
    assert told(notifications).keys() == {"failed"}
    assert "lacks a permission (bigquery.tables" in told(notifications)["failed"]
    assert "on the dataset. See [Repairs]" in told(notifications)["failed"]

    warehouse.grant(key, "roles/bigquery.dataEditor")
    await export_now(hass)
    assert last_event(hass)["event_type"] == "completed"
    assert state(hass, "last_error") == "none"
    assert hass.states.is_state(PROBLEM, "off")
    assert told(notifications) == {}

    await record(hass, 12)
    warehouse.server.add_fault("AppendRows", "row_errors", containing='{"number":7}', times=None)
    heard = async_capture_events(hass, EVENT_STATE_CHANGED)
    try:
        await export_now(hass)
    finally:
        warehouse.server.clear_faults()
    rejected, _ = [shown(e) for e in heard if e.data["entity_id"] == EVENT]
    assert rejected["event_type"] == "rows_rejected"
    assert rejected["rows"] == 1
    assert rejected["reason"] in told(notifications)["rows_rejected"]
    assert state(hass, "rejected_rows") == "1"
    assert last_event(hass)["rejected_rows"] == 1
    assert hass.states.is_state(PROBLEM, "off")
    await hass.services.async_call(DOMAIN, "retry_rejected", {}, blocking=True)
    assert state(hass, "rejected_rows") == "0"
    assert told(notifications) == {}

    await async_wait_recording_done(hass)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {
            "type": "logbook/get_events",
            "start_time": began.isoformat(),
            "entity_ids": [EVENT],
        }
    )
    entries = (await client.receive_json())["result"]
    assert [entry.get("attributes", {}).get("event_type") for entry in entries] == [
        *("completed", "failed", "completed", "rows_rejected", "completed"),
    ]


async def test_errors_of_other_kinds(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    notifications: dict[str, Notification],
) -> None:
    """An unexpected error is told by its name alone, and a long one is cut."""
    with (
        patch(
            "custom_components.bigquery_export.source.states_reader.StatesReader.newest_id",
            side_effect=ZeroDivisionError("secret"),
        ),
        pytest.raises(ZeroDivisionError),
    ):
        await export_now(hass)
    assert last_event(hass)["error_kind"] == "ZeroDivisionError"
    sentence = "Unexpected error (ZeroDivisionError). See the log"
    assert sentence in told(notifications)["failed"]
    for text in (
        told(notifications)["failed"],
        last_event(hass)["error"],
        state(hass, "last_error"),
    ):
        assert "secret" not in text
    await export_now(hass)
    assert told(notifications) == {}

    await record(hass, 1)
    refusal = Mock(side_effect=RefusedError(message="x" * 400))
    monkeypatch.setattr(StorageWriteDelivery, "begin", refusal)
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    assert len(state(hass, "last_error")) == 255
    assert "x" * 400 in last_event(hass)["error"]
    assert "x" * 400 in told(notifications)["failed"]


async def test_recorder_that_cannot_be_read(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """While the backlog is not known there is a problem, and the rest can still be used."""
    with patch(
        "custom_components.bigquery_export.source.states_reader.StatesReader.count",
        side_effect=RuntimeError,
    ):
        await loaded.runtime_data.coordinator.async_refresh()
    assert hass.states.is_state(PROBLEM, "on")
    assert hass.states.is_state(BUTTON, "unknown")
    assert hass.states.is_state(EVENT, "unknown")
    assert state(hass, "rows_waiting") == "unavailable"
    await loaded.runtime_data.coordinator.async_refresh()
    assert hass.states.is_state(PROBLEM, "off")


async def test_button(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """The button begins an export also while paused, and says so when one is running already."""
    await record(hass, 3)
    loaded.runtime_data.scheduler.async_pause(True)
    assert state(hass, "next_export") == "unknown"
    press = {"entity_id": BUTTON}
    await hass.services.async_call("button", "press", press, blocking=True)
    async with patient(60):
        while loaded.runtime_data.runner._task is None:  # noqa: ASYNC110 (it begins by itself)
            await asyncio.sleep(0)
    assert warehouse.rows() == []
    with pytest.raises(ServiceValidationError, match="An export is already running"):
        await hass.services.async_call("button", "press", press, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(states_in(warehouse)) >= 3
    assert last_event(hass)["trigger"] == "action"


def failure(*, failures: int, retrying: bool = True, kind: str = "quota_exceeded") -> ExportEvent:
    """Return that Google was too busy, for so many times in a row."""
    return ExportEvent(
        ExportEventType.FAILED,
        {
            "error": "Google's quota is exceeded: too much.",
            "error_kind": kind,
            "failures": failures,
            "retrying": retrying,
        },
    )


COMPLETED = ExportEvent(ExportEventType.COMPLETED, {"rows": 1_234, "seconds": 5.6})


async def test_notifications_of_everything(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    notifications: dict[str, Notification],
) -> None:
    """A user who wants all is told of each export, and of a failure when it has lasted a while."""
    chosen = {CONF_NOTIFICATIONS: Notifications.ALL}
    hass.config_entries.async_update_entry(entry, options=chosen)
    assert await hass.config_entries.async_setup(entry.entry_id)
    async_send_export_event(hass, entry, COMPLETED)
    assert told(notifications) == {"completed": "1,234 rows were exported in 5.6 seconds."}
    (notification,) = notifications.values()
    assert notification["title"] == "home.sensor_data"
    async_send_export_event(hass, entry, failure(failures=2))
    assert told(notifications).keys() == {"completed"}
    async_send_export_event(hass, entry, failure(failures=3))
    assert told(notifications).keys() == {"failed"}
    assert "Google's quota is exceeded: too much." in told(notifications)["failed"]
    assert "failed 3 times in a row" in told(notifications)["failed"]
    async_dismiss_notifications(hass, entry)
    async_send_export_event(hass, entry, failure(failures=4))
    assert told(notifications) == {}  # The user has read it.
    async_send_export_event(hass, entry, failure(failures=5, kind="unreachable"))
    assert told(notifications).keys() == {"failed"}
    await entry.runtime_data.coordinator.async_refresh()
    assert told(notifications) == {}

    error = QuotaExceededError(message="too much", retry_after=3600)
    monkeypatch.setattr(StorageWriteDelivery, "begin", Mock(side_effect=error))
    await record(hass, 1)
    for attempt in (1, 2, 3):
        with pytest.raises(HomeAssistantError):
            await export_now(hass)
        assert last_event(hass)["retrying"]
        assert last_event(hass)["failures"] == attempt
        assert bool(told(notifications)) == (attempt == 3)
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert told(notifications) == {}


async def test_no_notifications(
    hass: HomeAssistant, entry: MockConfigEntry, notifications: dict[str, Notification]
) -> None:
    """A user who wants none is told nothing, and what was told before is taken back."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    async_send_export_event(hass, entry, COMPLETED)
    assert told(notifications) == {}
    async_send_export_event(hass, entry, failure(failures=0, retrying=False))
    assert told(notifications).keys() == {"failed"}
    chosen = {CONF_NOTIFICATIONS: "off"}
    hass.config_entries.async_update_entry(entry, options=chosen)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert told(notifications) == {}
    async_send_export_event(hass, entry, failure(failures=0, retrying=False))
    assert told(notifications) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)
