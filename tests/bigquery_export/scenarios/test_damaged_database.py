"""Damaged pages of SQLite's file: what is on others is exported, and the rest is told."""

from contextlib import suppress
import sqlite3
from typing import Any

from homeassistant.components.recorder.db_schema import (
    EventData,
    Events,
    EventTypes,
    StateAttributes,
    States,
    StatesMeta,
)
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from sqlalchemy.exc import DatabaseError

from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.export import (
    chunk as chunk_module,
    damaged_ends,
    damaged_rows,
    resume,
)
from custom_components.bigquery_export.export.checkpoint import Gap
from custom_components.bigquery_export.export.table_export import TableExport
from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.events import EventChoice
from custom_components.bigquery_export.source import damage as damage_module
from custom_components.bigquery_export.source.reader import TableReader
from custom_components.bigquery_export.source.source_table import IdRange
from custom_components.bigquery_export.source.states import STATES
from custom_components.bigquery_export.source.states_reader import StatesReader
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.crashes import Crash, crash_at
from tests.bigquery_export.support.damage import INDEX, TABLE, overwrite, overwrite_page, root_page
from tests.bigquery_export.support.databases import in_database, in_recorder, insert_rows
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record
from tests.bigquery_export.support.warehouse import Warehouse

TIME = 1_790_000_000.0
ROWS = 1_200


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damaged_rows, "_PAUSE", 0.0)


async def record_states(hass: HomeAssistant) -> None:
    """Record states with their numbers as text; some hundred pages have them."""
    await record(hass, 1)
    first = [{"state_id": 1, "metadata_id": 1, "state": "n0001", "last_updated_ts": TIME}]
    await in_database(hass, lambda connection: connection.exec_driver_sql("DELETE FROM states"))
    rows = [
        {
            "state_id": number,
            "metadata_id": 1,
            "state": f"n{number:04}",
            "last_updated_ts": TIME + number,
            "context_id_bin": number.to_bytes(16),
        }
        for number in range(2, ROWS + 1)
    ]
    first[0]["context_id_bin"] = bytes(16)
    await insert_rows(hass, States, [*first, *rows])


async def readable(hass: HomeAssistant) -> list[str]:
    """Return the states that SQLite reads one by one, by their ids."""

    def read(connection: Any) -> list[str]:
        found = []
        for number in range(1, ROWS + 1):
            with suppress(DatabaseError):
                found += connection.exec_driver_sql(
                    "SELECT state FROM states WHERE state_id = ?", (number,)
                ).scalars()
        return found

    return await in_database(hass, read)


def sent(warehouse: Warehouse) -> list[str]:
    """Return the states in BigQuery."""
    return sorted(row["state"] for row in warehouse.rows("state"))


@pytest.mark.parametrize(
    "numbers",
    [(600,), (1,), (600, 900), (300, 330, 360, 390, 420, 900), tuple(range(200, 800, 10))],
)
async def test_states(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, numbers: tuple[int, ...]
) -> None:
    """Each state that can be read is sent once, and how many cannot is told once."""
    await record_states(hass)
    for number in numbers:
        await overwrite(hass, f"n{number:04}".encode())
    left = await readable(hass)
    assert 0 < len(left) < ROWS
    run = exporter.new_run(batch_rows=100)
    result = await run.async_run()
    assert sent(warehouse) == left
    assert result.rejected == 0
    (gap,) = exporter.file.load().gaps
    assert gap.rows == ROWS - len(left)
    assert sum(gap.rows for gap in run.gaps) == gap.rows
    lost = sorted({f"n{number:04}" for number in range(1, ROWS + 1)}.difference(left))
    first, last = (int(state[1:]) for state in (lost[0], lost[-1]))
    assert gap.until == TIME + last + 1
    assert gap.since == TIME + first - 1 if first > 1 else TIME + last + 1

    await record(hass, 3, name="later")
    again = exporter.new_run()
    assert (await again.async_run()).rows == {"sensor_data": 3}
    assert again.gaps == []


async def test_page_that_leads_to_others(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where many ids in a row are lost, few are tried one by one, and the rest is found again."""
    monkeypatch.setattr(damage_module, "_EACH", 50)
    monkeypatch.setattr(damage_module, "_STRIDE", 40)
    monkeypatch.setattr(damage_module, "_OF_A_PAGE", 200)
    await record_states(hass)
    for number in range(300, 600):
        await overwrite(hass, f"n{number:04}".encode())
    left = await readable(hass)
    await exporter.export()
    assert sent(warehouse) == left
    (gap,) = exporter.file.load().gaps
    assert gap.rows == ROWS - len(left)


@pytest.mark.parametrize("seconds", [-86_400.0, 86_400.0])
async def test_clock_that_was_put_right(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, *, seconds: float
) -> None:
    """The gap reaches from the row before it to the one behind it, also where that is earlier."""
    await record_states(hass)
    await execute(
        hass,
        "UPDATE states SET last_updated_ts = last_updated_ts + ? WHERE state_id > 600",
        seconds,
    )
    await overwrite(hass, b"n0600")
    left = [int(state[1:]) for state in await readable(hass)]
    before = max(number for number in left if number < 600)
    behind = min(number for number in left if number > 600)
    await exporter.export()
    (gap,) = exporter.file.load().gaps
    assert gap.rows == behind - before - 1
    assert [gap.since, gap.until] == sorted((TIME + before, TIME + behind + seconds))


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("name", ["append", "commit", "save"])
async def test_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    where: str,
) -> None:
    """Wherever the process dies, the gap is told once, with the commit that passes it."""
    await record_states(hass)
    await overwrite(hass, b"n0600")
    left = await readable(hass)
    owner: Any = type(exporter.file) if name == "save" else None
    for _ in range(2):
        with monkeypatch.context() as patch, suppress(Crash):
            if owner is None:
                crash_at(patch, PendingStream, name, where, 1)
            else:
                crash_at(patch, owner, name, where, 2)
            await exporter.export()
    await exporter.export()
    assert sent(warehouse) == left
    (gap,) = exporter.file.load().gaps
    assert gap.rows == ROWS - len(left)


@pytest.mark.parametrize("kinds", [(TABLE,), (INDEX,), (TABLE, INDEX)])
async def test_entities(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, *, kinds: tuple[int, ...]
) -> None:
    """States whose entity cannot be read are rejected by name, and all others are sent."""
    await record_states(hass)
    entities = [{"metadata_id": n, "entity_id": f"sensor.m{n:04}"} for n in range(1_001, 1_501)]
    await insert_rows(hass, StatesMeta, entities)
    rows = [
        {"metadata_id": n, "state": f"n{n:04}", "last_updated_ts": TIME + n}
        for n in range(1_001, 1_501)
    ]
    await insert_rows(hass, States, rows)
    assert await overwrite(hass, b"sensor.m1400", *kinds) == len(kinds)
    result = await exporter.export()
    # The index has the ids, too.
    assert 10 < result.rejected < 400 if len(kinds) == 2 else result.rejected == 0
    assert result.rows == {"sensor_data": ROWS + 500 - result.rejected}
    reasons = {row["reason"] for row in exporter.rejected_rows()}
    assert reasons <= {"the recorder no longer knows its entity"}


async def test_attributes(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """States whose attributes cannot be read arrive without them, and are counted."""
    await record_states(hass)
    texts = [{"attributes_id": n, "shared_attrs": f'{{"n":"a{n:04}"}}'} for n in range(2, 501)]
    await insert_rows(hass, StateAttributes, texts)
    await in_database(
        hass,
        lambda connection: connection.exec_driver_sql(
            "UPDATE states SET attributes_id = state_id WHERE state_id BETWEEN 2 AND 500"
        ),
    )
    assert await overwrite(hass, b"a0250") == 1
    result = await exporter.export()
    assert (result.rows, result.rejected) == ({"sensor_data": ROWS}, 0)
    assert 10 < result.repaired < 400
    with_attributes = warehouse.rows("state", "attributes IS NOT NULL")
    assert len(with_attributes) == 499 - result.repaired


@pytest.mark.parametrize("damaged_table", [Events, EventData])
async def test_events(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, *, damaged_table: Any
) -> None:
    """Events that can be read are sent, wherever the damage is, and between others."""
    exporter.tables = ("events",)
    exporter.choice = Choice(EventChoice(frozenset({"chosen"})))
    for statement in ("DELETE FROM events", "DELETE FROM event_data", "DELETE FROM event_types"):
        await execute(hass, statement)
    types = [{"event_type_id": n, "event_type": name} for n, name in ((1, "chosen"), (2, "other"))]
    await insert_rows(hass, EventTypes, types)
    texts = [{"data_id": n, "shared_data": f'{{"n":"e{n:04}"}}'} for n in range(1, 601)]
    await insert_rows(hass, EventData, texts)
    rows = [
        {
            "event_id": n,
            "event_type_id": 1 if n % 20 == 0 else 2,
            "data_id": n % 600 + 1,
            "time_fired_ts": TIME + n,
            "context_id_bin": f"context-{n:08}".encode(),
        }
        for n in range(1, ROWS + 1)
    ]
    await insert_rows(hass, Events, rows)
    marker = b"context-00000600" if damaged_table is Events else b"e0001"
    assert await overwrite(hass, marker) == 1

    def read(connection: Any) -> list[str]:
        found = []
        for number in range(20, ROWS + 1, 20):
            with suppress(DatabaseError):
                found += connection.exec_driver_sql(
                    "SELECT event_id FROM events WHERE event_id = ?", (number,)
                ).scalars()
        return found

    left = await in_database(hass, read)
    result = await exporter.export()
    assert result.rows == {"events": len(left)}
    assert bool(exporter.file.load().gaps) == (damaged_table is Events)
    assert bool(result.repaired) == (damaged_table is EventData)
    assert (await exporter.export()).rows == {"events": 0}


async def test_index(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """States are sent without the values of context entities where their index is damaged."""
    exporter.choice = Choice(context_entities=(ContextEntity("sensor.s0", "context"),))
    await record_states(hass)
    await overwrite_page(hass, await root_page(hass, "ix_states_metadata_id_last_updated_ts"))
    assert (await exporter.export()).rows == {"sensor_data": ROWS}
    assert warehouse.rows("state", "ambient IS NOT NULL") == []


async def test_anchor(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Where the last exported row is damaged, nothing is lost or sent twice."""
    await record_states(hass)
    await exporter.export()
    await record(hass, 400, name="later")
    assert await overwrite(hass, f"n{ROWS:04}".encode()) == 1
    left = set(await readable(hass))
    await exporter.export()
    rows = [row["state"] for row in warehouse.rows("state", "entity_id = 'sensor.later0'")]
    assert len(rows) == len(set(rows))
    assert len(rows) > 250
    assert left.issubset(sent(warehouse))
    assert len(sent(warehouse)) == ROWS + len(rows)


async def test_newest_page(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Where the newest rows are damaged, all others are sent."""
    await record_states(hass)
    assert await overwrite(hass, f"n{ROWS:04}".encode()) == 1
    left = await readable(hass)
    await exporter.export()
    assert sent(warehouse) == left


async def test_newest_page_behind_other_damage(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Where the newest rows are damaged, those between them and other damage are sent, too."""
    await record_states(hass)
    for number in (*range(2, 100), *range(480, 1_080, 90), ROWS):
        await overwrite(hass, f"n{number:04}".encode())
    left = await readable(hass)
    assert int(left[-1][1:]) > 1_050
    await exporter.export()
    assert sent(warehouse) == left


async def test_nothing_behind_the_damage(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A damaged row behind which there is none is told in the log, and not tried each time."""
    exporter.keeps_journal = True
    await record_states(hass)
    # Its text is on pages of its own, so the row is found by its id.
    long = {"state_id": ROWS + 1, "state": "overflow" * 1_500, "last_updated_ts": TIME}
    await insert_rows(hass, States, [{"metadata_id": 1, **long}])
    assert await overwrite(hass, b"overflow", 0)
    looked = []
    damage = TableReader.damage

    def look(reader: Any, after: int, until: int) -> Any:
        looked.append((after, until))
        return damage(reader, after, until)

    monkeypatch.setattr(TableReader, "damage", look)
    for _ in range(3):
        await exporter.export()
    assert len(sent(warehouse)) == ROWS
    assert exporter.file.load().gaps == ()
    assert looked == [(ROWS, ROWS + 1)] * 2
    told = [line for line in caplog.messages if "They wait until one of them can be read" in line]
    assert len(told) == 1
    assert f"up to 1 rows of sensor_data after row {ROWS} cannot be read" in told[0]

    monkeypatch.setattr(damaged_ends, "_AGAIN", -1.0)
    exporter.restart()
    for _ in range(2):
        await exporter.export()
    assert len(looked) == 6

    await record(hass, 1, name="later")
    await exporter.export()
    assert len(sent(warehouse)) == ROWS + 1
    (gap,) = exporter.file.load().gaps
    assert gap.rows == 1


async def test_end_of_a_backfill(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backfill that ends with damaged rows ends, and they are told as a gap."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 1_000)
    monkeypatch.setattr(resume, "MAX_ROWS", 1_000)
    await record_states(hass)
    await exporter.new_run(backfill=False).async_run()
    (until,) = [
        position.until for position in exporter.file.load().positions.values() if position.until
    ]
    assert until == ROWS
    await record(hass, 400, name="later")
    backfill = TableExport.async_backfill_chunk
    damages: list[int] = []

    async def damage_first(export: TableExport) -> bool:
        if not damages:
            damages.append(await overwrite(hass, f"n{ROWS:04}".encode()))
        return await backfill(export)

    monkeypatch.setattr(TableExport, "async_backfill_chunk", damage_first)
    await exporter.export()
    left = await readable(hass)
    assert len(left) < ROWS
    states = sent(warehouse)
    assert states[-len(left) :] == left
    assert len(states) == len(left) + 400
    checkpoint = exporter.file.load()
    assert not any(position.until for position in checkpoint.positions.values())
    (gap,) = checkpoint.gaps
    assert gap == Gap("sensor_data", ROWS - len(left), TIME + len(left), TIME + ROWS)


DAY = {"start_date": "2026-09-21", "end_date": "2026-09-22"}


async def test_comparison(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What can be read is compared, sent again and estimated, and what cannot is told."""
    await record_states(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    for number in (300, 600, 603):
        await overwrite(hass, f"n{number:04}".encode())
    left = await readable(hass)
    lost = ROWS - len(left)
    deleted = [left[0], left[250], left[-1], "n0600"]
    names = ", ".join(f"'{state}'" for state in deleted)
    warehouse.server.query(
        f"DELETE FROM home.sensor_data WHERE state IN ({names})",  # noqa: S608
        warehouse.project,
    )
    response = await act(hass, "verify", tables="sensor_data", **DAY)
    total, table = response["total"], response["tables"]["sensor_data"]
    assert (total["recorder"], total["missing"], table["damaged"]) == (len(left), 3, lost)
    told = f"Up to {lost:,} rows could not be compared: the recorder's database is damaged"
    assert told in response["summary"]

    forced = await act(hass, "export_now", tables="sensor_data", force=True)
    assert forced["sent_again"] == {"sensor_data": 3}
    assert forced["damaged"] == lost
    assert set(left).issubset(sent(warehouse))
    response = await act(hass, "verify", tables="sensor_data", **DAY)
    assert response["total"]["missing"] == 0
    assert told in response["summary"]

    estimate = await act(hass, "estimate")
    assert estimate["damaged"] == ["sensor_data"]
    assert estimate["tables"]["sensor_data"]["rows"] == pytest.approx(ROWS, rel=0.2)


async def test_backlog(hass: HomeAssistant) -> None:
    """What is shown of the backlog does not fail: how many rows wait at most."""
    await record_states(hass)
    await overwrite(hass, b"n0600")
    reader = TableReader[Any](hass, STATES)
    assert await in_recorder(hass, reader.count, 0) == ROWS
    assert await in_recorder(hass, reader.count, 100, 700) == 600
    assert await in_recorder(hass, reader.count, 800) == ROWS - 800
    assert await in_recorder(hass, reader.oldest_time, 100) is None
    assert await in_recorder(hass, reader.oldest_time, 800) == TIME + 801


async def test_damage_that_passes(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What cannot be read once, and can be a moment later, is sent: nothing is passed."""
    await record_states(hass)
    read = TableReader._plain_rows
    failures = iter([True, False, True, True, False])

    def fail_sometimes(reader: Any, connection: Any, bounds: Any) -> Any:
        if next(failures, False):
            connection.exec_driver_sql("SELECT 1")
            raise damaged()
        return read(reader, connection, bounds)

    monkeypatch.setattr(TableReader, "_plain_rows", fail_sometimes)
    await exporter.export(batch_rows=100)
    await exporter.export(batch_rows=100)
    assert len(sent(warehouse)) == ROWS
    assert exporter.file.load().gaps == ()


@pytest.mark.parametrize("rows", [40, ROWS])
async def test_damage_that_is_found_once(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
) -> None:
    """Rows that cannot be read when they are looked for are tried once more."""
    await record_states(hass)
    read, look = StatesReader.read, StatesReader.damage
    found: list[int] = []

    def fail_at_first(*args: Any) -> Any:
        if not found:
            raise damaged()
        return read(*args)

    def find_once(reader: Any, after: int, until: int) -> IdRange:
        found.append(after)
        if len(found) == 1:
            return IdRange(after, min(after + rows, until))
        return look(reader, after, until)

    monkeypatch.setattr(StatesReader, "read", fail_at_first)
    monkeypatch.setattr(StatesReader, "damage", find_once)
    for _ in range(2):
        await exporter.export()
    assert len(found) > 1
    assert len(sent(warehouse)) == ROWS
    assert exporter.file.load().gaps == ()


@pytest.mark.parametrize("code", [5, 10, 266, 7])
async def test_other_errors(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """A lock, an error of the disk, or no memory is an error; nothing is passed."""
    await record_states(hass)
    read = TableReader._plain_rows
    calls = iter(range(100))

    def fail(reader: Any, connection: Any, bounds: Any) -> Any:
        if next(calls) == 2:
            raise damaged(code)
        return read(reader, connection, bounds)

    with monkeypatch.context() as patch:
        patch.setattr(TableReader, "_plain_rows", fail)
        with pytest.raises(Exception, match="recorder_unreadable"):
            await exporter.export(batch_rows=100)
    await exporter.export()
    assert len(sent(warehouse)) == ROWS
    assert exporter.file.load().gaps == ()


def damaged(code: int = 11) -> DatabaseError:
    """Return an error of SQLite."""
    err = sqlite3.DatabaseError("database disk image is malformed")
    err.sqlite_errorcode = code
    return DatabaseError("SELECT", {}, err)
