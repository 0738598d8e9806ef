"""A home's clock that is wrong for a while: the order of exports decides, whatever it said."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from homeassistant.core import HomeAssistant
import orjson
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.export import session as session_module
from custom_components.bigquery_export.export.checkpoint import Checkpoint, Intent
from custom_components.bigquery_export.export.document_file import document_of
from custom_components.bigquery_export.export.fence import FencedTransaction
from custom_components.bigquery_export.export.positions import Position
from custom_components.bigquery_export.export.session import Result
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from custom_components.bigquery_export.rows.table import timestamp
from tests.bigquery_export.support.crashes import Crash, crash_at
from tests.bigquery_export.support.entity_tables import BEGINNING, Tables
from tests.bigquery_export.support.registered_home import entity_rows
from tests.bigquery_export.support.statistics_corrections import (
    TABLES,
    CorrectionsExporter,
    adjust_sum,
    known,
    record_statistics,
    shown,
)
from tests.bigquery_export.support.warehouse import Warehouse

OFF = [timedelta(days=200), timedelta(days=-200), timedelta(hours=2), timedelta(minutes=-3)]
"""By how much a clock is wrong: ahead, or behind."""

type SetClock = Callable[[timedelta], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return what lets the exports that begin from now on see a clock that is wrong by so much."""

    def set_clock(off: timedelta) -> None:
        monkeypatch.setattr(
            session_module, "Result", lambda: Result(started=datetime.now(UTC) + off)
        )

    return set_clock


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[CorrectionsExporter]:
    """Return what exports statistics to tables that have views."""
    warehouse.create_table(STATISTICS, STATISTICS_SHORT_TERM, ENTITIES)
    with closing(warehouse.connect()) as connection:
        yield CorrectionsExporter(hass, connection)


async def adjust(hass: HomeAssistant) -> None:
    """Adjust a sum, as a user does."""
    await adjust_sum(hass)
    await async_wait_recording_done(hass)


async def same(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Make sure that the views show what Home Assistant shows."""
    for table in TABLES:
        assert shown(warehouse, table) == await known(hass, table)


@pytest.mark.parametrize("off", OFF, ids=str)
async def test_a_correction_after_it(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    set_clock: SetClock,
    off: timedelta,
) -> None:
    """What is corrected after an export with a wrong clock is shown at once."""
    await record_statistics(hass)
    set_clock(off)
    await exporter.export()
    set_clock(timedelta())
    await adjust(hass)
    assert (await exporter.check()).total > 0
    await same(hass, warehouse)


async def test_a_correction_while_it_is_wrong(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter, set_clock: SetClock
) -> None:
    """A clock that goes back between an export and its corrections hides neither."""
    await record_statistics(hass)
    await exporter.export()
    set_clock(timedelta(days=-3))
    await adjust(hass)
    assert (await exporter.check()).total > 0
    await same(hass, warehouse)
    set_clock(timedelta())
    await adjust(hass)
    assert (await exporter.check()).total > 0
    await same(hass, warehouse)


async def test_an_export_that_crashes_while_it_is_wrong(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    set_clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time of a transaction counts from its intent on."""
    await record_statistics(hass)
    set_clock(timedelta(days=200))
    with monkeypatch.context() as patch:
        crash_at(patch, PendingStream, "commit", "after", 1)
        with pytest.raises(Crash):
            await exporter.export()
    set_clock(timedelta())
    await exporter.export()
    await adjust(hass)
    assert (await exporter.check()).total > 0
    await same(hass, warehouse)


@pytest.mark.parametrize("lost", ["checkpoint", "latest"])
async def test_a_checkpoint_that_does_not_know(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    set_clock: SetClock,
    lost: str,
) -> None:
    """A checkpoint that was lost, or is of an earlier version, has the time from the fence."""
    await record_statistics(hass)
    set_clock(timedelta(days=200))
    await exporter.export()
    path = exporter.file.path
    if lost == "checkpoint":
        path.unlink()
    else:
        content = document_of(path.read_bytes())
        del content["latest"]
        path.write_bytes(orjson.dumps(content))
    set_clock(timedelta())
    await exporter.export()
    await adjust(hass)
    assert (await exporter.check()).total > 0
    await same(hass, warehouse)


def test_export_timestamps_never_go_back() -> None:
    """Each export has a later time than those before, and one that is in doubt."""
    now = datetime.now(UTC)
    assert Checkpoint().after_latest(now) == now
    later = timestamp(now) + 10**15
    for checkpoint in (
        Checkpoint(latest=later),
        Checkpoint(intent=Intent("t", "t", "d", "a", "b", {}, Position(), export_timestamp=later)),
    ):
        assert timestamp(checkpoint.after_latest(now)) == later + 1
    assert timestamp(replace(Checkpoint(latest=5)).after_latest(now)) == timestamp(now)


def test_tokens_are_later_than_rows(exporter: CorrectionsExporter) -> None:
    """Whatever becomes of the last digits of a time, the token of its transaction is not before."""
    begin = timestamp(datetime.now(UTC)) + 10**13
    for step in range(2_000):
        latest = begin + step * 777_777
        assert FencedTransaction(exporter.journal.ownership.new_token(latest)).time > latest


@pytest.mark.parametrize(
    ("token", "time"),
    [("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1_469_922_850_259_000), ("before", 0), ("", 0)],
)
def test_the_time_of_a_fence(token: str, time: int) -> None:
    """A token that is no ULID has no time."""
    assert FencedTransaction(token).time == time


def test_dimensions(warehouse: Warehouse, exporter: CorrectionsExporter) -> None:
    """What was exported last holds, and no row is valid until before it began."""
    tables = Tables(warehouse)

    def called(model: str, name: str = "a") -> dict[str, object]:
        return {"registry_id": "1", "entity_id": f"sensor.{name}", "model": model}

    tables.snapshot(10, called("first"))
    tables.snapshot(17_280_000, called("ahead", "b"))
    tables.snapshot(20, called("right again", "c"))
    tables.snapshot(30, called("last", "a"))
    (latest,) = entity_rows(warehouse, view="entities_latest")
    assert latest["model"] == "last"
    spans = {
        row["model"]: tuple(
            row[end] and (int(row[end]) - BEGINNING) // 1_000_000
            for end in ("valid_from", "valid_to")
        )
        for row in entity_rows(warehouse, view="entities_valid")
    }
    assert spans == {
        "first": (10, 20),
        "ahead": (20, 20),
        "right again": (20, 30),
        "last": (30, None),
    }
    names = entity_rows(warehouse, view="entity_names")
    assert {row["current_entity_id"] for row in names} == {"sensor.a"}
    assert {row["entity_id"] for row in names} == {"sensor.a", "sensor.b", "sensor.c"}


@pytest.mark.parametrize(
    ("age", "recent"),
    [
        (timedelta(minutes=1), True),
        (timedelta(days=89), True),
        (timedelta(days=91), False),
        (timedelta(minutes=-10), True),
        (timedelta(hours=-2), False),
        (timedelta(days=-200), False),
    ],
    ids=str,
)
def test_an_intent_of_another_time(age: timedelta, recent: bool) -> None:
    """A transaction whose age a clock cannot tell is one that BigQuery may have forgotten."""
    log = {"finished": timestamp(datetime.now(UTC) - age)}
    intent = Intent("t", "t", "d", "a", "b", log, Position())
    assert intent.is_recent == recent
