"""Tests of backups: each part comes back, and the ledger knows what that means."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
import sqlite3

import pytest

from tests.home.recorded import newest_ids

from .backups import Part, back_up, restore
from .machine import Machine
from .small_machine import make_small_machine

RANDOM = Random(1)  # noqa: S311 - repeatable
STORED = {"": "old", ".digests.statistics.jsonl": "old", ".entities.json": "old"}


@pytest.fixture(name="machine")
def machine_fixture(tmp_path: Path, socket_enabled: None) -> Machine:
    """Return a machine that rests, with a recorder and files of an export."""
    machine = make_small_machine(tmp_path / "home")
    machine.storage.mkdir()
    store(machine, lambda _: "old")
    machine.look()
    return machine


def store(machine: Machine, content: Callable[[str], str]) -> None:
    """Write all files of the export."""
    for suffix in STORED:
        machine.checkpoint.with_name(machine.checkpoint.name + suffix).write_text(content(suffix))


def stored(machine: Machine) -> dict[str, str]:
    """Return what is in the files of the export."""
    name = machine.checkpoint.name
    return {
        path.name.removeprefix(name): path.read_text()
        for path in machine.checkpoint.parent.iterdir()
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Part.CHECKPOINT, dict.fromkeys(STORED, "new") | {"": "old", ".more": "new"}),
        (Part.CONFIGURATION, STORED | {".unreadable-1": "kept"}),
    ],
)
async def test_files_come_back(
    machine: Machine, tmp_path: Path, part: Part, expected: dict[str, str]
) -> None:
    """All files are replaced, or the checkpoint alone; what was moved aside stays."""
    backup = await back_up(machine, tmp_path / "backup", RANDOM)
    store(machine, lambda _: "new")
    other = ".more" if part is Part.CHECKPOINT else ".unreadable-1"
    machine.checkpoint.with_name(machine.checkpoint.name + other).write_text(
        expected.get(other, "")
    )
    restore(machine, backup, [part])
    assert stored(machine) == expected


async def test_a_missing_checkpoint_comes_back_as_missing(machine: Machine, tmp_path: Path) -> None:
    """A backup from before the first export has none."""
    machine.checkpoint.unlink()
    backup = await back_up(machine, tmp_path / "backup", RANDOM)
    machine.checkpoint.write_text("new")
    restore(machine, backup, [Part.CHECKPOINT])
    assert not machine.checkpoint.exists()


async def test_a_database_comes_back_with_what_was_owed(machine: Machine, tmp_path: Path) -> None:
    """What was exported until the backup is owed, and of the newer rows only what was before."""
    machine.ledger["sensor_data"].exported_up_to = 40
    newest = newest_ids(machine.home.database)
    backup = await back_up(machine, tmp_path / "backup", RANDOM)
    machine.growth.go_on()
    machine.ledger["sensor_data"].exported_up_to = 1_000
    machine.look()
    owed = machine.ledger["sensor_data"].owed.total()
    assert newest_ids(machine.home.database) != newest

    restore(machine, backup, [Part.DATABASE])
    machine.look()
    assert newest_ids(machine.home.database) == newest
    assert machine.ledger["sensor_data"].exported_up_to == 40
    assert machine.ledger["sensor_data"].owed.total() == owed > 50


async def test_older_digests_leave_uncertain_what_has_changed(
    machine: Machine, tmp_path: Path
) -> None:
    """Those rows, and no others, may be shown as they were; an older checkpoint changes nothing."""
    backup = await back_up(machine, tmp_path / "backup", RANDOM)
    with closing(sqlite3.connect(machine.home.database)) as recorder, recorder:
        recorder.execute("UPDATE statistics SET created_ts = created_ts + 5 WHERE id = 1")
    machine.look()
    restore(machine, backup, [Part.CHECKPOINT])
    assert not machine.ledger.corrected["statistics"].uncertain
    restore(machine, backup, [Part.CONFIGURATION])
    assert len(machine.ledger.corrected["statistics"].uncertain) == 1
