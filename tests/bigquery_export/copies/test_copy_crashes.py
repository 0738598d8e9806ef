"""A process that dies at any step of a copy: nothing is lost, and nothing is there twice."""

from collections import Counter
from contextlib import suppress

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.copies.files.folder_errors import FolderFailedError
from custom_components.bigquery_export.errors import AnotherExportError
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.delivery import Transaction
from custom_components.bigquery_export.export.fence import NoFence
from tests.bigquery_export.support.combinations import in_pairs
from tests.bigquery_export.support.copy_exporter import CopyExporter
from tests.bigquery_export.support.copy_place import COPY_PLACES, CopyPlace
from tests.bigquery_export.support.crashes import CRASHES, Crash, crash_at
from tests.bigquery_export.support.recording import numbers, record, rewrite

STEPS = {
    **CRASHES,
    "before the log is written": ("log", "before"),
    "after the log was written": ("log", "after"),
    "before the fence is written": ("write", "before"),
    "after the fence was written": ("write", "after"),
}


@pytest.fixture
def exporter(hass: HomeAssistant, copy_place: CopyPlace) -> CopyExporter:
    """Return what copies into an empty place."""
    return CopyExporter(hass, None, goes_to=copy_place)  # type: ignore[arg-type]


def logged(copy_place: CopyPlace) -> int:
    """Return how many rows there are as the log has it."""
    return sum(row["row_count"] for row in copy_place.rows("export_log", "1"))


@in_pairs(["copy_place"], step=STEPS, call=[1, 3], copy_place=COPY_PLACES)
@pytest.mark.usefixtures("small_chunks")
async def test_crash(
    hass: HomeAssistant,
    exporter: CopyExporter,
    copy_place: CopyPlace,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    call: int,
) -> None:
    """Wherever it dies, the next process has each row once, and the log says so."""
    await record(hass, 25)
    name, when = STEPS[step]
    with monkeypatch.context() as patch:
        owners = {"save": CheckpointFile, "write": copy_place.fence}
        owner = owners.get(name, copy_place.transaction)
        crash_at(patch, *(copy_place.log if name == "log" else (owner, name)), when, call)
        with suppress(Crash):
            await exporter.export(batch_rows=5)
    copy_place.end_process()
    exporter.restart()
    await record(hass, 1, name="last")
    await exporter.export(batch_rows=5)
    assert copy_place.states() == [*numbers(25), "0"]
    assert logged(copy_place) == 26
    assert exporter.file.load().intent is None


@pytest.mark.parametrize("when", ["before", "after"])
async def test_answer_lost(
    hass: HomeAssistant,
    exporter: CopyExporter,
    copy_place: CopyPlace,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    """Where the connection breaks in a commit, the next attempt finds out what became of it."""
    await record(hass, 5)
    commit = copy_place.transaction.commit

    def broken(transaction: Transaction) -> None:
        if when == "after":
            commit(transaction)
        transaction.close()
        raise FolderFailedError(path="here", message="broken pipe")

    with monkeypatch.context() as patch:
        patch.setattr(copy_place.transaction, "commit", broken)
        with pytest.raises(FolderFailedError):
            await exporter.export()
    assert exporter.file.load().intent
    await exporter.export()
    assert copy_place.states() == numbers(5)
    assert logged(copy_place) == 5


async def test_checkpoint_lost(
    hass: HomeAssistant, exporter: CopyExporter, copy_place: CopyPlace
) -> None:
    """Without a checkpoint, or with an old one, each row is there once."""
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
        assert result.total == 1 or copy_place.fence is NoFence
    assert Counter(copy_place.states()) == Counter([*numbers(5), *numbers(5), "0", "0"])


async def test_database_restored(
    hass: HomeAssistant, exporter: CopyExporter, copy_place: CopyPlace
) -> None:
    """After the recorder went back to an older backup, its new rows with old ids are copied."""
    await record(hass, 5)
    await exporter.export()
    await rewrite(hass, "DELETE FROM states WHERE state_id > 3")
    await record(hass, 3, name="t")
    exporter.restart()
    await exporter.export()
    found = Counter((row["entity_id"], row["state"]) for row in copy_place.rows())
    assert set(found.values()) == {1}
    assert {("sensor.s0", str(n)) for n in range(5)} <= set(found)
    assert {("sensor.t0", str(n)) for n in range(3)} <= set(found)


@pytest.mark.usefixtures("small_chunks")
async def test_second_machine(
    hass: HomeAssistant, exporter: CopyExporter, copy_place: CopyPlace
) -> None:
    """A copy of the home that has gone on is noticed before the next commit, or does no harm."""
    await record(hass, 5)
    exporter.keeps_journal = True
    await exporter.export()
    other = CopyExporter(
        hass,
        None,  # type: ignore[arg-type]
        entry_id="other",
        goes_to=copy_place,
    )
    await record(hass, 3, name="t")
    await other.export()
    await record(hass, 3, name="u")
    if copy_place.fence is NoFence:
        await exporter.export()
        assert len(copy_place.states()) == 11
        return
    with pytest.raises(AnotherExportError):
        await exporter.export()
    assert len(copy_place.states()) == 8
