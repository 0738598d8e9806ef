"""Corrections of statistics: the views show what Home Assistant shows, whatever it changed."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.db_schema import (
    SchemaChanges,
    Statistics,
    StatisticsMeta,
    StatisticsRuns,
    StatisticsShortTerm,
)
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import async_add_external_statistics
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import delete, select, update

from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.errors import CheckpointUnwritableError, StoppedError
from custom_components.bigquery_export.export import chunk as chunk_module, resume
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.corrections.digest_file import DigestFile
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from tests.bigquery_export.support.crashes import Crash, crash_at
from tests.bigquery_export.support.databases import (
    ON_ANY_DATABASE,
    in_database,
    insert_rows,
)
from tests.bigquery_export.support.statistics_corrections import (
    COUNT,
    NOTHING,
    NOW,
    START,
    STEPS,
    TABLES,
    CorrectionsExporter,
    adjust_sum,
    known,
    record_statistics,
    rows_of,
    shown,
)
from tests.bigquery_export.support.statistics_rows import HOUR, MODELS, row
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[CorrectionsExporter]:
    """Return what exports to tables that have views."""
    warehouse.create_table(STATISTICS, STATISTICS_SHORT_TERM)
    with closing(warehouse.connect()) as connection:
        yield CorrectionsExporter(hass, connection)


async def same(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Make sure that the views show what Home Assistant shows."""
    for table in TABLES:
        assert shown(warehouse, table) == await known(hass, table)


async def convert_unit(hass: HomeAssistant) -> None:
    """Convert all values of a statistic to another unit."""
    get_instance(hass).async_change_statistics_unit(
        "sensor.kitchen", new_unit_of_measurement="°F", old_unit_of_measurement="°C"
    )


async def change_unit(hass: HomeAssistant) -> None:
    """Say that values are of another unit, and leave them as they are."""
    get_instance(hass).async_update_statistics_metadata(
        "sensor.meter", new_unit_class="energy", new_unit_of_measurement="MWh"
    )


async def rename(hass: HomeAssistant) -> None:
    """Give a statistic another id."""
    get_instance(hass).async_update_statistics_metadata(
        "sensor.meter", new_statistic_id="sensor.new_meter"
    )


async def rename_in_a_ring(hass: HomeAssistant) -> None:
    """Let two statistics change places."""
    for old, new in (("meter", "aside"), ("water", "meter"), ("aside", "water")):
        get_instance(hass).async_update_statistics_metadata(
            f"sensor.{old}", new_statistic_id=f"sensor.{new}"
        )


async def clear(hass: HomeAssistant) -> None:
    """Delete a statistic."""
    get_instance(hass).async_clear_statistics(["sensor.meter"])


async def clear_newest(hass: HomeAssistant) -> None:
    """Delete the statistic with the highest ids, by which the history is known again."""
    get_instance(hass).async_clear_statistics(["sensor.water"])


async def clear_everything(hass: HomeAssistant) -> None:
    """Delete all statistics."""
    get_instance(hass).async_clear_statistics(
        ["sensor.kitchen", "sensor.meter", "sensor.water", "provider:cost"]
    )


async def clear_range(hass: HomeAssistant) -> None:
    """Delete a statistic for some time, as Home Assistant 2026.11 can."""

    def change(db: Any) -> None:
        for table, model in MODELS.items():
            step = STEPS[table]
            db.execute(
                delete(model).where(
                    model.metadata_id == 2,
                    model.start_ts >= START + 2 * step,
                    model.start_ts < START + 5 * step,
                )
            )

    await in_database(hass, change)


async def clear_and_record_again(hass: HomeAssistant) -> None:
    """Delete a statistic, and record it again at some of the same times."""
    await clear_newest(hass)
    await async_wait_recording_done(hass)
    meta = {
        "id": 9,
        "statistic_id": "sensor.water",
        "source": "recorder",
        "unit_of_measurement": "L",
        "unit_class": "volume",
        "has_sum": True,
        "mean_type": 0,
    }
    await insert_rows(hass, StatisticsMeta, [meta])
    for table, model in MODELS.items():
        rows = rows_of(2, table, 3, 4)
        await insert_rows(
            hass, model, [{**values, "metadata_id": 9, "sum": 5.5} for values in rows]
        )


async def import_into_the_past(hass: HomeAssistant) -> None:
    """Import rows: before all others, in place of some, and new ones between."""
    begin = datetime.fromtimestamp(START, UTC)
    async_add_external_statistics(
        hass,
        {
            "source": "provider",
            "statistic_id": "provider:cost",
            "name": "Cost",
            "unit_of_measurement": None,
            "unit_class": None,
            "mean_type": StatisticMeanType.NONE,
            "has_sum": True,
        },
        [
            {"start": begin + timedelta(hours=hours), "state": 1.5, "sum": float(hours)}
            for hours in (-24 * 40, 0, 1, 12, 13)
        ],
    )


CORRECTIONS: list[Callable[[HomeAssistant], Awaitable[None]]] = [
    adjust_sum,
    convert_unit,
    change_unit,
    rename,
    rename_in_a_ring,
    clear,
    clear_newest,
    clear_everything,
    clear_range,
    clear_and_record_again,
    import_into_the_past,
]
EACH_CORRECTION = pytest.mark.parametrize("correct", CORRECTIONS, ids=lambda call: call.__name__)


@pytest.mark.long
@ON_ANY_DATABASE
@EACH_CORRECTION
async def test_corrections(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    correct: Callable[[HomeAssistant], Awaitable[None]],
) -> None:
    """What Home Assistant changes afterwards is noticed, and the views show it; once is enough."""
    await record_statistics(hass)
    assert await exporter.export_and_check() == NOTHING
    await same(hass, warehouse)

    await correct(hass)
    await async_wait_recording_done(hass)
    corrected = await exporter.export_and_check()
    assert max(corrected.values()) > 0
    await same(hass, warehouse)
    assert await exporter.export_and_check() == NOTHING


@EACH_CORRECTION
async def test_between_export_and_first_check(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    correct: Callable[[HomeAssistant], Awaitable[None]],
) -> None:
    """What is changed before the first check is noticed, too."""
    await record_statistics(hass)
    await exporter.export()
    await correct(hass)
    await async_wait_recording_done(hass)
    await exporter.export_and_check()
    await same(hass, warehouse)


async def test_all_corrections(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """One correction after the other, each of what the ones before have left."""
    await record_statistics(hass)
    for correct in (
        adjust_sum,
        import_into_the_past,
        clear_range,
        convert_unit,
        adjust_sum,
        rename_in_a_ring,
        clear_and_record_again,
        adjust_sum,
        clear,
    ):
        await exporter.export_and_check()
        await same(hass, warehouse)
        await correct(hass)
        await async_wait_recording_done(hass)
    await exporter.export_and_check()
    await same(hass, warehouse)


async def test_only_what_differs(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """Of a statistic that was changed in one month, that month is sent, and no other."""
    await record_statistics(hass)
    await exporter.export_and_check()
    october = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    await in_database(
        hass,
        lambda db: db.execute(
            update(Statistics)
            .where(Statistics.metadata_id == 2, Statistics.start_ts == october)
            .values(sum=1.0)
        ),
    )
    assert await exporter.export_and_check() == {"statistics": 6 + 1, "statistics_short_term": 0}
    await same(hass, warehouse)
    (marker,) = warehouse.server.query(
        "SELECT statistic_id, UNIX_SECONDS(start) AS start, UNIX_SECONDS(`end`) AS stop, mean"
        " FROM home.statistics WHERE deleted",
        warehouse.project,
    )
    last = START + (COUNT - 1) * 12 * HOUR
    assert marker["statistic_id"] == "sensor.meter"
    assert (int(marker["start"]), int(marker["stop"])) == (october, last + HOUR)
    position = exporter.file.load().position("statistics")
    assert position.rows == 4 * COUNT + 7
    (log,) = warehouse.server.query(
        "SELECT SUM(row_count) AS total FROM home.export_log", warehouse.project
    )
    assert int(log["total"]) == 8 * COUNT + 7


async def test_once_a_day(hass: HomeAssistant, exporter: CorrectionsExporter) -> None:
    """The recorder is checked once a local day."""
    hass.config.time_zone = "America/Chicago"
    await hass.config.async_set_time_zone("America/Chicago")
    await record_statistics(hass)
    await exporter.export()
    await exporter.new_corrections().async_run()
    await adjust_sum(hass)
    await async_wait_recording_done(hass)
    later = exporter.new_corrections(NOW + timedelta(hours=17))
    assert (await later.async_run()).rows == NOTHING
    tomorrow = exporter.new_corrections(NOW + timedelta(hours=18))
    assert (await tomorrow.async_run()).rows["statistics"]


@ON_ANY_DATABASE
@pytest.mark.parametrize("checked", [True, False])
async def test_purged(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter, *, checked: bool
) -> None:
    """What the recorder purges is kept, and what it changes of the rest is shown."""
    await record_statistics(hass)
    runs = [{"start": datetime.fromtimestamp(START + n * HOUR, UTC)} for n in range(COUNT)]
    await insert_rows(hass, StatisticsRuns, runs)
    await exporter.export_and_check()
    before = shown(warehouse, "statistics_short_term")

    horizon = START + 4 * HOUR

    def purge(db: Any) -> None:
        time = datetime.fromtimestamp(horizon, UTC)
        db.execute(delete(StatisticsRuns).where(StatisticsRuns.start < time))
        db.execute(delete(StatisticsShortTerm).where(StatisticsShortTerm.start_ts < horizon))

    await in_database(hass, purge)
    if checked:
        assert await exporter.export_and_check() == NOTHING
        assert shown(warehouse, "statistics_short_term") == before

    await clear(hass)
    await async_wait_recording_done(hass)
    await exporter.export_and_check()
    purged = [row for row in before if row[2] < horizon]
    assert shown(warehouse, "statistics_short_term") == sorted(
        [
            *purged,
            *(row for row in before if row[2] >= horizon and row[0] != "sensor.meter"),
        ],
        key=lambda row: (row[0], row[2]),
    )
    assert shown(warehouse, "statistics") == await known(hass, "statistics")


async def test_other_database(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """A database that was lost takes nothing with it: its rows are not shown as deleted."""
    await record_statistics(hass)
    await exporter.export_and_check()
    before = shown(warehouse, "statistics")

    def replace(db: Any) -> None:
        for model in (*MODELS.values(), StatisticsMeta, SchemaChanges):
            db.execute(delete(model))

    await in_database(hass, replace)
    changes = [{"schema_version": 53, "changed": datetime(2026, 11, 20, tzinfo=UTC)}]
    await insert_rows(hass, SchemaChanges, changes)
    meta = {"id": 1, "statistic_id": "sensor.meter", "source": "recorder", "mean_type": 0}
    await insert_rows(hass, StatisticsMeta, [meta | {"unit_of_measurement": "kWh"}])
    await insert_rows(
        hass,
        Statistics,
        [{**values, "metadata_id": 1} for values in rows_of(2, "statistics", COUNT - 1, 3)],
    )
    await exporter.export_and_check()
    after = shown(warehouse, "statistics")
    assert [(row[0], row[2]) for row in before] == [
        (row[0], row[2]) for row in after if row[2] < START + COUNT * 12 * HOUR
    ]
    assert len(after) == len(before) + 2

    await in_database(hass, lambda db: db.execute(update(Statistics).values(sum=9.0)))
    await exporter.export_and_check()
    again = shown(warehouse, "statistics")
    assert [row[-1] for row in again if row in before] == [
        row[-1] for row in before if row in again
    ]
    assert sum(row[-1] == 9.0 for row in again) == 3
    assert len(again) == len(after)


async def test_other_database_for_a_while(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """What another database had of the same hours is not shown when the one before is back."""
    await record_statistics(hass)
    await exporter.export_and_check()
    meter = Statistics.metadata_id == 2
    others = rows_of(2, "statistics")

    async def change_to(made: datetime | None, rows: list[Any]) -> None:
        await in_database(hass, lambda db: db.execute(update(SchemaChanges).values(changed=made)))
        await in_database(hass, lambda db: db.execute(delete(Statistics).where(meter)))
        await insert_rows(hass, Statistics, rows)

    made = await in_database(hass, lambda db: db.execute(select(SchemaChanges.changed)).scalar())
    columns = Statistics.__table__.columns
    before = await in_database(
        hass,
        lambda db: [
            dict(zip(columns.keys(), values, strict=True))
            for values in db.execute(select(*columns).where(meter))
        ],
    )
    await change_to(datetime(2026, 11, 20, tzinfo=UTC), [row | {"sum": 9.0} for row in others])
    await exporter.export()
    assert sum(row[-1] == 9.0 for row in shown(warehouse, "statistics")) == COUNT

    await change_to(made, before)
    await exporter.export_and_check()
    await same(hass, warehouse)
    assert await exporter.export_and_check() == NOTHING


async def test_digests_lost(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """Without digests everything is sent again, and the views show it as it is."""
    await record_statistics(hass)
    await exporter.export_and_check()
    await adjust_sum(hass)
    await async_wait_recording_done(hass)
    for session_file in _files(exporter):
        session_file.remove()
    rows = await exporter.export_and_check()
    assert rows == {"statistics": 4 * COUNT, "statistics_short_term": 4 * COUNT}
    await same(hass, warehouse)
    assert await exporter.export_and_check() == NOTHING


async def test_checkpoint_lost(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """Rows that are found in BigQuery count as they were sent."""
    await record_statistics(hass)
    await exporter.export()
    exporter.file.remove()
    assert await exporter.export_and_check() == NOTHING
    await adjust_sum(hass)
    await async_wait_recording_done(hass)
    exporter.file.remove()
    await exporter.export_and_check()
    await same(hass, warehouse)


async def test_rejected_rows(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """Rows that cannot be sent are not sent again every day."""
    await record_statistics(hass)
    bad = [
        row(0, metadata_id=2, start_ts=None),
        row(0, metadata_id=None, start_ts=START),
        row(0, metadata_id=2, start_ts=1e300),
        row(0, metadata_id=2, start_ts=START + 5 * HOUR, last_reset_ts=-1e12),
    ]
    await insert_rows(hass, Statistics, bad)
    assert await exporter.export_and_check() == NOTHING
    await adjust_sum(hass)
    await async_wait_recording_done(hass)
    assert (await exporter.export_and_check())["statistics"] > 0
    assert await exporter.export_and_check() == NOTHING
    assert len(exporter.rejected_rows()) == 4


def _files(exporter: CorrectionsExporter) -> list[DigestFile]:
    return [table._file for table in exporter.new_corrections()._tables]


async def test_file_cannot_be_written(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """Where a digest cannot be kept, nothing is committed."""
    await record_statistics(hass)
    for file in _files(exporter):
        file.path.mkdir(parents=True)
    with pytest.raises(CheckpointUnwritableError):
        await exporter.export()
    assert shown(warehouse, "statistics") == []


async def test_stop(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """A check that is stopped is made again from its beginning."""
    await record_statistics(hass)
    await exporter.export()
    await adjust_sum(hass)
    await async_wait_recording_done(hass)
    corrections = exporter.new_corrections()
    corrections.stop()
    with pytest.raises(StoppedError):
        await corrections.async_run()
    await exporter.new_corrections().async_run()
    await same(hass, warehouse)


CRASHES = {
    "appended": (PendingStream, "append"),
    "commit": (PendingStream, "commit"),
    "checkpoint": (CheckpointFile, "save"),
    "line": (DigestFile, "append"),
    "digests": (DigestFile, "save"),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("call", [1, 3])
async def test_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    monkeypatch: pytest.MonkeyPatch,
    crash: str,
    when: str,
    call: int,
) -> None:
    """Wherever a process dies, while it exports or corrects, the views become true."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 7)
    owner, name = CRASHES[crash]
    await record_statistics(hass)
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, when, call)
        with suppress(Crash):
            await exporter.export_and_check()
    for correct in (clear_newest, adjust_sum, import_into_the_past):
        await correct(hass)
        await async_wait_recording_done(hass)
    await exporter.export()
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, when, call)
        with suppress(Crash):
            await exporter.check()
    await clear_range(hass)
    await exporter.export_and_check()
    await same(hass, warehouse)
    assert await exporter.export_and_check() == NOTHING


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_backfill(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    number: int,
) -> None:
    """While a backfill waits nothing is corrected, and afterwards nothing needs to be."""
    monkeypatch.setattr(resume, "MAX_ROWS", 15)
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 15)
    await record_statistics(hass)
    await exporter.new_run(backfill=False).async_run()
    await insert_rows(hass, Statistics, rows_of(6, "statistics", COUNT, 3))
    with monkeypatch.context() as patch, suppress(Crash):
        crash_at(patch, PendingStream, "commit", when, number)
        await exporter.export(5)
    table_position = exporter.file.load().table_position("statistics")
    if table_position.backfill:
        await insert_rows(hass, Statistics, rows_of(6, "statistics", COUNT + 3, 2))
        await exporter.new_run(backfill=False).async_run()
        assert (await exporter.check()).rows == NOTHING
    assert await exporter.export_and_check() == NOTHING
    await same(hass, warehouse)
    assert exporter.file.load().table_position("statistics").backfill is None
