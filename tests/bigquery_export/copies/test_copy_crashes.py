"""A process that dies at any step of a copy: nothing is lost, and nothing is there twice."""

from collections import Counter
from contextlib import suppress

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.copies.postgresql.postgresql_errors import (
    PostgresqlUnreachableError,
)
from custom_components.bigquery_export.copies.postgresql.postgresql_fence import PostgresqlFence
from custom_components.bigquery_export.copies.postgresql.row_copying import RowTransaction
from custom_components.bigquery_export.errors import AnotherExportError
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from tests.bigquery_export.support.copy_exporter import CopyExporter
from tests.bigquery_export.support.crashes import CRASHES, Crash, crash_at
from tests.bigquery_export.support.postgresql_copies import CopyDatabase
from tests.bigquery_export.support.recording import numbers, record, rewrite

STEPS = {
    **CRASHES,
    "before the log is written": ("log", "before"),
    "after the log was written": ("log", "after"),
    "before the fence is written": ("write", "before"),
    "after the fence was written": ("write", "after"),
}
OWNERS: dict[str, type] = {"save": CheckpointFile, "write": PostgresqlFence}


@pytest.fixture
def exporter(hass: HomeAssistant, copy_database: CopyDatabase) -> CopyExporter:
    """Return what copies into an empty database."""
    return CopyExporter(hass, None, settings_of_copy=copy_database.settings)  # type: ignore[arg-type]


def logged(copy_database: CopyDatabase) -> int:
    """Return how many rows there are as the log has it."""
    return int(copy_database.query("SELECT sum(row_count) AS rows FROM export_log")[0]["rows"])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("call", [1, 3])
@pytest.mark.usefixtures("small_chunks")
async def test_crash(
    hass: HomeAssistant,
    exporter: CopyExporter,
    copy_database: CopyDatabase,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    call: int,
) -> None:
    """Wherever it dies, the next process has each row once, and the log says so."""
    await record(hass, 25)
    name, when = STEPS[step]
    with monkeypatch.context() as patch:
        crash_at(patch, OWNERS.get(name, RowTransaction), name, when, call)
        with suppress(Crash):
            await exporter.export(batch_rows=5)
    # The dead process's connections end with it.
    copy_database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'BigQuery Export' AND datname = current_database()"
    )
    exporter.restart()
    await record(hass, 1, name="last")
    await exporter.export(batch_rows=5)
    assert copy_database.states() == [*numbers(25), "0"]
    assert logged(copy_database) == 26
    assert exporter.file.load().intent is None


@pytest.mark.parametrize("when", ["before", "after"])
async def test_answer_lost(
    hass: HomeAssistant,
    exporter: CopyExporter,
    copy_database: CopyDatabase,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    """Where the connection breaks in a commit, the next attempt finds out what became of it."""
    await record(hass, 5)
    commit = RowTransaction.commit

    def broken(transaction: RowTransaction) -> None:
        if when == "after":
            commit(transaction)
        transaction.close()
        raise PostgresqlUnreachableError(server="here", message="broken pipe")

    with monkeypatch.context() as patch:
        patch.setattr(RowTransaction, "commit", broken)
        with pytest.raises(PostgresqlUnreachableError):
            await exporter.export()
    assert exporter.file.load().intent
    await exporter.export()
    assert copy_database.states() == numbers(5)
    assert logged(copy_database) == 5


async def test_checkpoint_lost(
    hass: HomeAssistant, exporter: CopyExporter, copy_database: CopyDatabase
) -> None:
    """Without a checkpoint, or with an old one, rows that are there are found, and not sent."""
    await record(hass, 5)
    await exporter.export()
    old = exporter.file.path.read_bytes()
    await record(hass, 5, name="t")
    await exporter.export()
    for number, content in enumerate((None, old)):
        exporter.file.path.unlink()
        if content:
            exporter.file.path.write_bytes(content)
        exporter.restart()
        await record(hass, 1, name=f"u{number}")
        result = await exporter.export()
        assert result.total == 1
    assert Counter(copy_database.states()) == Counter([*numbers(5), *numbers(5), "0", "0"])


async def test_database_restored(
    hass: HomeAssistant, exporter: CopyExporter, copy_database: CopyDatabase
) -> None:
    """After the recorder went back to an older backup, its new rows with old ids are copied."""
    await record(hass, 5)
    await exporter.export()
    await rewrite(hass, "DELETE FROM states WHERE state_id > 3")
    await record(hass, 3, name="t")
    exporter.restart()
    await exporter.export()
    found = Counter((row["entity_id"], row["state"]) for row in copy_database.rows())
    assert set(found.values()) == {1}
    assert {("sensor.s0", str(n)) for n in range(5)} <= set(found)
    assert {("sensor.t0", str(n)) for n in range(3)} <= set(found)


@pytest.mark.usefixtures("small_chunks")
async def test_second_machine(
    hass: HomeAssistant, exporter: CopyExporter, copy_database: CopyDatabase
) -> None:
    """A copy of the home that has gone on is noticed before the next commit."""
    await record(hass, 5)
    exporter.keeps_journal = True
    await exporter.export()
    other = CopyExporter(
        hass,
        None,  # type: ignore[arg-type]
        entry_id="other",
        settings_of_copy=copy_database.settings,
    )
    await record(hass, 3, name="t")
    await other.export()
    await record(hass, 3, name="u")
    with pytest.raises(AnotherExportError):
        await exporter.export()
    assert len(copy_database.states()) == 8
