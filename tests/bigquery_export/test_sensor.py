"""The sensors, and the device that they belong to."""

from datetime import timedelta
from typing import Any

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.document_file import document_of
from custom_components.bigquery_export.export.positions import Position
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.sensor import SENSORS
from custom_components.bigquery_export.status.progress import Progress
from tests.bigquery_export.support.past_home import QUIET
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

COUNTERS = [
    *("Errors: key", "Errors: permission", "Errors: destination", "Errors: quota"),
    *("Errors: connection", "Errors: recorder", "Errors: other"),
    *("Time reading", "Time encoding", "Time sending", "Time committing"),
]
"""They begin at 0 when Home Assistant starts."""
DISABLED = {
    *COUNTERS,
    *("Duration of the last export", "Oldest row waiting", "Rows per second"),
    *("History rows sent", "History rows left"),
}


def shown(hass: HomeAssistant, key: str) -> str:
    """Return what a sensor of the export shows."""
    registry = er.async_get(hass)
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    entity_id = registry.async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_{key}")
    assert entity_id is not None
    found = hass.states.get(entity_id)
    assert found is not None
    return found.state


async def test_sensors(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """Each sensor is a diagnostic one, with a name, an id and an icon of its own."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    entities = [
        entity
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if entity.domain == "sensor"
    ]
    assert [entity.original_name for entity in entities] == [
        "Status",
        "Last error",
        "Last export",
        "Next export",
        "Duration of the last export",
        "Rows exported",
        "Rows in the last export",
        "Rows waiting",
        "Oldest row waiting",
        "Rejected rows",
        "Bytes sent",
        "Rows per second",
        "History progress",
        "History rows sent",
        "History rows left",
        "History time left",
        "Restore progress",
        *COUNTERS,
    ]
    assert {entity.entity_category for entity in entities} == {EntityCategory.DIAGNOSTIC}
    assert {entity.original_name for entity in entities if entity.disabled} == DISABLED
    assert [entity.unique_id for entity in entities] == [
        f"{entry.entry_id}_{sensor.key}" for sensor in SENSORS
    ]
    states = {state.entity_id: state for state in hass.states.async_all("sensor")}
    assert states["sensor.home_sensor_data_status"].state == "idle"
    assert states["sensor.home_sensor_data_status"].attributes["options"] == [
        "idle",
        "exporting",
        "restoring",
        "paused",
        "retrying",
        "failed",
    ]
    assert states["sensor.home_sensor_data_last_export"].state == "unknown"
    assert states["sensor.home_sensor_data_last_error"].state == "none"
    assert states["sensor.home_sensor_data_restore_progress"].state == "100.0"
    next_export = dt_util.parse_datetime(states["sensor.home_sensor_data_next_export"].state)
    assert next_export is not None
    assert next_export == entry.runtime_data.coordinator.data.next_export
    assert next_export > dt_util.utcnow()
    assert states["sensor.home_sensor_data_rows_exported"].state == "0"
    assert states["sensor.home_sensor_data_rows_waiting"].state == "0"
    units = {
        entity_id.removeprefix("sensor.home_sensor_data_"): state.attributes["unit_of_measurement"]
        for entity_id, state in states.items()
        if "unit_of_measurement" in state.attributes
    }
    assert units == {
        "bytes_sent": "MB",
        "history_progress": "%",
        "history_time_left": "min",
        "rejected_rows": "rows",
        "restore_progress": "%",
        "rows_exported": "rows",
        "rows_in_the_last_export": "rows",
        "rows_waiting": "rows",
    }
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("all_enabled")
@pytest.mark.parametrize("recorder_config", [QUIET])
async def test_what_an_export_leaves(
    hass: HomeAssistant, entry: MockConfigEntry, recorder_config: dict[str, Any]
) -> None:
    """The sensors say what the last export did and all did together, also after a restart."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    for key in ("last_rows", "last_duration", "rows_per_second", "oldest_waiting"):
        assert shown(hass, key) == "unknown"
    hour_ago = dt_util.utcnow() - timedelta(hours=1)
    hass.states.async_set("sensor.old", "1", timestamp=hour_ago.timestamp())
    await async_wait_recording_done(hass)
    await record(hass, 3)
    await entry.runtime_data.coordinator.async_refresh()
    assert 1 <= float(shown(hass, "oldest_waiting")) < 1.1
    export = entry.runtime_data.runner.async_export
    # Not by an action, which is an event that the recorder writes down when it likes.
    first, second = [await export(Trigger.ACTION) for _ in range(2)]
    rows = first.total
    assert rows >= 4
    assert (shown(hass, "rows_exported"), shown(hass, "last_rows")) == (str(rows), "0")
    assert float(shown(hass, "bytes_sent")) == pytest.approx(first.bytes / 1e6)
    assert first.bytes > 500
    assert shown(hass, "oldest_waiting") == "unknown"
    assert (shown(hass, "rows_waiting"), shown(hass, "rows_per_second")) == ("0", "0.0")
    assert float(shown(hass, "last_duration")) == round(second.seconds, 1)

    await record(hass, 5, name="new")
    await export(Trigger.ACTION)
    lasting = [one.key for one in SENSORS if not one.key.startswith(("errors_", "seconds_"))]
    kept = {key: shown(hass, key) for key in lasting}
    assert (kept["rows_exported"], kept["last_rows"]) == (str(rows + 5), "5")
    assert float(kept["rows_per_second"]) > 0
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert {key: shown(hass, key) for key in lasting} == kept

    assert await hass.config_entries.async_unload(entry.entry_id)
    file = CheckpointFile(hass, entry.entry_id)
    before = document_of(file.path.read_bytes())
    for new in ("bytes_sent", "last_rows", "last_seconds"):
        del before[new]
    file.path.write_bytes(orjson.dumps(before))
    assert file.load().positions.keys() == before["positions"].keys()
    assert (file.load().bytes_sent, file.load().last_rows) == (0, None)


def test_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an export runs the speed is its own, and afterwards that of the last one."""
    now = 100.0
    monkeypatch.setattr("custom_components.bigquery_export.status.progress.monotonic", lambda: now)
    progress = Progress()
    assert progress.rows_per_second(Checkpoint()) is None
    before = Checkpoint({"sensor_data": Position(rows=7)}, last_rows=30, last_seconds=2.0)
    assert progress.rows_per_second(before) == 15
    progress.start(before)
    assert progress.rows_per_second(before) == 0
    now = 110.0
    after = before.advanced("sensor_data", Position(rows=107, rejected=5))
    assert progress.rows_per_second(after) == 10.5
    progress.stop()
    assert progress.rows_per_second(after) == 15


async def test_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    device_registry: dr.DeviceRegistry,
) -> None:
    """The device is the table, and leads to it in Google's console."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    (device,) = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert device.identifiers == {(DOMAIN, entry.entry_id)}
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert device.name == "home.sensor_data"
    assert (device.model, device.model_id) == ("BigQuery", "home.sensor_data")
    assert device.configuration_url == (
        f"https://console.cloud.google.com/bigquery?project={warehouse.project}"
        f"&p={warehouse.project}&d=home&t=sensor_data&page=table"
    )
    assert await hass.config_entries.async_unload(entry.entry_id)
