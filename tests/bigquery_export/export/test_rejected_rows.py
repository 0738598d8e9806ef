"""Rejected rows: kept, shown, sent again or discarded."""

from datetime import UTC, datetime, timedelta
import errno
import os
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from sqlalchemy import column as column_of, table, update

from custom_components.bigquery_export.bigquery import DELIVERIES
from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.errors import CheckpointUnwritableError, StoppedError
from custom_components.bigquery_export.export import files
from custom_components.bigquery_export.export.reconcile.retry import Retry
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.events import EventChoice
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.crashes import Crash, crash_at
from tests.bigquery_export.support.databases import in_database
from tests.bigquery_export.support.exported_rows import log_rows, states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.warehouse import Warehouse


async def record_old(hass: HomeAssistant) -> None:
    """Record ten states, of which two are too old for the Storage Write API, and one unreadable."""
    await record(hass, 10)
    long_ago = (datetime.now(UTC) - timedelta(days=11 * 365)).timestamp()
    await execute(hass, "UPDATE states SET last_updated_ts = ? WHERE state_id IN (2, 7)", long_ago)
    await execute(hass, "UPDATE states SET metadata_id = NULL WHERE state_id = 5")


def rejected(number: int, **run: Any) -> RejectedRow:
    """Return a row that BigQuery rejects."""
    return RejectedRow({"state_id": number, "state": f"x{number}", **run}, "no", encoded=True)


async def test_a_row_is_kept_once(hass: HomeAssistant) -> None:
    """A row that is sent again, and rejected again, is not written again."""
    for attempt in range(3):
        file = RejectedRows(hass, "entry")
        file.append(f"export{attempt}", SENSOR_DATA, [rejected(1, export_id=str(attempt))])
        file.append(f"export{attempt}", SENSOR_DATA, [rejected(1), rejected(attempt + 2)])
    entries = list(RejectedRows(hass, "entry").read())
    assert [entry.id for entry in entries] == [1, 2, 3, 4]
    assert [entry.export_id for entry in entries] == ["export0", "export0", "export1", "export2"]
    assert entries[0].row == {"state": "x1"}
    assert entries[0].reason == "no"
    assert datetime.fromisoformat(entries[0].time).tzinfo is UTC
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", [1, 20, 60])
async def test_a_line_that_a_crash_cut_off(hass: HomeAssistant, left: int) -> None:
    """What a crash leaves of a line spoils neither the lines before it nor those after it."""
    file = RejectedRows(hass, "entry")
    file.append("export", SENSOR_DATA, [rejected(1)])
    file.append("export", SENSOR_DATA, [rejected(2)])
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: whole.index(b"\n") + 1 + left])
    file = RejectedRows(hass, "entry")
    file.append("export", SENSOR_DATA, [rejected(2), rejected(3)])
    assert [entry.id for entry in file.read()] == [1, 2, 3]


async def test_retry(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Rows that another delivery accepts are sent by it, once, and the others stay."""
    await record_old(hass)
    assert (await exporter.export()).rejected == 3
    assert (await exporter.retry_rejected()).rows == {"sensor_data": 0}
    assert len(exporter.rejected_rows()) == 3

    exporter.delivery = "load_job"
    result = await exporter.retry_rejected()
    assert result.rows == {"sensor_data": 2}
    assert result.rejected == 1
    assert states_in(warehouse) == [*numbers(4), *numbers(10)[5:]]
    (left,) = exporter.rejected_rows()
    assert left["reason"] == "the recorder no longer knows its entity"
    old = warehouse.rows("export_id, attributes, local_time, source", "state = '6'")
    assert old[0]["export_id"] == result.export_id
    assert old[0]["attributes"] == '{"number":6}'
    assert exporter.file.load().position("sensor_data").rows == 9
    assert log_rows(warehouse) == 9
    assert (await exporter.retry_rejected()).rows == {"sensor_data": 0}
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert len(states_in(warehouse)) == 9


@pytest.mark.parametrize(("owner", "name"), [(PendingStream, "commit"), (RejectedRows, "take_out")])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_retry_that_crashes(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    when: str,
) -> None:
    """Wherever a retry ends, the next one makes it so that each row is there once."""
    await record(hass, 5)
    with monkeypatch.context() as patch:
        patch.setattr(AppendConnection, "send", lambda *_: {0: "not today"})
        assert (await exporter.export()).rejected == 5
    assert states_in(warehouse) == []
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, when, 1)
        with pytest.raises(Crash):
            await exporter.retry_rejected()
    await exporter.retry_rejected()
    assert states_in(warehouse) == numbers(5)
    assert exporter.rejected_rows() == []
    assert not exporter.rejected.path.exists()
    assert log_rows(warehouse) == 5


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_export_that_crashes(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    when: str,
) -> None:
    """Rows that are rejected again after a crash are in the file once."""
    await record_old(hass)
    with monkeypatch.context() as patch:
        crash_at(patch, RejectedRows if call == 3 else PendingStream, "append", when, 1)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.export()
    assert len(exporter.rejected_rows()) == 3
    assert len(states_in(warehouse)) == 7


async def test_rejected_again_after_a_lost_checkpoint(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """An export that begins again meets the same rows, and keeps them once."""
    await record_old(hass)
    await exporter.export()
    exporter.file.remove()
    await exporter.export()
    assert len(exporter.rejected_rows()) == 3
    assert len(states_in(warehouse)) == 7


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let no line reach the disk, until the patch is undone."""
    full = OSError(errno.ENOSPC, "No space left on device")
    disk = SimpleNamespace(open=os.open, SEEK_END=os.SEEK_END, fsync=Mock(side_effect=full))
    monkeypatch.setattr(files, "os", disk)
    return monkeypatch


async def test_full_disk(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    full_disk: pytest.MonkeyPatch,
) -> None:
    """A file that cannot be written is an error with a sentence, and its rows come again."""
    await record_old(hass)
    with pytest.raises(CheckpointUnwritableError, match="No space left on device") as caught:
        await exporter.export()
    assert caught.value.path == str(exporter.rejected.path)
    full_disk.undo()
    await exporter.export()
    assert len(exporter.rejected_rows()) == 3
    assert len(states_in(warehouse)) == 7


def test_rows_are_known_once_they_are_on_the_disk(
    hass: HomeAssistant, full_disk: pytest.MonkeyPatch
) -> None:
    """What could not be written is not taken for written, and neither is what was removed."""
    rejected = RejectedRows(hass, "entry")
    row = RejectedRow({"state": "1"}, "why")
    with pytest.raises(CheckpointUnwritableError):
        rejected.append("export", SENSOR_DATA, [row])
    rejected.path.unlink()
    full_disk.undo()
    rejected.append("export", SENSOR_DATA, [row, row])
    assert len(list(rejected.read())) == 1
    rejected.remove()
    rejected.append("export", SENSOR_DATA, [row])
    assert len(list(rejected.read())) == 1
    rejected.path.unlink()  # A user may delete the file.
    rejected.append("export", SENSOR_DATA, [row])
    assert len(list(rejected.read())) == 1


async def test_retry_that_is_stopped(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sending rejected rows again ends after the transaction that it is at, and loses no row."""
    await record(hass, 5)
    with monkeypatch.context() as patch:
        patch.setattr(AppendConnection, "send", lambda *_: {0: "not today"})
        assert (await exporter.export()).rejected == 5
    retry = Retry(exporter.new_session(batch_rows=2), TABLES.values())
    retry._session.journal._on_progress = retry.stop
    with pytest.raises(StoppedError):
        await retry.async_run()
    assert states_in(warehouse) == numbers(2)
    assert len(exporter.rejected_rows()) == 3
    await exporter.retry_rejected()
    assert states_in(warehouse) == numbers(5)
    assert exporter.rejected_rows() == []


@pytest.mark.parametrize(
    ("column", "damage", "repair"),
    [
        ("metadata_id", None, 1),
        ("last_changed_ts", "x", None),
        ("last_updated_ts", None, 1790000000.5),
        ("context_id_bin", b"abc", None),
    ],
)
@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_read_again(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    *,
    delivery: str,
    column: str,
    damage: object,
    repair: object,
) -> None:
    """A row that could not be encoded is sent once it can be, and not before; others stay."""
    exporter.delivery = delivery
    await record(hass, 6)

    async def change(value: object, *ids: int) -> None:
        states = table("states", column_of("state_id"), column_of(column))
        changed = update(states).where(states.c.state_id.in_(ids)).values({column: value})
        await in_database(hass, lambda connection: connection.execute(changed))

    await change(damage, 2, 4)
    assert (await exporter.export()).rejected == 2
    for _ in range(2):
        assert (await exporter.retry_rejected()).rejected == 2
    await change(repair, 2)
    result = await exporter.retry_rejected()
    assert (result.rows, result.rejected) == ({"sensor_data": 1}, 1)
    await exporter.retry_rejected()
    assert states_in(warehouse) == ["0", "1", "2", "4", "5"]
    assert [row["id"] for row in exporter.rejected_rows()] == [4]


async def test_id_given_to_another_row(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Another row with the id of a rejected one is not taken for it; neither is a deleted one."""
    await record(hass, 4)
    await execute(hass, "UPDATE states SET last_changed_ts = 'x' WHERE state_id IN (2, 3)")
    assert (await exporter.export()).rejected == 2
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "DELETE FROM states WHERE state_id = 2")
    await execute(
        hass,
        "UPDATE states SET last_changed_ts = NULL, last_updated_ts = last_updated_ts + 1,"
        " context_id_bin = X'00112233445566778899aabbccddeeff' WHERE state_id = 3",
    )
    assert (await exporter.retry_rejected()).rejected == 2
    assert states_in(warehouse) == ["0", "3"]


async def test_events_and_statistics_read_again(hass: HomeAssistant, exporter: Exporter) -> None:
    """Rows of other tables are read again, too."""
    exporter.tables = ("events", "recorder_runs")
    exporter.choice = Choice(EventChoice(frozenset({"script_started"})))
    hass.bus.async_fire("script_started", {})
    await record(hass, 1)
    await execute(hass, "UPDATE events SET origin_idx = 0, context_id_bin = X'00'")
    await execute(hass, "UPDATE recorder_runs SET \"end\" = start, created = 'x' WHERE run_id = 1")
    assert (await exporter.export()).rejected == 2
    assert (await exporter.retry_rejected()).rejected == 2
    await execute(hass, "UPDATE events SET context_id_bin = NULL")
    await execute(hass, "UPDATE recorder_runs SET created = start")
    result = await exporter.retry_rejected()
    assert (result.rows, result.rejected) == ({"events": 1, "recorder_runs": 1}, 0)


async def test_actions(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """Rejected rows are shown as an issue, until they are sent or discarded by an action."""

    async def act(name: str) -> Any:
        return await hass.services.async_call(DOMAIN, name, {}, blocking=True, return_response=True)

    def issue() -> Any:
        found = ir.async_get(hass).async_get_issue(DOMAIN, f"rows_rejected_{entry.entry_id}")
        return found and found.translation_placeholders

    await record_old(hass)
    get_instance(hass).auto_purge = False  # Else such old rows are exported at once.
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert issue() is None
    response = await act("export_now")
    assert response["rejected"] == 3
    shown = issue()
    assert (shown["title"], shown["count"]) == ("home.sensor_data", "3")
    assert shown["path"].endswith(f"{entry.entry_id}.rejected.jsonl")
    rejected = entry.runtime_data.coordinator.data.rejected
    (reason,) = [reason for reason, number in rejected.items() if number == 2]
    assert "partition" in reason
    assert reason.startswith(shown["reason"])
    assert rejected == {reason: 2, "the recorder no longer knows its entity": 1}

    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue()["count"] == "3"
    response = await act("retry_rejected")
    assert response["rows"] == {"sensor_data": 0}
    assert response["rejected"] == 3
    assert (await act("discard_rejected")) == {"discarded": 3}
    assert issue() is None
    assert (await act("discard_rejected")) == {"discarded": 0}
    assert await hass.config_entries.async_unload(entry.entry_id)
