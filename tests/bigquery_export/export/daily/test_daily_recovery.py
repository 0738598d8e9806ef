"""Statistics by the day, wherever a process dies and whatever is lost."""

from collections import Counter
from datetime import timedelta
from itertools import cycle

from homeassistant.components.recorder.db_schema import SchemaChanges
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import update

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import CheckpointUnwritableError, StoppedError
from custom_components.bigquery_export.export import chunk as chunk_module
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.daily.daily_file import DailyFile
from custom_components.bigquery_export.export.delivery import Outcome
from tests.bigquery_export.support.crashes import TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.daily_statistics import (
    ALL,
    BEGIN,
    DAYS,
    END,
    GAS,
    HOUR,
    METER,
    DailyExporter,
    deleted,
    hours,
    midnight,
    record,
    record_days,
    same,
    sent,
)
from tests.bigquery_export.support.databases import in_database
from tests.bigquery_export.support.exported_rows import log_rows
from tests.bigquery_export.support.warehouse import Warehouse

CRASHES = {
    "while rows are appended": ("append", "before"),
    "after the sending has ended": ("finish", "after"),
    "before the line is written": ("line", "before"),
    "between line and commit": ("line", "after"),
    "before the intent is written": ("save", "before"),
    "after the intent was written": ("save", "after"),
    "before the commit": ("commit", "before"),
    "between commit and checkpoint": ("commit", "after"),
    "before the file is written anew": ("file", "before"),
    "after the file was written anew": ("file", "after"),
}
NAME = "daily_statistics"
DAY = timedelta(days=1)


def crash(patch: pytest.MonkeyPatch, exporter: DailyExporter, where: str, call: int) -> None:
    """Let the process die at one of the places, when it is there so often."""
    name, when = CRASHES[where]
    owner: type = TRANSACTIONS[exporter.delivery]
    if name == "save":
        owner = CheckpointFile
    elif name in ("line", "file"):
        owner, name = DailyFile, {"line": "append", "file": "save"}[name]
        call = 1 if name == "save" else call
    crash_at(patch, owner, name, when, call)


async def correct(hass: HomeAssistant) -> None:
    """Adjust the sum of a meter from its second hour on."""
    get_instance(hass).async_adjust_statistics("sensor.meter", midnight(BEGIN) + HOUR, 7.25, "kWh")
    await async_wait_recording_done(hass)


@pytest.fixture
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send each statistic in a transaction of its own."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 1)


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize(("where", "delivery"), zip(CRASHES, cycle(TRANSACTIONS), strict=False))
async def test_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    delivery: str,
) -> None:
    """Wherever a process dies, the next one makes it so that each day is there once."""
    exporter.delivery, exporter.again = delivery, True
    await record_days(hass)
    with monkeypatch.context() as patch:
        crash(patch, exporter, where, 3)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.export()
    days = sent(warehouse)
    assert len(days) == len(ALL) * DAYS
    await same(hass, warehouse)
    assert log_rows(warehouse) == len(days)

    await correct(hass)
    with monkeypatch.context() as patch:
        crash(patch, exporter, where, 1)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.export()
    again = Counter(sent(warehouse)) - Counter(days)
    assert {day[0] for day in again} == {"sensor.meter"}
    assert set(again.values()) == {1}
    assert len(again) == DAYS
    assert len(deleted(warehouse)) == 2
    await same(hass, warehouse)
    assert log_rows(warehouse) == len(ALL) * DAYS + DAYS + 2
    position = exporter.file.load().position(NAME)
    assert (position.rows, position.in_doubt_until) == (log_rows(warehouse), 0)
    assert await exporter.export_days() == 0


@pytest.mark.parametrize("where", ["between line and commit", "between commit and checkpoint"])
async def test_change_after_a_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """What changes between a crash and the next run is compared with what was committed."""
    exporter.again = True
    await record_days(hass, statistics=[METER])
    with monkeypatch.context() as patch:
        crash(patch, exporter, where, 1)
        with pytest.raises(Crash):
            await exporter.export()
    await correct(hass)
    await exporter.export()
    assert len(sent(warehouse)) == (2 * DAYS if "checkpoint" in where else DAYS)
    await same(hass, warehouse)


@pytest.mark.usefixtures("small_transactions")
async def test_what_was_not_committed_stays_so(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line whose transaction was not committed does not come to hold by a later one."""
    exporter.again = True
    await record_days(hass, statistics=[GAS, METER])
    await exporter.export()
    await correct(hass)
    with monkeypatch.context() as patch:
        crash(patch, exporter, "between line and commit", 1)
        with pytest.raises(Crash):
            await exporter.export()
    # Now a transaction of the gas meter comes first, and no other one.
    await record(hass, GAS, hours(GAS, midnight(BEGIN), 2, shift=0.5))
    with monkeypatch.context() as patch:
        crash(patch, exporter, "before the line is written", 2)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.export()
    await same(hass, warehouse)


@pytest.mark.usefixtures("small_transactions")
async def test_interrupted_day(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A day that is sent of some statistics comes of the others later, and of none again."""
    await record_days(hass)
    await exporter.export()
    await record_days(hass, END, END + DAY)
    with monkeypatch.context() as patch:
        crash(patch, exporter, "before the line is written", 3)
        with pytest.raises(Crash):
            await exporter.export()
    assert len(sent(warehouse)) == len(ALL) * DAYS + 2
    assert await exporter.export_days() == 2
    await same(hass, warehouse, END + DAY)
    assert deleted(warehouse) == []
    await record_days(hass, END + DAY, END + 2 * DAY)
    assert await exporter.export_days() == len(ALL)


@pytest.mark.parametrize("lost", ["file", "damaged file", "checkpoint", "both"])
async def test_lost(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter, lost: str
) -> None:
    """Without file or checkpoint everything is sent again, and the view shows what holds."""
    exporter.again = True
    await record_days(hass)
    await exporter.export()
    if lost in ("file", "both"):
        exporter.days_file.remove()
    if lost == "damaged file":
        exporter.days_file.path.write_bytes(b'{"version":1,"generation":"?"}\n')
    if lost in ("checkpoint", "both"):
        exporter.file.remove()
    if lost == "checkpoint":
        get_instance(hass).async_clear_statistics(["sensor.wind"])
        await async_wait_recording_done(hass)
    left = len(ALL) - (lost == "checkpoint")
    covering = 2 * len(ALL) if lost == "checkpoint" else 0
    assert await exporter.export_days() == left * DAYS + covering
    await same(hass, warehouse)
    assert await exporter.export_days() == 0
    await correct(hass)
    assert await exporter.export_days() == DAYS + 2
    await same(hass, warehouse)


@pytest.mark.usefixtures("small_transactions")
@pytest.mark.parametrize("committed", [True, False])
async def test_forgotten_transaction(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    committed: bool,
) -> None:
    """Of a transaction that BigQuery has forgotten all days are sent again, and of no other."""
    exporter.again = True
    await record_days(hass)
    with monkeypatch.context() as patch:
        crash(
            patch,
            exporter,
            "between commit and checkpoint" if committed else "before the commit",
            3,
        )
        with pytest.raises(Crash):
            await exporter.export()
    get_instance(hass).async_clear_statistics(["sensor.kitchen"])
    await async_wait_recording_done(hass)
    with monkeypatch.context() as patch:
        patch.setattr(StorageWriteDelivery, "settle", lambda *_: Outcome.FORGOTTEN)
        await exporter.export()
    counts = Counter(day[0] for day in sent(warehouse))
    # The first commit was of the gas meter, the third one of the row about it.
    assert counts["provider:gas"] == DAYS
    await same(hass, warehouse)
    assert exporter.file.load().position(NAME).in_doubt_until == 0
    assert await exporter.export_days() == 0


async def test_exported_elsewhere(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """After an export of a copy of the home all days are sent anew, and cover what it sent."""
    exporter.again = True
    await record_days(hass)
    await exporter.export()
    warehouse.export_elsewhere()
    assert await exporter.export_days() == 0
    await correct(hass)
    assert await exporter.export_days() == len(ALL) * (DAYS + 2)
    await same(hass, warehouse)
    assert await exporter.export_days() == 0


async def test_another_database(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """Days of another database come beside those of the one before."""
    exporter.again = True
    await record_days(hass, statistics=[METER])
    await exporter.export()

    async def make(days: int) -> None:
        get_instance(hass).async_clear_statistics(["sensor.meter"])
        await async_wait_recording_done(hass)
        when = midnight(BEGIN) - HOUR * days
        await in_database(
            hass,
            lambda db: db.execute(update(SchemaChanges).values(changed=when.replace(tzinfo=None))),
        )
        await record_days(hass, statistics=[ALL[0]])

    await make(24)
    assert await exporter.export_days() == DAYS
    assert deleted(warehouse) == []
    assert {day[0] for day in sent(warehouse)} == {"sensor.meter", "provider:gas"}
    assert await exporter.export_days() == 0


async def test_no_commit_without_its_line(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """Where the file cannot be written nothing is committed."""
    await record_days(hass, statistics=[METER])
    exporter.days_file.path.mkdir(parents=True)
    with pytest.raises(CheckpointUnwritableError):
        await exporter.export()
    assert sent(warehouse) == []
    exporter.days_file.path.rmdir()
    assert await exporter.export_days() == DAYS


async def test_stop(hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter) -> None:
    """A stopped run sends nothing, and the next one everything."""
    await record_days(hass, statistics=[METER])
    run = exporter.new_run()
    run.stop()
    with pytest.raises(StoppedError):
        await run.async_run()
    assert sent(warehouse) == []
    assert await exporter.export_days() == DAYS
