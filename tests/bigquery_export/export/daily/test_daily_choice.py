"""Which days of statistics are sent: of what the user has chosen, and what can be computed."""

from collections import Counter
from datetime import date, timedelta
from struct import pack

from homeassistant.components.recorder.db_schema import Statistics
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from sqlalchemy import text, update

from custom_components.bigquery_export.const import CONF_BEGIN, CONF_TABLES
from custom_components.bigquery_export.export import damaged_rows
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from custom_components.bigquery_export.runner.start_position import async_newest_rows, begin_from
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.daily_statistics import (
    BEGIN,
    DAYS,
    END,
    GAS,
    HOUR,
    KITCHEN,
    METER,
    DailyExporter,
    compile_until,
    deleted,
    hours,
    midnight,
    record,
    record_days,
    same,
    sent,
)
from tests.bigquery_export.support.damage import overwrite, overwrite_page, root_page
from tests.bigquery_export.support.databases import in_database, insert_rows
from tests.bigquery_export.support.exporter import PLACE
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_corrections import COUNT, record_statistics, rows_of
from tests.bigquery_export.support.warehouse import Warehouse

DAY = timedelta(days=1)
NAME = "daily_statistics"
WITHOUT_METER = Choice(
    entities=EntityFilter(exclude=Selection(entities=frozenset({"sensor.meter"})))
)


async def test_excluded(hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter) -> None:
    """Of what is left out nothing is sent, and once it is included, the days from then on."""
    exporter.choice = WITHOUT_METER
    own = {**GAS, "statistic_id": "bigquery_export:asked", "source": "bigquery_export"}
    await record_days(hass, statistics=[METER, KITCHEN, own])
    assert await exporter.export_days() == DAYS
    await record_days(hass, END, END + DAY, [METER])
    assert await exporter.export_days() == 0
    exporter.choice = Choice()
    await record_days(hass, END + DAY, END + 2 * DAY, [METER, own])
    assert await exporter.export_days() == 1
    exporter.choice = WITHOUT_METER
    await record_days(hass, END + 2 * DAY, END + 3 * DAY, [METER])
    assert await exporter.export_days() == 0
    assert [day[4] for day in sent(warehouse) if day[0] == "sensor.meter"] == [str(END + DAY)]
    assert deleted(warehouse) == []


async def test_hidden(hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter) -> None:
    """A hidden entity has its pseudonym, also where its days are sent anew."""
    exporter.privacy = Privacy(PrivacyChoice(hidden=("sensor.*",)), b"secret")
    exporter.again = True
    named = {**METER, "name": "Anna"}
    await record_days(hass, statistics=[named, GAS])
    await exporter.export_days()
    await record(hass, named, hours(METER, midnight(BEGIN), 3, shift=1.0))
    await exporter.export_days()
    names = {day[0] for day in sent(warehouse)}
    assert names == {"provider:gas", exporter.privacy.entity("sensor.meter")}
    assert {name for name, *_ in deleted(warehouse)} < names
    rows = warehouse.server.query(f"SELECT name FROM home.{NAME}", warehouse.project)  # noqa: S608
    assert {row["name"] for row in rows} == {None}


async def test_no_history(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """Where no history is wanted, days come from that of the set-up on."""
    await record_days(hass)
    exporter.file = CheckpointFile(
        hass, "entry", begin=begin_from({CONF_BEGIN: await async_newest_rows(hass)})
    )
    assert await exporter.export_days() == 0
    await record_days(hass, END, END + DAY, [METER])
    assert await exporter.export_days() == 1
    assert [day[4] for day in sent(warehouse)] == [str(END)]


async def test_paused(hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter) -> None:
    """While an export is paused, history waits, and new days do not."""
    await record_days(hass, statistics=[METER])
    assert await exporter.export_days() == DAYS
    await record_days(hass, END - DAY, END + DAY, [KITCHEN])
    await record_days(hass, END, END + DAY, [METER])
    run = exporter.new_run()
    run.pause(True)
    assert (await run.async_run()).rows[NAME] == 1
    assert {day[0] for day in sent(warehouse)} == {"sensor.meter"}
    assert await exporter.export_days() == 2
    await same(hass, warehouse, END + DAY)


async def test_no_number(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """A day with an hour that is no number is rejected, once, and stops no other."""
    exporter.again = True
    await record_days(hass, statistics=[KITCHEN, METER])
    broken = (midnight(BEGIN + 2 * DAY) + 5 * HOUR).timestamp()
    await in_database(
        hass,
        lambda db: db.execute(
            update(Statistics)
            .where(Statistics.start_ts == broken, Statistics.mean.is_not(None))
            .values(mean=text("'x'"))
        ),
    )
    result = await exporter.export()
    assert (result.rows[NAME], result.rejected) == (2 * DAYS - 1, 1)
    (row,) = exporter.rejected_rows()
    assert (row["table"], row["encoded"]) == (NAME, False)
    start = midnight(BEGIN + 2 * DAY).timestamp()
    assert row["row"] == {"statistic_id": "sensor.kitchen", "start_ts": start}
    result = await exporter.export()
    assert (result.rows[NAME], result.rejected) == (0, 0)
    assert (await exporter.retry_rejected()).rows == {NAME: 0}
    # When it is put right, its days are sent anew.
    await record(hass, KITCHEN, hours(KITCHEN, midnight(BEGIN + 2 * DAY) + 5 * HOUR, 1))
    await exporter.export()
    await same(hass, warehouse)


async def test_nothing_is_asked(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """Where no day has ended since, BigQuery is not asked, and the file is not written."""
    await record_days(hass, statistics=[METER])
    await exporter.export()
    before = exporter.days_file.path.stat().st_mtime_ns
    exporter.connection.stop()
    assert await exporter.export_days() == 0
    assert exporter.days_file.path.stat().st_mtime_ns == before


@pytest.mark.with_views
async def test_entry(hass: HomeAssistant, warehouse: Warehouse, entry: MockConfigEntry) -> None:
    """A user chooses the table, its days come with an export, and it has no rows to compare."""
    await hass.config.async_set_time_zone(str(PLACE.zone))
    await record_days(hass)
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: ["statistics", NAME]})
    assert await hass.config_entries.async_setup(entry.entry_id)
    rows = (await act(hass, "export_now"))["rows"]
    assert rows[NAME] == 4 * DAYS
    assert (await act(hass, "export_now"))["rows"][NAME] == 0
    await record(hass, METER, hours(METER, midnight(BEGIN), 1, shift=-1.0))
    assert (await act(hass, "export_now", tables=["statistics"]))["rows"] == {"statistics": 0}
    response = await act(hass, "export_now", tables=[NAME], force=True)
    assert response["rows"] == {NAME: DAYS + 2}
    await same(hass, warehouse)
    with pytest.raises(ServiceValidationError, match=f"No rows in the recorder: {NAME}"):
        await act(hass, "verify", tables=["statistics", NAME])
    assert await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    folder = CheckpointFile(hass, entry.entry_id).path.parent
    assert not list(folder.glob(f"bigquery_export.{entry.entry_id}*"))


async def test_damaged_page(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of hours that cannot be read all days stay as they were sent, and others are corrected."""
    monkeypatch.setattr(damaged_rows, "_PAUSE", 0.0)
    exporter.again = True
    end = date(2026, 12, 24)
    await record_statistics(hass)
    months = rows_of(1, "statistics", first=COUNT, count=150)
    await insert_rows(hass, Statistics, months)
    await compile_until(hass, midnight(end))
    await exporter.export()
    before = sent(warehouse)
    assert await overwrite(hass, pack(">d", months[100]["mean"])) == 1
    await execute(hass, "UPDATE statistics SET sum = sum + 1 WHERE metadata_id = 2")
    assert await exporter.export_days() == sum(day[0] == "sensor.meter" for day in before) + 2
    assert {day[0] for day in Counter(sent(warehouse)) - Counter(before)} == {"sensor.meter"}
    assert {name for name, *_ in deleted(warehouse)} == {"sensor.meter"}
    assert await exporter.export_days() == 0

    # Where the index is damaged, no day can be computed, and the export goes on.
    await overwrite_page(hass, await root_page(hass, "ix_statistics_statistic_id_start_ts"))
    await execute(hass, "UPDATE statistics SET sum = sum + 1 WHERE id = 15")
    assert await exporter.export_days() == 0
