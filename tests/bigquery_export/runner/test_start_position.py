"""Where an export begins: with the recorder's oldest rows, or with those after the set-up."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from homeassistant.components.recorder.db_schema import States, Statistics
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import delete

from custom_components.bigquery_export.const import CONF_BEGIN
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.positions import Position
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from custom_components.bigquery_export.runner.start_position import async_newest_rows, begin_from
from tests.bigquery_export.support.databases import in_database, insert_rows
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record
from tests.bigquery_export.support.statistics_corrections import (
    NOTHING,
    CorrectionsExporter,
    adjust_sum,
    known,
    record_statistics,
    rows_of,
    shown,
)
from tests.bigquery_export.support.warehouse import Warehouse


async def begin_now(hass: HomeAssistant, exporter: Exporter) -> None:
    """Let an export begin with what is recorded from now on, as a config entry does."""
    data = {CONF_BEGIN: await async_newest_rows(hass)}
    exporter.file = CheckpointFile(hass, "entry", begin=begin_from(data))


async def test_from_now_on(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """What was there at the set-up is not exported; all that came after is, whenever that is."""
    await record(hass, 30, name="old")
    await begin_now(hass, exporter)
    waiting = exporter.file.load().table_position("sensor_data").new
    assert waiting == Position.after(waiting.anchors)
    assert [anchor.id for anchor in waiting.anchors] == [14, 26, 29, 30]
    await record(hass, 5)
    assert (await exporter.export()).rows == {"sensor_data": 5}
    await record(hass, 2, name="t")
    assert (await exporter.export()).rows == {"sensor_data": 2}
    assert sorted(states_in(warehouse)) == ["0", "0", "1", "1", "2", "3", "4"]
    # Without the checkpoint, rows are looked for; those from before the set-up still are not sent.
    exporter.file.remove()
    await record(hass, 1, name="u")
    assert (await exporter.export()).rows == {"sensor_data": 1}
    assert len(states_in(warehouse)) == 8


async def test_newest_row_deleted(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """If the newest rows were deleted, and their ids given again, those are exported."""
    await record(hass, 30, name="old")
    await begin_now(hass, exporter)
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "DELETE FROM states WHERE state_id > 27")
    await record(hass, 5)
    rows = [int(row["state_id"]) for row in await exported(exporter, warehouse)]
    # Behind the newest row that is left of those that were kept in mind.
    assert rows == list(range(27, 33))


async def exported(exporter: Exporter, warehouse: Warehouse) -> list[dict[str, Any]]:
    """Export, and return what is there."""
    await exporter.export()
    return warehouse.rows("state_id")


async def test_other_database(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Of a database that was not there at the set-up, everything is exported."""
    await record(hass, 30, name="old")
    await begin_now(hass, exporter)
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await in_database(hass, lambda db: db.execute(delete(States)))
    await exporter.export()
    await record(hass, 3)
    assert (await exporter.export()).rows == {"sensor_data": 3}
    assert exporter.file.load().position("sensor_data").first == 0


async def test_empty_tables(hass: HomeAssistant, exporter: Exporter) -> None:
    """Of a table that was empty at the set-up, everything is new; all tables are thought of."""
    await in_database(hass, lambda db: db.execute(delete(States)))
    begin = await async_newest_rows(hass)
    assert "sensor_data" not in begin
    await record(hass, 3)
    assert set(await async_newest_rows(hass)) <= RECORDER_TABLES.keys()
    exporter.file = CheckpointFile(hass, "entry", begin=begin_from({CONF_BEGIN: begin}))
    assert (await exporter.export()).rows == {"sensor_data": 3}


@pytest.fixture
def observed(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[CorrectionsExporter]:
    """Return what exports statistics to tables that have views."""
    warehouse.create_table(STATISTICS, STATISTICS_SHORT_TERM)
    with closing(warehouse.connect()) as connection:
        yield CorrectionsExporter(hass, connection)


async def test_statistics(
    hass: HomeAssistant, warehouse: Warehouse, observed: CorrectionsExporter
) -> None:
    """Statistics from before the set-up are no corrections; those from after it are corrected."""
    await record_statistics(hass)
    await begin_now(hass, observed)
    assert await observed.export_and_check() == NOTHING
    assert shown(warehouse, "statistics") == []
    new = rows_of(2, "statistics", first=10, count=3)
    await insert_rows(hass, Statistics, new)
    assert (await observed.export()).rows["statistics"] == 3
    assert (await observed.check()).rows == NOTHING
    await adjust_sum(hass)
    await async_wait_recording_done(hass)
    assert (await observed.export_and_check())["statistics"] > 0
    assert (await observed.check()).rows == NOTHING
    assert shown(warehouse, "statistics") == [
        row
        for row in await known(hass, "statistics")
        if row[0] == "sensor.meter" and row[2] >= new[0]["start_ts"]
    ]
