"""Live exports: rows are appended to streams that stay open, and are there exactly once."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
import os
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import AsyncMock

from google.api_core.exceptions import NotFound
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest

from custom_components.bigquery_export.bigquery import append_connection, committed_stream
from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.bigquery.committed_stream import CommittedStreamDelivery
from custom_components.bigquery_export.bigquery.fence_table import BigQueryFence
from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.bigquery.write_streams import WriteStreams
from custom_components.bigquery_export.errors import ExportError
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.document_file import document_of
from custom_components.bigquery_export.export.files import FileState, write_into
from custom_components.bigquery_export.export.live_run import LiveRun
from tests.bigquery_export.support.crashes import Crash, crash_at
from tests.bigquery_export.support.exported_rows import log_rows, states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record, rewrite
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture(autouse=True)
def one_process(exporter: Exporter) -> Iterator[None]:
    """Keep what a process knows until it is restarted."""
    exporter.keeps_journal = True
    yield
    exporter.close()


async def begin(hass: HomeAssistant, exporter: Exporter, *, batch_rows: int = 1_000) -> LiveRun:
    """Return a live run after an export of ten states."""
    await record(hass, 10)
    await exporter.export()
    return await follow(exporter, batch_rows)


async def follow(exporter: Exporter, batch_rows: int = 1_000) -> LiveRun:
    """Return a live run that has begun."""
    run = exporter.new_live_run(batch_rows)
    await run.async_run()
    return run


async def test_rows_are_there_at_once(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A look appends what is new in batches, and the next export tells of all of it in the log."""
    run = await begin(hass, exporter, batch_rows=4)
    await record(hass, 10, name="live")
    assert await run.async_look() == 10
    assert await run.async_look() == 0
    assert states_in(warehouse) == numbers(10) * 2
    await record(hass, 1, name="more")
    assert await run.async_look() == 1
    assert log_rows(warehouse) == 10
    await exporter.export()
    assert log_rows(warehouse) == len(states_in(warehouse)) == 21
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert log_rows(warehouse) == 21


async def test_what_an_append_costs(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One change of the checkpoint's file and one request each; stream and fence once.

    A change is forced to the disk once. A look that finds nothing costs nothing.
    """
    calls: list[str] = []

    def counted(owner: type | ModuleType, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def call(*args: Any) -> Any:
            calls.append(name)
            return original(*args)

        monkeypatch.setattr(owner, name, call)

    run = await begin(hass, exporter)
    for owner, name in (
        (CheckpointFile, "save"),
        (os, "fsync"),
        (os, "fdatasync"),
        (BigQueryFence, "write"),
        (WriteStreams, "create"),
        (AppendConnection, "send"),
    ):
        counted(owner, name)
    for number in range(3):
        await record(hass, 1, name=f"live{number}")
        await run.async_look()
    await run.async_look()
    saved = ["save", "fdatasync"]
    assert calls == ["create", *saved, "write", "send", *[*saved, "send"] * 2]


STEPS = {
    "before the stream is opened": (WriteStreams, "create", "before"),
    "after the stream was opened": (WriteStreams, "create", "after"),
    "before the intent is saved": (CheckpointFile, "save", "before"),
    "after the intent was saved": (CheckpointFile, "save", "after"),
    "before the fence is written": (BigQueryFence, "write", "before"),
    "after the fence was written": (BigQueryFence, "write", "after"),
    "before rows are sent": (AppendConnection, "send", "before"),
    "after rows were sent": (AppendConnection, "send", "after"),
}


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("step", STEPS)
async def test_the_process_dies(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, step: str, call: int
) -> None:
    """Whatever was done by then, all rows are there once, and in the log."""
    run = await begin(hass, exporter, batch_rows=3)
    owner, name, when = STEPS[step]
    await record(hass, 8, name="live")
    with pytest.MonkeyPatch.context() as patch:
        crash_at(patch, owner, name, when, call)
        with suppress(Crash):
            await run.async_look()
    exporter.restart()
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(8)
    run = await follow(exporter)
    await record(hass, 2, name="later")
    assert await run.async_look() == 2
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(8) + numbers(2)
    assert log_rows(warehouse) == 20


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_the_process_dies_while_it_writes(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, share: float, call: int
) -> None:
    """Whatever part of an intent is on the disk, all rows are there once."""
    run = await begin(hass, exporter, batch_rows=3)
    calls = 0

    def die(path: Path, content: bytes, place: int, **file: Any) -> FileState | None:
        nonlocal calls
        calls += 1
        if calls < call:
            return write_into(path, content, place, **file)
        write_into(path, content[: round(share * len(content))], place, **file)
        raise Crash

    await record(hass, 8, name="live")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("custom_components.bigquery_export.export.document_file.write_into", die)
        with pytest.raises(Crash):
            await run.async_look()
    exporter.restart()
    assert bool(exporter.file.load().intent) is (share == 1.0 or call == 2)
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(8)
    assert log_rows(warehouse) == 18


@pytest.mark.parametrize("lost", range(1, 6))
async def test_the_disk_has_lost_changes(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, lost: int
) -> None:
    """A checkpoint without the last of what was written is an older one: rows are looked for."""
    run = await begin(hass, exporter)
    for number in range(3):
        await record(hass, number + 1, name=f"live{number}")
        await run.async_look()
    exporter.restart()
    content = exporter.file.path.read_bytes().rstrip(b"\0").splitlines(keepends=True)
    assert len(content) > lost
    exporter.file.path.write_bytes(b"".join(content[:-lost]))
    await record(hass, 2, name="later")
    await exporter.export()
    states = numbers(10) + numbers(1) + numbers(2) + numbers(3) + numbers(2)
    assert states_in(warehouse) == states


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("fault", ["append_done", "append_not_done"])
async def test_the_answer_is_lost(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    fault: str,
    restarts: bool,
) -> None:
    """The same request is sent again, as long as that may help; then the stream tells."""
    run = await begin(hass, exporter)
    await record(hass, 5, name="live")
    for times in (1, 5):
        warehouse.server.add_fault("AppendRows", "drop", times=times, done=fault == "append_done")
        with suppress(ExportError):
            assert await run.async_look() == 5
            assert times == 1
        warehouse.server.clear_faults()
        await record(hass, 5, name="more")
    if restarts:
        exporter.restart()
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(5) * 3
    assert log_rows(warehouse) == 25


@pytest.mark.parametrize("between", [False, True])
async def test_a_backup_is_restored(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, between: bool
) -> None:
    """The stream has more rows than the old checkpoint knows of: they are looked for.

    The fence is as it was when the backup was taken, `between` two live runs or during one.
    """
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    await run.async_look()
    if between:
        await exporter.export()
        run = await follow(exporter)
    backup = exporter.file.path.read_bytes()
    assert bool(document_of(backup)["intent"]) is not between
    await record(hass, 4, name="more")
    await run.async_look()
    exporter.restart()
    exporter.file.path.write_bytes(backup)
    await record(hass, 2, name="later")
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(3) + numbers(4) + numbers(2)


async def test_numbers_that_are_given_again(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Another entity may have the number of a purged one: a look knows nothing of the last."""
    await record(hass, 10)
    await record(hass, 1, name="old")
    await record(hass, 1)
    await exporter.export()
    run = await follow(exporter)
    await record(hass, 2)
    assert await run.async_look()
    for statement in (
        "UPDATE states SET old_state_id = NULL",
        "DELETE FROM states WHERE metadata_id ="
        " (SELECT metadata_id FROM states_meta WHERE entity_id = 'sensor.old0')",
        "DELETE FROM states_meta WHERE entity_id = 'sensor.old0'",
    ):
        await execute(hass, statement)
    get_instance(hass).states_meta_manager.reset()
    await record(hass, 3, name="new")
    assert await run.async_look() == 3
    names = Counter(row["entity_id"] for row in warehouse.rows("entity_id"))
    assert (names["sensor.old0"], names["sensor.new0"]) == (1, 3)


async def test_a_stream_that_gets_no_rows(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is forgotten before BigQuery deletes it: a restart would take that for others' rows."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    await run.async_look()
    await exporter.export()
    assert exporter.journal.checkpoint.streams
    monkeypatch.setattr(committed_stream, "_LONGEST", 0.0)
    await exporter.export()
    assert not exporter.file.load().streams
    monkeypatch.setattr(CommittedStreamDelivery, "close_stream", lambda *_: None)
    exporter.restart()
    await record(hass, 2, name="later")
    await exporter.export()
    assert not exporter.journal.checkpoint.unknown_before
    assert states_in(warehouse) == numbers(10) + numbers(3) + numbers(2)


async def test_two_machines(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """A copy closes the stream; the machine that had it does not send anything twice."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    await run.async_look()
    copy = Exporter(exporter.hass, exporter.connection, entry_id="copy", keeps_journal=True)
    copy.file.path.write_bytes(exporter.file.path.read_bytes())
    await record(hass, 4, name="more")
    assert (await copy.export()).rows == {"sensor_data": 4}
    with pytest.raises(ExportError):
        await run.async_look()
    with pytest.raises(ExportError):
        await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(3) + numbers(4)


async def test_rejected_rows(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """What BigQuery rejects is written to the file, and the others go into another stream."""
    run = await begin(hass, exporter)
    await record(hass, 5, name="live")
    warehouse.server.add_fault("AppendRows", "row_errors", times=1, rows=[1, 3])
    assert await run.async_look() == 3
    await record(hass, 2, name="more")
    await run.async_look()
    assert states_in(warehouse) == [*numbers(10), "0", "2", "4", *numbers(2)]
    assert len(exporter.rejected_rows()) == 2
    await exporter.export()
    assert log_rows(warehouse) == 15


@pytest.mark.parametrize("sent", [1, 2])
async def test_a_part_of_the_rows_was_sent(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    sent: int,
) -> None:
    """Rows that do not fit into one request are in doubt when not all requests were answered."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    monkeypatch.setattr(append_connection, "REQUEST_BYTES", 10)
    monkeypatch.setattr(committed_stream, "is_too_large", lambda _: False)
    with pytest.MonkeyPatch.context() as patch:
        crash_at(patch, AppendConnection, "send", "after", sent)
        with pytest.raises(Crash):
            await run.async_look()
    assert len(states_in(warehouse)) == 10 + sent
    monkeypatch.undo()
    exporter.restart()
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(3)


async def test_a_stream_is_forgotten(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where BigQuery does not know the stream any more, rows are looked for."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    await run.async_look()
    monkeypatch.setattr(CommittedStreamDelivery, "close_stream", lambda *_: None)
    exporter.restart()
    await record(hass, 2, name="later")
    await exporter.export()
    assert states_in(warehouse) == numbers(10) + numbers(3) + numbers(2)


async def test_a_copy_takes_over_before_a_commit(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """What is begun beside an open stream is settled, too: it may be committed at any time."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    await run.async_look()
    copy = Exporter(exporter.hass, exporter.connection, entry_id="copy", keeps_journal=True)
    copy.file.path.write_bytes(exporter.file.path.read_bytes())
    await record(hass, 4, name="more")
    held: list[PendingStream] = []

    def hold(stream: PendingStream) -> None:
        held.append(stream)
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter.journal, "async_log_appends", AsyncMock())
        patch.setattr(PendingStream, "commit", hold)
        with pytest.raises(Crash):
            await exporter.export()
    await copy.export()
    held[0].commit()
    assert states_in(warehouse) == numbers(10) + numbers(3) + numbers(4)


async def test_ids_are_given_again(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """SQLite gives the ids of the newest rows to others, when these are purged between looks."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="old")
    assert await run.async_look() == 3
    await rewrite(hass, "DELETE FROM states WHERE state_id > 10")
    await record(hass, 5, name="new")
    assert await run.async_look() == 0
    await exporter.export()
    rows = warehouse.rows("state, state_id", "entity_id = 'sensor.new0'")
    assert [row["state"] for row in rows] == numbers(5)
    run = await follow(exporter)
    await record(hass, 2, name="later")
    assert await run.async_look() == 2


async def test_a_stream_is_not_found_for_a_moment(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That puts nothing in doubt, also where the export log tells of all its rows."""
    run = await begin(hass, exporter)
    await record(hass, 3, name="live")
    await run.async_look()
    await exporter.export()
    await record(hass, 2, name="later")
    monkeypatch.setattr(committed_stream, "FORGOTTEN_AFTER", (0.0,))
    finalize, errors = WriteStreams.finalize, [NotFound("not yet")]

    def finalize_later(streams: WriteStreams, name: str) -> int:
        if errors:
            raise errors.pop()
        return finalize(streams, name)

    monkeypatch.setattr(WriteStreams, "finalize", finalize_later)
    exporter.restart()
    await exporter.export()
    assert not errors
    assert not exporter.journal.checkpoint.unknown_before
