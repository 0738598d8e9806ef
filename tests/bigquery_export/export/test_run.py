"""Runs: nothing is lost or duplicated, wherever a run ends."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
import threading
import time
from typing import Any, Never, cast
from unittest.mock import Mock

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy.exc import OperationalError

from custom_components.bigquery_export.bigquery import listed_rows
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery, LoadTransaction
from custom_components.bigquery_export.bigquery.storage_write import (
    PendingStream,
    StorageWriteDelivery,
)
from custom_components.bigquery_export.errors import (
    CheckpointUnwritableError,
    ExportError,
    OutcomeUnknownError,
    RecorderBusyError,
    RecorderUnreadableError,
    StoppedError,
    UnreachableError,
)
from custom_components.bigquery_export.export import (
    batch_reader,
    chunk as chunk_module,
    table_export,
)
from custom_components.bigquery_export.export.checkpoint import Intent
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.delivery import Outcome, Rejection
from custom_components.bigquery_export.export.rejected_rows import Kept, RejectedRows
from custom_components.bigquery_export.export.unsent_rows import without_existing
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.local_time import DAY
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table
from custom_components.bigquery_export.source import connections, readiness
from tests.bigquery_export.support.combinations import in_pairs
from tests.bigquery_export.support.crashes import CRASHES, TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.exported_rows import log_rows, log_sum, states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.query_plans import statements
from tests.bigquery_export.support.recording import execute, numbers, record, rewrite
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.mark.parametrize("fails", [False, True])
async def test_transactions_are_closed_in_threads(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """To close one may take as long as a disk or a network takes."""
    threads: list[int] = []

    def closing(close: Callable[[Any], None]) -> Callable[[Any], None]:
        def closed(transaction: object) -> None:
            threads.append(threading.get_ident())
            close(transaction)

        return closed

    def fail(_: object) -> Never:
        raise UnreachableError(endpoint="BigQuery", message="gone")

    for type_ in (PendingStream, LoadTransaction):
        monkeypatch.setattr(type_, "close", closing(type_.close))
        if fails:
            monkeypatch.setattr(type_, "finish", fail)
    await record(hass, 2)
    with pytest.raises(UnreachableError) if fails else nullcontext():
        await exporter.export()
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.usefixtures("small_chunks")
async def test_chunks(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """A run sends all rows in transactions of bounded size, and saves how far it is."""
    await record(hass, 25)
    result = await exporter.export(batch_rows=5)
    assert result.rows == {"sensor_data": 25}
    assert result.rejected == 0
    assert result.bytes > 25 * 100
    assert states_in(warehouse) == numbers(25)
    cursors = [checkpoint.position("sensor_data").cursor for checkpoint in exporter.progress]
    assert sorted(set(cursors)) == [0, 10, 20, 25]
    assert exporter.file.load() == exporter.progress[-1]
    assert exporter.progress[-1].position("sensor_data").rows == 25


async def test_nothing_new(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """A run that finds nothing new asks Google nothing, not even whether the table is there."""
    await record(hass, 3)
    await exporter.export()
    warehouse.server.drop_dataset(warehouse.project, "home")
    result = await exporter.export()
    assert result.rows == {"sensor_data": 0}


async def test_nothing_new_takes_little(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each table three rows are looked up in one transaction, and the checkpoint is written."""
    exporter.tables = ("sensor_data", "recorder_runs")
    await record(hass, 3)
    await exporter.export()
    await record(hass, 3, name="more")
    await exporter.export()
    run = exporter.new_run()
    transactions = Mock(wraps=get_instance)
    monkeypatch.setattr(connections, "get_instance", transactions)
    save = Mock(wraps=exporter.file.save)
    monkeypatch.setattr(CheckpointFile, "save", save)
    with statements(hass) as sent:
        await run.async_run()
    assert transactions.call_count == 2
    assert [text.split()[0] for text, _ in sent] == ["SELECT"] * 6
    assert save.call_count == 1


async def test_reads_while_it_sends(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one batch is on its way, the next one is read."""
    await record(hass, 1, name="first")
    await exporter.export()
    await record(hass, 15)
    run = exporter.new_run(5)
    reader = run._exports[0]._reader
    reads: Counter[int] = Counter()
    append, read = PendingStream.append, reader.read
    goes_on = threading.Event()

    def counted_read(after: int, *limits: int) -> Any:
        reads[after] += 1
        if after == 6:
            goes_on.set()
        return read(after, *limits)

    def slow_append(stream: PendingStream, rows: Sequence[bytes]) -> list[Rejection]:
        assert goes_on.wait(10)
        return append(stream, rows)

    monkeypatch.setattr(reader, "read", counted_read)
    monkeypatch.setattr(PendingStream, "append", slow_append)
    await run.async_run()
    assert states_in(warehouse) == ["0", *numbers(15)]
    assert set(reads.values()) == {1}


@pytest.mark.parametrize("fails", ["reading", "sending", "both"])
async def test_error_while_both_go_on(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    fails: str,
) -> None:
    """What fails ends the run when the other has ended, and the next one sends it all."""
    await record(hass, 1, name="first")
    await exporter.export()
    await record(hass, 15)
    run = exporter.new_run(5)
    reader = run._exports[0]._reader
    append, read = PendingStream.append, reader.read
    ended: list[str] = []

    def failing_read(after: int, *limits: int) -> Any:
        if after > 1 and fails != "sending":
            raise RecorderUnreadableError(message="disk")
        return read(after, *limits)

    def failing_append(stream: PendingStream, rows: Sequence[bytes]) -> list[Rejection]:
        time.sleep(0.2)
        ended.append("append")
        if fails != "reading":
            raise UnreachableError(endpoint="storage", message="no answer")
        return append(stream, rows)

    with monkeypatch.context() as patched:
        patched.setattr(reader, "read", failing_read)
        patched.setattr(PendingStream, "append", failing_append)
        with pytest.raises(UnreachableError if fails == "sending" else RecorderUnreadableError):
            await run.async_run()
        assert ended == ["append"]
    assert states_in(warehouse) == ["0"]
    await exporter.export(5)
    assert states_in(warehouse) == ["0", *numbers(15)]


@pytest.mark.usefixtures("small_chunks")
async def test_rows_known_by_the_same(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Rows of one entity at one microsecond are all sent, also when they are looked for."""
    await record(hass, 30)
    await execute(hass, "UPDATE states SET last_updated_ts = 1795000000.5 WHERE state_id % 3 = 1")
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "CREATE TABLE newer AS SELECT * FROM states WHERE state_id > 14")
    await execute(hass, "DELETE FROM states WHERE state_id > 14")
    await exporter.export(batch_rows=5)
    assert states_in(warehouse) == numbers(14)
    await execute(hass, "INSERT INTO states SELECT * FROM newer")
    exporter.file.remove()
    assert (await exporter.export(batch_rows=5)).rows == {"sensor_data": 16}
    assert states_in(warehouse) == numbers(30)


async def test_increments(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Each run sends what is new since the last one."""
    for total in (3, 5, 5, 9):
        await record(hass, total - len(states_in(warehouse)))
        await exporter.export()
        assert len(states_in(warehouse)) == total
    assert len({row["export_id"] for row in warehouse.rows("export_id, state_id")}) == 3


@pytest.mark.long
@in_pairs(["delivery"], crash=CRASHES, call=[1, 3], delivery=TRANSACTIONS)
@pytest.mark.usefixtures("small_chunks")
async def test_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    crash: str,
    call: int,
) -> None:
    """Wherever a process dies, the next one makes it so that each row is there once."""
    name, when = CRASHES[crash]
    owner = CheckpointFile if name == "save" else TRANSACTIONS[delivery]
    await record(hass, 25)
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, when, call)
        try:
            await exporter.export(batch_rows=5)
        except Crash:
            assert len(set(states_in(warehouse))) == len(states_in(warehouse))
    await record(hass, 3)
    await exporter.export(batch_rows=5)
    assert states_in(warehouse) == numbers(25) + numbers(3)
    assert log_rows(warehouse) == 28
    assert exporter.file.load().intent is None
    assert exporter.file.load().position("sensor_data").rows == 28


@in_pairs(
    ["delivery"],
    name=["save", "commit", "settle"],
    call=[1, 2],
    when=["before", "after"],
    delivery=TRANSACTIONS,
)
async def test_crash_while_settling(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    call: int,
    when: str,
) -> None:
    """A process that dies while it settles what another one left changes nothing either."""
    await record(hass, 5)
    with monkeypatch.context() as patch:
        crash_at(patch, TRANSACTIONS[delivery], "commit", "after", 1)
        with pytest.raises(Crash):
            await exporter.export()
    owner: type = TRANSACTIONS[delivery]
    if name != "commit":
        owner = CheckpointFile if name == "save" else type(exporter.deliveries[delivery])
    await record(hass, 3)
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, when, call)
        with suppress(Crash):
            await exporter.export()
    await exporter.export()
    assert states_in(warehouse) == numbers(5) + numbers(3)
    assert log_rows(warehouse) == 8
    assert exporter.file.load().bytes_sent == log_sum(warehouse, "byte_count")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_delivery_changed_while_in_doubt(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    """Another delivery may be chosen at any time: the old one settles what it has begun."""
    await record(hass, 5)
    with monkeypatch.context() as patch:
        crash_at(patch, TRANSACTIONS[delivery], "commit", when, 1)
        with pytest.raises(Crash):
            await exporter.export()
    (exporter.delivery,) = set(TRANSACTIONS) - {delivery}
    await record(hass, 3)
    await exporter.export()
    assert states_in(warehouse) == numbers(5) + numbers(3)
    assert log_rows(warehouse) == 8


async def test_error_at_commit_is_settled_by_the_next_run(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a commit in doubt was done is found out by the next run, in the same process."""
    await record(hass, 5)

    def refuse(self: PendingStream) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(PendingStream, "commit", refuse)
        with pytest.raises(ConnectionError):
            await exporter.export()
    assert exporter.progress[-1].intent is not None
    assert states_in(warehouse) == []

    result = await exporter.export()
    assert result.rows == {"sensor_data": 0}
    assert states_in(warehouse) == numbers(5)


async def test_no_commit_without_its_intent(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Where the intent cannot be written, nothing is committed."""
    await record(hass, 5)
    run = exporter.new_run()
    exporter.file.path.mkdir(parents=True)
    with pytest.raises(CheckpointUnwritableError):
        await run.async_run()
    assert states_in(warehouse) == []


async def test_rejected_rows(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Rows that cannot be encoded or sent are kept with the reason, and stop no other."""
    await record(hass, 6)
    long_ago = (datetime.now(UTC) - timedelta(days=11 * 365)).timestamp()
    await execute(hass, "UPDATE states SET last_updated_ts = ? WHERE state_id = 2", long_ago)
    await execute(hass, "UPDATE states SET metadata_id = NULL WHERE state_id = 5")
    result = await exporter.export()
    assert states_in(warehouse) == ["0", "2", "3", "5"]
    assert result.rows == {"sensor_data": 4}
    assert result.rejected == 2
    position = exporter.file.load().position("sensor_data")
    assert (position.cursor, position.rows, position.rejected) == (6, 4, 2)

    by_us, by_bigquery = exporter.rejected_rows()
    assert by_us["id"] == 5
    assert not by_us["encoded"]
    assert by_us["reason"] == "the recorder no longer knows its entity"
    assert by_us["row"]["state"] == "4"
    assert by_bigquery["id"] == 2
    assert by_bigquery["encoded"]
    assert "partition" in by_bigquery["reason"]
    assert by_bigquery["row"]["state"] == "1"
    assert by_bigquery["export_id"] == result.export_id


async def test_only_rejected_rows(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A run whose rows are all rejected needs no transaction, and comes to its end."""
    await record(hass, 3)
    await execute(hass, "UPDATE states SET metadata_id = NULL")
    assert (await exporter.export()).rejected == 3
    assert (await exporter.export()).rejected == 0
    assert len(exporter.rejected_rows()) == 3
    assert states_in(warehouse) == []


async def rejections(warehouse: Warehouse) -> list[tuple[str, str | None]]:
    """Return what each row of the log says of rejected rows."""
    log = warehouse.server.query(
        "SELECT rejected, rejected_reasons FROM home.export_log ORDER BY finished",
        warehouse.project,
    )
    return [(row["rejected"], row["rejected_reasons"]) for row in log]


UNKNOWN = "the recorder no longer knows its entity"


@pytest.mark.parametrize("crash", [None, *CRASHES])
async def test_rejected_rows_are_logged_once(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    crash: str | None,
) -> None:
    """Rows that are rejected alone are in the next row of the log, once, whatever crashes."""
    await record(hass, 3, name="unknown")
    await execute(hass, "UPDATE states SET metadata_id = NULL")
    await exporter.export()
    assert await rejections(warehouse) == []
    assert exporter.file.load().unlogged == {"sensor_data": {UNKNOWN: 3}}
    await record(hass, 5)
    await execute(hass, "UPDATE states SET metadata_id = NULL WHERE state_id = 6")
    if crash:
        name, when = CRASHES[crash]
        owner = CheckpointFile if name == "save" else TRANSACTIONS[delivery]
        with monkeypatch.context() as patch, suppress(Crash):
            crash_at(patch, owner, name, when, 1)
            await exporter.export()
    await record(hass, 1, name="more")
    await exporter.export()
    logged = await rejections(warehouse)
    assert [row for row in logged if row[0] != "0"] == [
        ("4", f'[{{"reason":"{UNKNOWN}","rows":4}}]')
    ]
    assert exporter.file.load().unlogged == {}
    assert (await exporter.retry_rejected()).rejected == 4
    await record(hass, 1, name="last")
    await exporter.export()
    assert await rejections(warehouse) == [*logged, ("0", None)], "a retry counts none again"


@pytest.mark.parametrize("backfill", [False, True])
async def test_many_rejected_rows(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    backfill: bool,
) -> None:
    """The position is saved on the way where no row can be sent, and few are kept in memory."""
    monkeypatch.setattr(chunk_module, "_MAX_REJECTED", 4)
    if backfill:
        monkeypatch.setattr("custom_components.bigquery_export.export.resume.MAX_ROWS", 5)
    await record(hass, 20)
    await execute(hass, "UPDATE states SET metadata_id = NULL WHERE state_id <= 18")
    kept: list[int] = []
    append = RejectedRows.append

    def count(file: RejectedRows, export_id: str, table: Table, rows: list[RejectedRow]) -> Kept:
        kept.append(len(rows))
        return append(file, export_id, table, rows)

    monkeypatch.setattr(RejectedRows, "append", count)
    result = await exporter.export(batch_rows=2)
    assert (result.rows, result.rejected) == ({"sensor_data": 2}, 18)
    assert max(kept) <= 5
    assert states_in(warehouse) == ["18", "19"]
    assert len(exporter.rejected_rows()) == 18


async def test_rows_that_are_not_exported(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position is saved on the way where no row is chosen."""
    monkeypatch.setattr(chunk_module, "_MAX_PIECES", 3)
    exporter.choice = Choice(
        entities=EntityFilter(exclude=Selection(entities=frozenset({"sensor.s0"})))
    )
    await record(hass, 20)
    assert (await exporter.export(batch_rows=2)).rows == {"sensor_data": 0}
    cursors = [checkpoint.position("sensor_data").cursor for checkpoint in exporter.progress]
    assert {6, 12, 18, 20} <= set(cursors)


async def test_row_that_is_rejected_at_the_commit(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load job names bad rows when it has failed: they are kept, and all others are loaded."""
    exporter.delivery = "load_job"
    encoding = exporter.deliveries["load_job"].encoding(SENSOR_DATA)
    put_together = encoding.rows

    def spoil(*fragments: Sequence[bytes]) -> list[bytes]:
        return [
            row.replace(b'"local_time":"2', b'"local_time":"x')
            if b'"state":"3"' in row or b'"state":"7"' in row
            else row
            for row in put_together(*fragments)
        ]

    await record(hass, 10)
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "rows", spoil)
        result = await exporter.export()
    assert result.rows == {"sensor_data": 8}
    assert result.rejected == 2
    assert states_in(warehouse) == [number for number in numbers(10) if number not in "37"]
    assert [row["row"]["state"] for row in exporter.rejected_rows()] == ["3", "7"]
    assert all("local_time" in row["reason"] for row in exporter.rejected_rows())
    (log,) = warehouse.server.query("SELECT * FROM home.export_log", warehouse.project)
    assert (log["row_count"], log["rejected"]) == ("8", "2")


async def test_partitions_of_a_chunk(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transaction does not change more partitions than BigQuery allows a job."""
    monkeypatch.setattr(chunk_module, "_MAX_DAYS", 5)
    monkeypatch.setattr(batch_reader, "PIECE_ROWS", 4)
    await record(hass, 25)
    await execute(hass, "UPDATE states SET last_updated_ts = last_updated_ts - 86400 * state_id")
    await exporter.export()
    assert states_in(warehouse) == numbers(25)
    log = warehouse.server.query("SELECT row_count FROM home.export_log", warehouse.project)
    assert max(int(row["row_count"]) for row in log) == 8


async def test_intent_that_is_older_than_the_history_of_jobs(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What BigQuery says of a job that it may have forgotten is not trusted."""
    exporter.delivery = "load_job"
    await record(hass, 3)
    await exporter.export()
    await record(hass, 5)
    with monkeypatch.context() as patch:
        crash_at(patch, LoadTransaction, "commit", "after", 1)
        with pytest.raises(Crash):
            await exporter.export()
    checkpoint = exporter.file.load()
    assert checkpoint.intent
    checkpoint.intent.log_values["finished"] -= 100 * 86_400 * 1_000_000
    exporter.file.save(checkpoint)
    monkeypatch.setattr(LoadJobDelivery, "settle", lambda *_: Outcome.NOT_COMMITTED)
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert states_in(warehouse) == numbers(3) + numbers(5)


async def test_purged_rows(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Ids that are gone do not hold up a run, in the middle or at the end."""
    await record(hass, 6)
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    run = exporter.new_run()
    (states,) = run._exports
    original = states._reader.newest_id

    states._reader.newest_id = lambda: original() + 3  # type: ignore[method-assign]
    await execute(hass, "DELETE FROM states WHERE state_id IN (2, 3)")
    await run.async_run()
    assert states_in(warehouse) == ["0", "3", "4", "5"]


@pytest.mark.usefixtures("small_chunks")
async def test_stop(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """A stopped run ends at the next piece; committed rows stay, the next run sends the rest."""
    await record(hass, 25)
    run = exporter.new_run(batch_rows=5)
    journal = run._session.journal
    journal._on_progress = lambda: (
        run.stop() if journal.checkpoint.position("sensor_data").rows else None
    )
    with pytest.raises(StoppedError):
        await run.async_run()
    assert states_in(warehouse) == numbers(10)
    await exporter.export()
    assert states_in(warehouse) == numbers(25)


async def test_stop_while_rows_are_looked_for(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search in BigQuery ends at the next page when Home Assistant shuts down."""
    await record(hass, 7)
    await exporter.export()
    monkeypatch.setattr(listed_rows, "_PAGE_ROWS", 2)
    day = int(warehouse.rows()[0]["last_changed"]) // DAY
    found = exporter.new_session().existing_rows.rows(SENSOR_DATA, day)
    assert await hass.async_add_executor_job(next, found)
    exporter.connection.stop()
    with pytest.raises(StoppedError):
        await hass.async_add_executor_job(list, found)


async def test_recorder_migrates(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the recorder changes its tables nothing is read."""
    monkeypatch.setattr(readiness, "async_migration_in_progress", lambda _: True)
    with pytest.raises(RecorderBusyError):
        await exporter.export()


async def test_recorder_was_not_migrated(hass: HomeAssistant, exporter: Exporter) -> None:
    """A database that Home Assistant could not migrate is not read, and the error says so."""
    recorder = get_instance(hass)
    recorder.schema_version = 52
    with pytest.raises(readiness.RecorderOutdatedError) as caught:
        await exporter.export()
    assert caught.value.placeholders == {"version": "52", "known": "53"}
    recorder.schema_version = 0  # It has not looked at its database yet.
    with pytest.raises(RecorderBusyError) as busy:
        await exporter.export()
    assert type(busy.value) is RecorderBusyError
    recorder.schema_version = 53


async def test_newer_recorder(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A recorder with a newer schema is exported with the columns that are known."""
    get_instance(hass).schema_version = 54
    await record(hass, 3)
    await exporter.export()
    assert states_in(warehouse) == numbers(3)


async def test_flush(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """What the recorder has received but not committed is exported when that is requested."""
    await record(hass, 2)
    get_instance(hass).commit_interval = 3_600
    hass.states.async_set("sensor.s0", "latest")
    await exporter.export()
    assert states_in(warehouse) == numbers(2)
    hass.states.async_set("sensor.s0", "and later")
    await exporter.new_run(flush=True).async_run()
    assert states_in(warehouse) == [*numbers(2), "latest", "and later"]


async def test_flush_takes_too_long(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A recorder that is busy for long does not hold up what it has committed."""
    await record(hass, 2)
    monkeypatch.setattr(readiness, "FLUSH_TIMEOUT", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(get_instance(hass), "queue_task", lambda _: None)
        await exporter.new_run(flush=True).async_run()
    assert states_in(warehouse) == numbers(2)
    assert "has not committed within" in caplog.text


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("select", {}, Exception("disk I/O error")), RecorderUnreadableError),
        (RuntimeError("cannot schedule new futures after shutdown"), RecorderBusyError),
    ],
)
async def test_recorder_fails(
    hass: HomeAssistant, exporter: Exporter, error: Exception, expected: type[ExportError]
) -> None:
    """A recorder that cannot be read ends the run with an error that says so."""
    run = exporter.new_run()

    def fail() -> int:
        raise error

    (states,) = run._exports
    states._reader.newest_id = fail  # type: ignore[method-assign]
    with pytest.raises(expected):
        await run.async_run()
    assert get_instance(hass).recording
    await async_wait_recording_done(hass)


async def test_encoder_fails(hass: HomeAssistant, exporter: Exporter) -> None:
    """What is wrong with the encoding is no error of the recorder, in whose thread it is done."""
    await record(hass, 1)
    run = exporter.new_run()
    threads: list[str] = []

    def fail(_: object) -> Never:
        threads.append(threading.current_thread().name)
        raise RuntimeError("an error of ours")

    (states,) = run._exports
    cast(Any, states._batches._encoder).encode = fail
    with pytest.raises(RuntimeError, match="an error of ours"):
        await run.async_run()
    (thread,) = threads
    assert thread.startswith("DbWorker")
    await exporter.export()


def keys_in(warehouse: Warehouse) -> list[tuple[str, str]]:
    """Return what identifies the rows that are in BigQuery."""
    rows = warehouse.rows("entity_id, last_updated, state_id")
    return [(row["entity_id"], row["last_updated"]) for row in rows]


@pytest.mark.usefixtures("small_chunks")
async def test_ids_given_again(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """SQLite gives the ids of deleted rows to new ones, and none of them is missed or doubled."""
    await record(hass, 25)
    await exporter.export(batch_rows=5)
    await rewrite(hass, "DELETE FROM states WHERE state_id > 17")
    await record(hass, 12, entities=2, name="new")  # these get the ids 18 to 29
    await exporter.export(batch_rows=5)
    assert sorted(states_in(warehouse)) == sorted(numbers(25) + numbers(12))
    assert len(set(keys_in(warehouse))) == 37
    result = await exporter.export(batch_rows=5)
    assert result.rows == {"sensor_data": 0}


@pytest.mark.usefixtures("small_chunks")
async def test_older_backup(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """After an older backup was restored, what was exported since is kept and not sent again."""
    await record(hass, 25)
    await execute(hass, "CREATE TABLE backup AS SELECT * FROM states WHERE state_id <= 13")
    await exporter.export(batch_rows=5)
    await rewrite(hass, "DELETE FROM states", "INSERT INTO states SELECT * FROM backup")
    await record(hass, 30, entities=3, name="new")
    await exporter.export(batch_rows=5)
    assert sorted(states_in(warehouse)) == sorted(numbers(25) + numbers(30))
    assert len(set(keys_in(warehouse))) == 55


@pytest.mark.parametrize("left", [95, 55, 31])
async def test_older_backup_than_a_single_transaction(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    caplog: pytest.LogCaptureFixture,
    left: int,
) -> None:
    """Of one transaction several rows are known again: what is before them is not looked for."""
    await record(hass, 100)
    await exporter.export(batch_rows=10)
    assert len(exporter.file.load().position("sensor_data").anchors) == 10
    await rewrite(hass, f"DELETE FROM states WHERE state_id > {left}")  # noqa: S608
    await record(hass, 100 - left + 5, name="new")
    await exporter.export(batch_rows=10)
    assert f"resumes from row {left // 10 * 10} instead of 100" in caplog.text
    assert sorted(states_in(warehouse)) == sorted(numbers(100) + numbers(105 - left))
    assert len(set(keys_in(warehouse))) == 205 - left


@pytest.mark.usefixtures("small_chunks")
async def test_other_database(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A new, empty database is exported from its beginning."""
    await record(hass, 25)
    await exporter.export(batch_rows=5)
    await rewrite(hass, "DELETE FROM states")
    assert (await exporter.export()).rows == {"sensor_data": 0}
    await record(hass, 7, name="new")
    await exporter.export(batch_rows=5)
    assert sorted(states_in(warehouse)) == sorted(numbers(25) + numbers(7))


@pytest.mark.usefixtures("small_chunks")
async def test_database_that_comes_back(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A database that was set aside and is put back, purged in the meantime, is not sent again."""
    await record(hass, 25)
    await exporter.export(batch_rows=5)
    await rewrite(hass, "CREATE TABLE aside AS SELECT * FROM states WHERE state_id > 15")
    await rewrite(hass, "DELETE FROM states")
    await record(hass, 6, name="new")
    await exporter.export(batch_rows=5)
    await rewrite(hass, "DELETE FROM states", "INSERT INTO states SELECT * FROM aside")
    await record(hass, 3, name="newer")
    await exporter.export(batch_rows=5)
    assert sorted(states_in(warehouse)) == sorted(numbers(25) + numbers(6) + numbers(3))
    assert len(set(keys_in(warehouse))) == 34


@pytest.mark.usefixtures("small_chunks")
async def test_moved_to_another_server(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A history that was moved has other ids, and is identified by its entities and times."""
    await record(hass, 25)
    await exporter.export(batch_rows=5)
    await rewrite(hass, "UPDATE states SET state_id = state_id * 3 + 1000")
    await rewrite(hass, "UPDATE states SET state_id = state_id - 1002")
    await record(hass, 4, name="new")
    await exporter.export(batch_rows=5)
    assert sorted(states_in(warehouse)) == sorted(numbers(25) + numbers(4))
    assert len(set(keys_in(warehouse))) == 29


@pytest.mark.usefixtures("small_chunks")
async def test_purged_past_the_cursor(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """When the recorder has purged past the cursor, the rest is exported."""
    await record(hass, 10)
    await exporter.export()
    await record(hass, 20, name="new")
    await rewrite(hass, "DELETE FROM states WHERE state_id <= 18")
    await exporter.export(batch_rows=5)
    assert states_in(warehouse) == [*numbers(10), *numbers(20)[8:]]


@pytest.mark.usefixtures("small_chunks")
async def test_lost_checkpoint(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Without its checkpoint an export sends what is not there yet, and nothing twice."""
    await record(hass, 25)
    await exporter.export(batch_rows=5)
    await record(hass, 9)
    exporter.file.remove()
    result = await exporter.export(batch_rows=5)
    assert result.rows == {"sensor_data": 9}
    assert sorted(states_in(warehouse)) == sorted(numbers(25) + numbers(9))


async def test_no_doubt_about_an_empty_table(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first export searches BigQuery for its rows only if the table has any."""
    looked = Mock(wraps=without_existing)
    monkeypatch.setattr(table_export, "without_existing", looked)
    await record(hass, 5)
    await exporter.export()
    assert not looked.called
    exporter.file.remove()
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert looked.called
    assert states_in(warehouse) == numbers(5)


@pytest.mark.parametrize("committed", [True, False])
async def test_forgotten_transaction(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    committed: bool,
) -> None:
    """When BigQuery has forgotten a transaction in doubt, its rows are looked for."""
    await record(hass, 3)
    await exporter.export()
    await record(hass, 5, name="new")
    commit = PendingStream.commit

    def crash(self: PendingStream) -> None:
        if committed:
            commit(self)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(PendingStream, "commit", crash)
        with pytest.raises(Crash):
            await exporter.export()
    monkeypatch.setattr(StorageWriteDelivery, "settle", lambda *_: Outcome.FORGOTTEN)
    result = await exporter.export()
    assert result.rows == {"sensor_data": 0 if committed else 5}
    assert states_in(warehouse) == numbers(3) + numbers(5)


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("answer", ["INVALID_ARGUMENT", "FAILED_PRECONDITION"])
async def test_expired_transaction(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    *,
    committed: bool,
) -> None:
    """Whatever BigQuery says of a stream that has expired, exports do not wait for ever.

    While it could still be committed, its rows are not sent again.
    """
    await record(hass, 5)
    with monkeypatch.context() as patch:
        when = "after" if committed else "before"
        crash_at(patch, PendingStream, "commit", when, 1)
        with pytest.raises(Crash):
            await exporter.export()
    warehouse.server.add_fault("GetWriteStream", answer, times=None)
    try:
        with pytest.raises(OutcomeUnknownError):
            await exporter.export()
        assert states_in(warehouse) == (numbers(5) if committed else [])
        monkeypatch.setattr(Intent, "age", 24 * 60 * 60 + 1)
        result = await exporter.export()
    finally:
        warehouse.server.clear_faults()
    assert result.rows == {"sensor_data": 0 if committed else 5}
    assert states_in(warehouse) == numbers(5)
    assert exporter.file.load().intent is None


async def test_rows_of_other_homes(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Many homes may share one table: the rows of another home do not count."""
    await record(hass, 5)
    await exporter.export()
    exporter.file.remove()
    exporter.source = "another_home"
    assert (await exporter.export()).rows == {"sensor_data": 5}


@pytest.mark.usefixtures("small_chunks")
async def test_export_log(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Each committed chunk has one row in the log, which says what it was."""
    await record(hass, 25)
    await execute(hass, "UPDATE states SET metadata_id = NULL WHERE state_id = 5")
    result = await exporter.export(batch_rows=5)
    log = warehouse.server.query(
        "SELECT * FROM home.export_log ORDER BY first_id", warehouse.project
    )
    assert [(row["first_id"], row["last_id"]) for row in log] == [
        ("1", "11"),
        ("12", "21"),
        ("22", "25"),
    ]
    assert [(row["row_count"], row["rejected"]) for row in log] == [
        ("10", "1"),
        ("10", "0"),
        ("4", "0"),
    ]
    assert sum(int(row["byte_count"]) for row in log) == result.bytes
    times = [int(row["last_updated"]) for row in warehouse.rows("last_updated, state_id")]
    assert int(log[0]["first_time"]) == min(times)
    assert int(log[-1]["last_time"]) == max(times)
    for row in log:
        assert row["export_id"] == result.export_id
        assert row["table_name"] == "sensor_data"
        assert row["trigger"] == "test"
        assert row["integration_version"] == "1.2.3"
        assert int(row["started"]) <= int(row["finished"])
