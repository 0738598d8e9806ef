"""Copies beside an export: the same rows, each with its own position and its own errors."""

import asyncio
from collections import Counter
from datetime import timedelta
import os
from pathlib import Path
import subprocess
import sys
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import CONF_ENTITIES, CONF_EXCLUDE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.requirements import RequirementsNotFound
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import (
    CONF_BEGIN,
    CONF_COLUMNS,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_OWN_COLUMNS,
    CONF_PAUSED,
    CONF_PRIVACY,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.copies import open_destination
from custom_components.bigquery_export.copies.postgresql.postgresql_settings import (
    PostgresqlSettings,
)
from custom_components.bigquery_export.errors import OutcomeUnknownError
from custom_components.bigquery_export.export.checkpoint import Gap
from custom_components.bigquery_export.export.rejected_rows import (
    REJECTED,
    SET_ASIDE,
    RejectedRows,
)
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.file_formats.file_format import FormatName
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.runner.copy_runner import CopyRunner
from custom_components.bigquery_export.runner.start_position import async_newest_rows
from tests.bigquery_export.support.comparable_rows import as_sent, comparable_row, compared
from tests.bigquery_export.support.copy_place import CopyPlace, put_copy
from tests.bigquery_export.support.golden_home import GoldenHome
from tests.bigquery_export.support.postgresql_copies import CopyDatabase
from tests.bigquery_export.support.recording import numbers, record
from tests.bigquery_export.support.repair_dialog import RepairDialog
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

OF_COPIES = (
    "psycopg",
    "custom_components.bigquery_export.copies.files.files_folder",
    "custom_components.bigquery_export.copies.influxdb.influxdb_server",
)
"""What only copies need."""


_EVERYTHING = pytest.mark.skipif(
    "EVERY_DATABASE" not in os.environ, reason="the rows of a format are tested once a week"
)
WITH_ALL_FORMATS = [
    *("postgresql", "files", "influxdb"),
    *(
        pytest.param(f"files of {name}", marks=[] if name is FormatName.PARQUET else _EVERYTHING)
        for name in FormatName
        if name is not FormatName.JSON_LINES
    ),
]


async def settled(hass: HomeAssistant) -> None:
    """Wait until all copies have ended."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def set_up(
    hass: HomeAssistant, entry: MockConfigEntry, place: CopyPlace, **changes: Any
) -> CopyRunner:
    """Set up an export with a copy, and return that."""
    subentry = put_copy(hass, entry, place, **changes)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    return copy_of(entry, subentry.subentry_id)


def copy_of(entry: MockConfigEntry, subentry_id: str) -> CopyRunner:
    """Return a copy that is loaded."""
    copy: CopyRunner | None = entry.runtime_data.runner.copies.of(subentry_id)
    assert copy
    return copy


async def export(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Export to BigQuery, and copy."""
    await entry.runtime_data.runner.async_export(Trigger.ACTION)
    await settled(hass)


def shown(hass: HomeAssistant, copy: CopyRunner, key: str) -> str:
    """Return what a sensor of a copy shows."""
    unique_id = f"{copy.copy.subentry_id}_{key}"
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
    assert entity_id
    found = hass.states.get(entity_id)
    assert found
    return found.state


def stored(folder: str, subentry_id: str) -> list[Path]:
    """Return the files of a copy in Home Assistant."""
    return list((Path(folder) / ".storage").glob(f"*{subentry_id}*"))


def recorded(place: CopyPlace, prefix: str = "sensor.s") -> list[str]:
    """Return those states of a copy that a test has recorded."""
    return [row["state"] for row in place.rows() if row["entity_id"].startswith(prefix)]


async def test_follows_exports(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace
) -> None:
    """A new copy has all history at once, and follows each export; its device shows how it is."""
    await record(hass, 5)
    copy = await set_up(hass, entry, copy_place)
    assert recorded(copy_place) == numbers(5)
    await record(hass, 3, name="t")
    await export(hass, entry)
    assert recorded(copy_place, "sensor.t") == numbers(3)
    ids = [row["state_id"] for row in copy_place.rows()]
    assert len(ids) == len(set(ids))
    assert shown(hass, copy, "status") == "idle"
    assert shown(hass, copy, "last_error") == "none"
    assert shown(hass, copy, "rows_waiting").isdigit()
    assert shown(hass, copy, "last_export") != "unknown"
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert ("At home", copy_place.product) in {(device.name, device.model) for device in devices}


@pytest.mark.all_tables
@pytest.mark.long
@pytest.mark.parametrize("copy_place", WITH_ALL_FORMATS, indirect=True)
async def test_golden_home(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, warehouse: Warehouse
) -> None:
    """All tables of the golden home have the same rows in BigQuery and in the copy."""
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: list(TABLES)})
    home = GoldenHome(hass)
    await home.async_furnish()
    await record(hass, 40, entities=4)
    # Both begin when all of this is there, so that they see the same.
    with patch.object(CopyRunner, "async_begin"):
        copy = await set_up(hass, entry, copy_place)
        await entry.runtime_data.runner.async_export(Trigger.ACTION)
    copy.async_begin(Trigger.ACTION)
    await settled(hass)
    assert copy.last_error is None
    counted = 0
    for name, table in TABLES.items():
        columns = compared(table.columns)
        names = ", ".join(map(as_sent, columns))
        sent = warehouse.server.query(f"SELECT {names} FROM home.{name}", warehouse.project)  # noqa: S608
        wanted, found = (
            Counter(comparable_row(row, columns) for row in rows)
            for rows in (sent, copy_place.rows(name, "1"))
        )
        assert wanted == found, name
        counted += len(sent)
    assert counted > 100
    await home.async_close()


async def test_choice_and_privacy(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace
) -> None:
    """What the export leaves out, hides or drops is not in the copy either."""
    options = {
        CONF_EXCLUDE: {CONF_ENTITIES: ["sensor.s0"]},
        CONF_PRIVACY: {CONF_HIDDEN: ["*.bedroom_*"], CONF_HASH_USERS: True},
        CONF_COLUMNS: ["time"],
    }
    hass.config_entries.async_update_entry(entry, options=options)
    await record(hass, 1)
    hass.states.async_set("light.bedroom_lamp", "on", {"friendly_name": "Annas Lampe"})
    await record(hass, 1, name="t")
    await set_up(hass, entry, copy_place)
    rows = copy_place.rows()
    assert "sensor.t0" in {row["entity_id"] for row in rows}
    everything = str(rows)
    assert not {text for text in ("sensor.s0", "bedroom_lamp", "Annas") if text in everything}
    assert {row["attributes"] for row in rows} == {row["unique_id"] for row in rows} == {None}
    assert all(row["hour_of_day"] is not None for row in rows)


async def test_own_columns(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace
) -> None:
    """Columns of the user's own are in the copy, too, also those that were added later."""
    hass.states.async_set("light.lamp", "on", {"brightness": 200, "color_mode": "hs"})
    await async_wait_recording_done(hass)
    await set_up(hass, entry, copy_place)
    own = [{"name": "brightness", "attribute": "brightness", "type": "INT64"}]
    hass.config_entries.async_update_entry(entry, options={CONF_OWN_COLUMNS: own})
    assert await hass.config_entries.async_reload(entry.entry_id)
    hass.states.async_set("light.lamp", "on", {"brightness": 100, "color_mode": "hs"})
    await async_wait_recording_done(hass)
    await export(hass, entry)
    rows = [row for row in copy_place.rows() if row["entity_id"] == "light.lamp"]
    assert [row["brightness"] for row in rows] == [None, 100]


async def test_database_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, warehouse: Warehouse
) -> None:
    """A copy that fails holds up no export, tries again by itself, and catches up."""
    await record(hass, 5)
    copy = await set_up(hass, entry, copy_place, **copy_place.unreachable)
    assert copy.last_error
    await export(hass, entry)
    assert [row["state"] for row in warehouse.rows("state")][:5] == numbers(5)
    assert shown(hass, copy, "status") == "retrying"
    assert int(shown(hass, copy, "rows_waiting")) >= 5
    assert hass.states.get("sensor.home_sensor_data_status").state == "idle"  # type: ignore[union-attr]
    assert issues_of(hass) == {}
    # It is up again: the data of the subentry are as they should have been.
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data=copy_place.data)
    await settled(hass)
    copy = copy_of(entry, subentry.subentry_id)
    assert recorded(copy_place) == numbers(5)
    assert shown(hass, copy, "status") == "idle"


async def test_retry(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_place: CopyPlace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy that failed is tried again without an export."""
    module = "custom_components.bigquery_export.runner.copy_runner.delay"
    monkeypatch.setattr(module, lambda *_: 0.1)
    await record(hass, 5)
    original = copy_place.transaction.append

    def broken(transaction: Any, rows: Any) -> Any:
        transaction.close()
        original(transaction, rows)
        raise OutcomeUnknownError(message="the answer is lost")

    with patch.object(copy_place.transaction, "append", broken):
        copy = await set_up(hass, entry, copy_place)
        assert copy.last_error
    for _ in range(100):
        await asyncio.sleep(0.1)
        await settled(hass)
        if not copy.last_error:
            break
    assert recorded(copy_place) == numbers(5)


async def test_bigquery_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, warehouse: Warehouse
) -> None:
    """Where Google refuses the export, the copy goes on."""
    await set_up(hass, entry, copy_place)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    await record(hass, 5)
    with pytest.raises(HomeAssistantError):
        await export(hass, entry)
    await settled(hass)
    assert recorded(copy_place) == numbers(5)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR)
    await export(hass, entry)
    ours = [row for row in warehouse.rows("entity_id, state") if row["entity_id"] == "sensor.s0"]
    assert [row["state"] for row in ours] == numbers(5)


async def test_export_cannot_be_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, warehouse: Warehouse
) -> None:
    """Where Google refuses the set-up, the copy goes on every hour, and later with the export."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    put_copy(hass, entry, copy_place)
    await record(hass, 3)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await settled(hass)
    assert recorded(copy_place) == numbers(3)
    await record(hass, 2, name="t")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1, minutes=1))
    await settled(hass)
    assert recorded(copy_place, "sensor.t") == numbers(2)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await record(hass, 2, name="u")
    await export(hass, entry)
    assert recorded(copy_place, "sensor.u") == numbers(2)
    ids = [row["state_id"] for row in copy_place.rows()]
    assert len(ids) == len(set(ids))


async def test_removed_before_it_was_set_up(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_place: CopyPlace,
    warehouse: Warehouse,
    hass_config_dir: str,
) -> None:
    """A copy ends with its export, also where that was never set up, or is disabled."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    subentry = put_copy(hass, entry, copy_place)
    await record(hass, 3)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, disabled_by=ConfigEntryDisabler.USER
    )
    await record(hass, 2, name="t")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1, minutes=1))
    await settled(hass)
    assert recorded(copy_place, "sensor.t") == []
    await hass.config_entries.async_remove(entry.entry_id)
    assert not stored(hass_config_dir, subentry.subentry_id)


async def test_copy_removed_before_set_up(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_place: CopyPlace,
    warehouse: Warehouse,
    hass_config_dir: str,
) -> None:
    """A copy that is removed while Google refuses the set-up gets nothing more."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    subentry = put_copy(hass, entry, copy_place)
    await record(hass, 3)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    entry.async_cancel_retry_setup()  # As where Google refuses the key: no retry notices it.
    await settled(hass)
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await settled(hass)
    await record(hass, 2, name="t")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1, minutes=1))
    await settled(hass)
    assert recorded(copy_place) == numbers(3)
    assert recorded(copy_place, "sensor.t") == []
    assert not stored(hass_config_dir, subentry.subentry_id)


async def test_copy_changed_before_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, warehouse: Warehouse
) -> None:
    """A copy that is changed while Google refuses the set-up goes on as it is now."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    subentry = put_copy(hass, entry, copy_place, **copy_place.unreachable)
    await record(hass, 3)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    entry.async_cancel_retry_setup()
    await settled(hass)
    hass.config_entries.async_update_subentry(entry, subentry, data=copy_place.data)
    await settled(hass)
    assert recorded(copy_place) == numbers(3)


async def test_disabled_before_it_is_tried_again(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, warehouse: Warehouse
) -> None:
    """A copy that has failed is not tried again once its export is disabled."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    put_copy(hass, entry, copy_place)
    await record(hass, 3)
    lost = OutcomeUnknownError(message="the answer is lost")
    with patch.object(open_destination, "_open", side_effect=lost) as opened:
        assert not await hass.config_entries.async_setup(entry.entry_id)
        await settled(hass)
        assert opened.called
        await hass.config_entries.async_set_disabled_by(
            entry.entry_id, disabled_by=ConfigEntryDisabler.USER
        )
        await settled(hass)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=30))
    await settled(hass)
    with pytest.raises(LookupError):
        copy_place.rows()
    # Enabled again, it goes on.
    await hass.config_entries.async_set_disabled_by(entry.entry_id, disabled_by=None)
    await settled(hass)
    assert recorded(copy_place) == numbers(3)


async def test_two_copies(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace
) -> None:
    """One that fails does not hold up another one."""
    put_copy(hass, entry, copy_place, **copy_place.unreachable)
    await record(hass, 5)
    await set_up(hass, entry, copy_place)
    assert recorded(copy_place) == numbers(5)


async def test_unreadable_copy(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_place: CopyPlace,
    warehouse: Warehouse,
    hass_config_dir: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A copy that a later version has saved is left out and told, and keeps its position."""
    await record(hass, 3)
    await set_up(hass, entry, copy_place)
    (subentry,) = entry.subentries.values()
    assert await hass.config_entries.async_unload(entry.entry_id)
    before = stored(hass_config_dir, subentry.subentry_id)
    later = {"format": "orc", "tls": "later", "version": "9"}
    data = {**copy_place.data, **later}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.runtime_data.runner.copies.all == []
    assert "cannot read the settings of the copy At home" in caplog.text
    await record(hass, 2, name="t")
    await export(hass, entry)
    ours = [row for row in warehouse.rows("entity_id, state") if row["entity_id"] == "sensor.t0"]
    assert [row["state"] for row in ours] == numbers(2)
    assert stored(hass_config_dir, subentry.subentry_id) == before
    hass.config_entries.async_update_subentry(entry, subentry, data=copy_place.data)
    await settled(hass)
    await export(hass, entry)
    assert (recorded(copy_place), recorded(copy_place, "sensor.t")) == (numbers(3), numbers(2))


async def test_files_unreadable(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_place: CopyPlace,
    warehouse: Warehouse,
    hass_config_dir: str,
) -> None:
    """Where a file of a copy cannot be read, that copy fails, and the export goes on."""
    await record(hass, 3)
    copy = await set_up(hass, entry, copy_place)
    assert await hass.config_entries.async_unload(entry.entry_id)
    (checkpoint,) = (
        path
        for path in stored(hass_config_dir, copy.copy.subentry_id)
        if path.name.endswith(copy.copy.files_id)
    )
    checkpoint.unlink()
    checkpoint.mkdir()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export(hass, entry)
    assert [row["state"] for row in warehouse.rows("state")][:3] == numbers(3)
    copy = copy_of(entry, copy.copy.subentry_id)
    assert copy.last_error_kind == "IsADirectoryError"
    assert issues_of(hass).keys() == {"copy_failed"}
    checkpoint.rmdir()
    await record(hass, 2, name="t")
    await export(hass, entry)
    assert issues_of(hass) == {}
    assert (recorded(copy_place), recorded(copy_place, "sensor.t")) == (numbers(3), numbers(2))


async def test_repair(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_place: CopyPlace,
    hass_client: ClientSessionGenerator,
) -> None:
    """What does not pass by itself is a repair, which tries again and says what is still wrong."""
    await record(hass, 3)
    copy = await set_up(hass, entry, copy_place)
    dialog = await RepairDialog.create(hass, hass_client)
    copy_place.refuse()
    await export(hass, entry)
    assert shown(hass, copy, "status") == "failed"
    assert issues_of(hass).keys() == {"copy_failed"}
    issue = f"copy_failed_{copy.copy.subentry_id}"
    problem = (await dialog.open(issue, entry))["description_placeholders"]["problem"]
    assert problem == copy.last_error
    step = await dialog.submit()
    assert step["errors"] == {"base": "failed"}
    copy_place.accept()
    assert (await dialog.submit())["type"] == "create_entry"
    assert issues_of(hass) == {}
    assert recorded(copy_place) == numbers(3)


async def test_missing_rows(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_database: CopyDatabase,
    hass_client: ClientSessionGenerator,
) -> None:
    """Rows that the copy will never have are told, until that is acknowledged."""
    copy = await set_up(hass, entry, copy_database)
    dialog = await RepairDialog.create(hass, hass_client)
    copy_database.query("ALTER TABLE sensor_data ADD CHECK (state <> '2') NOT VALID")
    await record(hass, 3)
    await export(hass, entry)
    assert recorded(copy_database) == ["0", "1"]
    assert copy._open
    await copy._open.journal.async_update(lambda now: now.with_gap(Gap("sensor_data", 7, 1.0, 2.0)))
    await export(hass, entry)
    issue = f"copy_incomplete_{copy.copy.subentry_id}"
    problem = (await dialog.open(issue, entry))["description_placeholders"]["problem"]
    assert problem.startswith("1 rows could not be copied, and about 7 ")
    assert (await dialog.submit())["type"] == "create_entry"
    assert issues_of(hass) == {}


async def test_acknowledged_as_it_begins(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace
) -> None:
    """One journal is opened where missing rows are acknowledged while a copy begins."""
    await record(hass, 3)
    with patch.object(CopyRunner, "async_begin"):
        copy = await set_up(hass, entry, copy_place)
    task = copy.async_begin(Trigger.ACTION)
    assert task
    await asyncio.gather(task, copy.async_acknowledge())
    assert copy.last_error is None
    assert copy.checkpoint.positions == copy._storage.load().positions
    assert copy.checkpoint.positions["sensor_data"].rows >= 3


async def test_history(hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace) -> None:
    """A copy of an export that began without history has none either."""
    await record(hass, 3)
    begin = await async_newest_rows(hass)
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_BEGIN: begin})
    await record(hass, 2, name="t")
    await set_up(hass, entry, copy_place)
    assert recorded(copy_place) == []
    assert recorded(copy_place, "sensor.t") == numbers(2)


async def test_elsewhere(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, hass_config_dir: str
) -> None:
    """In another place a copy begins again with all that the recorder has, and lacks nothing."""
    await record(hass, 3)
    copy = await set_up(hass, entry, copy_place)
    for kind in (REJECTED, SET_ASIDE):
        rows = [RejectedRow({"state_id": 1}, "of the place before")]
        RejectedRows(hass, copy.copy.files_id, kind).append("e", SENSOR_DATA, rows)
    (subentry,) = entry.subentries.values()
    data = {**copy_place.data, **copy_place.elsewhere}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    await settled(hass)
    copy = copy_of(entry, subentry.subentry_id)
    assert copy.last_error is None
    tables = copy.checkpoint.positions
    assert tables["sensor_data"].rows >= 3
    assert issues_of(hass) == {}
    left = {path.suffixes[-2] for path in stored(hass_config_dir, subentry.subentry_id)}
    assert not left & {f".{REJECTED}", f".{SET_ASIDE}"}


async def test_pause(hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace) -> None:
    """While exports are paused, a copy waits, too."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_PAUSED: True})
    await record(hass, 3)
    copy = await set_up(hass, entry, copy_place)
    assert shown(hass, copy, "status") == "paused"
    with pytest.raises(LookupError):
        copy_place.rows()
    entry.runtime_data.scheduler.async_pause(False)
    await export(hass, entry)
    assert recorded(copy_place) == numbers(3)


async def test_remove(
    hass: HomeAssistant, entry: MockConfigEntry, copy_place: CopyPlace, hass_config_dir: str
) -> None:
    """With a copy all its files and issues go, and the rows stay in the database."""
    await record(hass, 3)
    copy = await set_up(hass, entry, copy_place)
    copy_place.refuse()
    await export(hass, entry)
    assert issues_of(hass)
    storage = Path(hass_config_dir) / ".storage"
    assert list(storage.glob(f"*{copy.copy.subentry_id}*"))
    hass.config_entries.async_remove_subentry(entry, copy.copy.subentry_id)
    await settled(hass)
    assert not list(storage.glob(f"*{copy.copy.subentry_id}*"))
    assert issues_of(hass) == {}
    assert copy_place.rows()
    assert (storage / f"{DOMAIN}.{entry.entry_id}").exists()


async def test_diagnostics(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_database: CopyDatabase,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither diagnostics nor the log have the password, or where the copy is."""
    assert await async_setup_component(hass, "diagnostics", {})
    await set_up(hass, entry, copy_database, password="s3same", port=1)  # noqa: S106
    await export(hass, entry)
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    copies: Any = found["copies"]
    assert [copy["error"] for copy in copies] == ["postgresql_unreachable"]
    text = str(found)
    assert "s3same" not in text + caplog.text
    assert "127.0.0.1" not in text


async def test_library_missing(
    hass: HomeAssistant, entry: MockConfigEntry, copy_database: CopyDatabase
) -> None:
    """Where the library cannot be installed, the copy says so, and the export goes on."""
    libraries = list(PostgresqlSettings.requirements)
    refused = RequirementsNotFound(DOMAIN, libraries)
    with patch.object(
        open_destination, "async_process_requirements", side_effect=refused
    ) as wanted:
        copy = await set_up(hass, entry, copy_database)
    wanted.assert_called_once_with(hass, DOMAIN, libraries, is_built_in=False)
    assert copy.last_error_kind == "library_missing"
    await export(hass, entry)
    assert copy.last_error is None


async def test_without_a_copy(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Without a copy no library is asked for."""
    with patch.object(open_destination, "async_process_requirements") as wanted:
        assert await hass.config_entries.async_setup(entry.entry_id)
        await export(hass, entry)
    wanted.assert_not_called()


def test_imports() -> None:
    """The integration with all its doors imports nothing that only a copy needs."""
    doors = ("", ".config_flow", ".diagnostics", ".repairs", ".sensor", ".system_health")
    code = "; ".join(
        [
            "import sys, importlib",
            *(
                f"importlib.import_module('custom_components.bigquery_export{door}')"
                for door in doors
            ),
            f"print([name for name in sys.modules if name.startswith({OF_COPIES})])",
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_requirement(request: pytest.FixtureRequest) -> None:
    """Users get the version that the tests are run with."""
    lines = (request.config.rootpath / "requirements_test.txt").read_text().splitlines()
    assert set(PostgresqlSettings.requirements) <= set(lines)
