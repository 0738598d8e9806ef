"""Rows of any time are written into files, each once, and a link gives them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
import io
import json
from pathlib import Path
import shutil
from threading import Event
from time import sleep
from typing import Any
from unittest.mock import patch
from zipfile import ZipFile

from freezegun import freeze_time
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.recorder import get_instance
from homeassistant.requirements import RequirementsNotFound
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export import async_setup
from custom_components.bigquery_export.const import (
    CONF_COLUMNS,
    CONF_HIDDEN,
    CONF_PRIVACY,
    DOMAIN,
)
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.file_export.partition_file import PartitionFile
from custom_components.bigquery_export.file_formats.file_format import FormatName
from custom_components.bigquery_export.file_formats.formats import FORMATS
from custom_components.bigquery_export.rows.column_groups import ColumnGroup
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.past_home import QUIET, Home, hours_ago, set_up
from tests.bigquery_export.support.recording import execute, rewrite
from tests.bigquery_export.support.warehouse import Warehouse

pytestmark = pytest.mark.parametrize("recorder_config", [QUIET])

START = hours_ago(28).isoformat()
OF_THE_JOB = {"export_id", "export_timestamp"}
TABLES = ("sensor_data", "events", "statistics", "migration_changes")
JSON = {"attributes", "ambient", "data"}
"""BigQuery writes the same values in its own way."""
type Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
async def home(hass: HomeAssistant, warehouse: Warehouse, key: dict[str, Any]) -> Any:
    """Return a home that has lived for hours of several days, and has exported them."""
    warehouse.create_dataset()
    home = await set_up(hass, warehouse, key, tables=TABLES)
    for hours in (26, 2):
        await home.live(hours)
    await home.import_costs(26, 3, 2)
    await home.export()
    yield home
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        assert await hass.config_entries.async_unload(entry.entry_id)


def folders(hass: HomeAssistant) -> list[Path]:
    """Return the folders with exported files."""
    root = Path(hass.config.cache_path(DOMAIN))
    return list(root.iterdir()) if root.exists() else []


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what is of the job, and with what JSON says in the place of its text."""
    return {
        name: json.loads(value) if name in JSON else value
        for name, value in row.items()
        if name not in OF_THE_JOB
    }


def rows_in(hass: HomeAssistant, answer: dict[str, Any], name: FormatName) -> Rows:
    """Return the rows of the files that an answer names, by table, without what is of the job."""
    (folder,) = folders(hass)
    found: Rows = {}
    for file in answer["files"]:
        path = folder / file["name"]
        rows = list(FORMATS[name].read(path, RECORDER_TABLES[file["table"]].table))
        assert (len(rows), path.stat().st_size) == (file["rows"], file["bytes"])
        found.setdefault(file["table"], []).extend(map(comparable, rows))
    for table, rows in found.items():
        rows.sort(
            key=lambda row: [str(row[name]) for name in RECORDER_TABLES[table].table.identity]
        )
    assert answer["rows"] == sum(map(len, found.values()))
    return found


async def files(hass: HomeAssistant, name: FormatName = FormatName.JSON_LINES, **data: Any) -> Rows:
    """Export to files, and return their rows; the files are deleted."""
    answer = await act(hass, "export_files", **{"start": START, "format": name, **data})
    found = rows_in(hass, answer, name)
    for folder in folders(hass):
        shutil.rmtree(folder)
    return found


async def test_half_is_purged(hass: HomeAssistant, home: Home) -> None:
    """Rows are the same whether the recorder has all of them, half of them, or none."""
    whole = await files(hass)
    counts = {table: len(rows) for table, rows in whole.items()}
    assert counts["sensor_data"] == len(home.warehouse.rows()) > 20
    assert counts.keys() == {"sensor_data", "events", "statistics"}
    await rewrite(
        hass,
        "DELETE FROM states WHERE state_id % 2 = 0",
        "DELETE FROM events WHERE event_id % 2 = 0",
        "DELETE FROM statistics WHERE id % 2 = 0",
    )
    assert await files(hass) == whole
    await rewrite(hass, "DELETE FROM states", "DELETE FROM events", "DELETE FROM statistics")
    for name in FormatName:
        assert await files(hass, name) == whole


async def test_what_waits(hass: HomeAssistant, home: Home) -> None:
    """Rows that are not exported yet are in the files, too."""
    before = await files(hass, tables=["sensor_data"])
    hass.states.async_set("light.new", "on")
    await async_wait_recording_done(hass)
    after = await files(hass, tables=["sensor_data"])
    assert len(after["sensor_data"]) == len(before["sensor_data"]) + 1
    assert [row for row in after["sensor_data"] if row["entity_id"] == "light.new"]


async def test_entities(hass: HomeAssistant, home: Home) -> None:
    """All rows of one entity come, also those that were purged, and nothing else."""
    whole = await files(hass)
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await home.purge("purge_entities", entity_id=["sensor.kitchen"])
    found = await files(hass, entities=["sensor.kitchen"])
    assert found.keys() >= {"sensor_data", "statistics"}
    for table, rows in whole.items():
        names = ("statistic_id",) if "statistics" in table else ("entity_id",)
        wanted = [row for row in rows if row.get(names[0]) == "sensor.kitchen"]
        assert found.get(table, []) == wanted
    # An entity that is gone may still have rows; one that nobody knows is mistyped.
    assert await files(hass, entities=["sensor.kitchen", "text.note"])
    with pytest.raises(ServiceValidationError) as error:
        await files(hass, entities=["sensor.kitchn"])
    assert error.value.translation_placeholders == {"entities": "sensor.kitchn"}
    assert not folders(hass)


async def test_times(hass: HomeAssistant, home: Home) -> None:
    """Rows are those from the beginning on and before the end, of the time of their partition."""
    whole = await files(hass)
    start, end = hours_ago(26) + timedelta(seconds=1), hours_ago(2) + timedelta(seconds=61)
    found = await files(hass, start=start.isoformat(), end=end.isoformat())
    await rewrite(hass, "DELETE FROM states", "DELETE FROM events", "DELETE FROM statistics")
    for rows in (found, await files(hass, start=start.isoformat(), end=end.isoformat())):
        for table, all_rows in whole.items():
            time = RECORDER_TABLES[table].table.partition_by
            first, last = (int(moment.timestamp() * 1e6) for moment in (start, end))
            assert rows.get(table, []) == [row for row in all_rows if first <= row[time] < last]


async def test_corrected_statistics(hass: HomeAssistant, home: Home) -> None:
    """Of what was corrected only the last version comes, and nothing of what was deleted."""
    await home.import_costs(26, 3, level=5.0)
    await act(hass, "export_now", force=True)
    before = (await files(hass, tables=["statistics"]))["statistics"]
    get_instance(hass).async_clear_statistics(["sensor.bill"])
    await async_wait_recording_done(hass)
    await act(hass, "export_now", force=True)
    recorded = (await files(hass, tables=["statistics"]))["statistics"]
    assert recorded == [row for row in before if row["statistic_id"] != "sensor.bill"] != before
    await rewrite(hass, "DELETE FROM statistics")
    listed = (await files(hass, tables=["statistics"]))["statistics"]
    assert listed == recorded
    costs = [row["state"] for row in listed if row["statistic_id"] == "provider:cost"]
    assert costs == [31.0, 8.0, 2.0]


async def test_renamed(hass: HomeAssistant, home: Home) -> None:
    """A state of an entity that was renamed since comes once, under the name that it has now."""
    before = (await files(hass, tables=["sensor_data"]))["sensor_data"]
    name = "UPDATE states_meta SET entity_id = 'sensor.cook' WHERE entity_id = 'sensor.kitchen'"
    await execute(hass, name)
    after = (await files(hass, tables=["sensor_data"]))["sensor_data"]
    assert {row["state_id"] for row in after} == {row["state_id"] for row in before}
    assert len(after) == len(before)
    assert "sensor.kitchen" not in {row["entity_id"] for row in after}


async def test_columns_and_privacy(hass: HomeAssistant, home: Home) -> None:
    """What is not exported is in no file, also where BigQuery has it from before."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    options = {
        **entry.options,
        CONF_COLUMNS: [ColumnGroup.TIME],
        CONF_PRIVACY: {CONF_HIDDEN: ["sensor.wind"]},
    }
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_reload(entry.entry_id)
    recorded = await files(hass, tables=["sensor_data"])
    await rewrite(hass, "DELETE FROM states")
    listed = await files(hass, tables=["sensor_data"])
    for rows in (recorded["sensor_data"], listed["sensor_data"]):
        assert not any("attributes" in row or "device_name" in row for row in rows)
        assert all("hour_of_day" in row for row in rows)
    assert len(recorded["sensor_data"]) == len(listed["sensor_data"])
    assert "sensor.wind" not in {row["entity_id"] for row in recorded["sensor_data"]}
    # It was sent under its own name, and is found by it.
    assert len((await files(hass, entities=["sensor.wind"]))["sensor_data"]) == 6


async def test_link(
    hass: HomeAssistant,
    home: Home,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The link gives all files as one archive, without a log-in, for a day; then they are gone."""
    monkeypatch.setattr(hass.http.app.router, "freeze", lambda: None)
    client = await hass_client_no_auth()
    answer = await act(hass, "export_files", start=START, format="parquet")
    (folder,) = folders(hass)
    path = answer["url"].partition(":8123")[2] or answer["url"]
    response = await client.get(path)
    assert response.status == HTTPStatus.OK
    archive = ZipFile(io.BytesIO(await response.read()))
    assert archive.testzip() is None
    names = {file["name"] for file in answer["files"]}
    assert names < set(archive.namelist())
    assert "sensor_data.schema.json" in archive.namelist()
    assert all(archive.read(name) == (folder / name).read_bytes() for name in names)

    plain = path.partition("?")[0]
    assert (await client.get(plain)).status == HTTPStatus.UNAUTHORIZED
    assert (await client.get(path[:-1] + "x")).status == HTTPStatus.UNAUTHORIZED
    with freeze_time(dt_util.utcnow() + timedelta(days=1, seconds=2)):
        assert (await client.get(path)).status == HTTPStatus.UNAUTHORIZED
    (folder.parent / "secret").write_text("secret")
    for other in ("..%2Fsecret", "secret", folder.name[:-1], "%2e%2e"):
        signed = async_sign_path(
            hass, f"/api/{DOMAIN}/files/{other}", timedelta(days=1), use_content_user=True
        )
        assert (await client.get(signed)).status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED)

    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(days=1, seconds=2))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not folder.exists()
    assert (await client.get(path)).status == HTTPStatus.NOT_FOUND


async def test_stop(hass: HomeAssistant, home: Home) -> None:
    """An export that is stopped in between leaves nothing, and only one runs at a time."""
    begun, write = Event(), PartitionFile.write

    def slow(file: PartitionFile, rows: Sequence[Any]) -> None:
        write(file, rows)
        begun.set()
        sleep(0.2)

    async def async_begin() -> asyncio.Task[Any]:
        begun.clear()
        task = hass.async_create_task(act(hass, "export_files", start=START))
        await hass.async_add_executor_job(begun.wait)
        assert len(folders(hass)) == 1
        return task

    with patch.object(PartitionFile, "write", slow):
        task = await async_begin()
        with pytest.raises(ServiceValidationError) as error:
            await act(hass, "export_files", start=START)
        assert error.value.translation_key == "already_exporting_files"
        task.cancel()  # As when a script is stopped.
        with pytest.raises(asyncio.CancelledError):
            await task
        await hass.async_block_till_done(wait_background_tasks=True)
        assert not folders(hass)

        task = await async_begin()
        (entry,) = hass.config_entries.async_entries(DOMAIN)
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert not folders(hass)
        with pytest.raises(HomeAssistantError):
            await task


async def test_refused(hass: HomeAssistant, home: Home) -> None:
    """What cannot be meant, or cannot be done, is refused with its reason, and leaves nothing."""

    async def refuses(key: str, **data: Any) -> None:
        with pytest.raises(HomeAssistantError) as error:
            await act(hass, "export_files", **{"start": START, "format": "parquet", **data})
        assert error.value.translation_key == key
        assert not folders(hass)

    await refuses("end_before_start", end="2020-01-01 00:00:00")
    await refuses("table_unknown", tables=["states"])
    await refuses("table_not_exported", tables=["devices"])
    await refuses("table_without_rows", tables=["migration_changes"])
    await refuses("entity_without_rows", entities=["sensor.nobody_knows"])
    exporter = "custom_components.bigquery_export.runner.file_exporter"
    missing = RequirementsNotFound(DOMAIN, ["pyarrow==26.0.1"])
    with patch(f"{exporter}.async_process_requirements", side_effect=missing):
        await refuses("library_missing")
    partition_file = "custom_components.bigquery_export.file_export.partition_file"
    full = shutil.disk_usage("/")._replace(free=499_000_000)
    with patch(f"{partition_file}.shutil.disk_usage", return_value=full):
        await refuses("file_disk_full")
    with patch(f"{partition_file}.os.replace", side_effect=OSError(28, "No space left")):
        await refuses("file_unwritable")


async def test_restart(hass: HomeAssistant, home: Home) -> None:
    """What a start finds of an earlier one is deleted: links to it are no longer valid."""
    await act(hass, "export_files", start=START)
    (folders(hass)[0] / "half.part").write_bytes(b"half")
    assert await async_setup(hass, {})
    assert not folders(hass)
