"""Backups of a home, which are taken at any moment, and restored while it rests."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random
import shutil

from tests.home.home_assistant import DATABASE

from . import recorder_damage
from .machine import Machine

LONGEST_PAUSE = 0.3
"""Seconds between two files: a real backup takes a while, too."""


class Part(Enum):
    """What of a backup is restored."""

    DATABASE = "the database"
    CONFIGURATION = "the configuration"
    CHECKPOINT = "the checkpoint"


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the recorder's database, and of the files of the export."""

    folder: Path
    exported_up_to: Mapping[str, int]
    """The `Ledger.exported_up_to` of the time at which it was begun."""
    looks: int
    """How often the recorder had been looked at until then."""


async def back_up(machine: Machine, folder: Path, random: Random) -> Backup:
    """Copy one file after the other, with pauses in which the home goes on if it runs."""
    backup = Backup(folder, {**machine.ledger.exported_up_to}, machine.ledger.looks)
    await asyncio.to_thread(folder.mkdir)
    steps: list[Callable[[], None]] = [
        lambda: recorder_damage.back_up(machine.home.database, folder / DATABASE),
        *(_copying(path, folder) for path in _files(machine.checkpoint)),
    ]
    random.shuffle(steps)
    for step in steps:
        await asyncio.to_thread(step)
        await asyncio.sleep(random.random() ** 2 * LONGEST_PAUSE)
    return backup


def restore(machine: Machine, backup: Backup, parts: Iterable[Part]) -> None:
    """Put parts of a backup, which remains, in the place of what there is now.

    The recorder was looked at before, and is looked at afterwards.
    """
    for part in parts:
        match part:
            case Part.DATABASE:
                recorder_damage.restore(machine.home.database, backup.folder / DATABASE)
                machine.ledger.replaced()
                machine.ledger.exported_up_to = {**backup.exported_up_to}
            case Part.CONFIGURATION:
                for path in _files(machine.checkpoint):
                    path.unlink()
                for path in _files(backup.folder / machine.checkpoint.name):
                    shutil.copy(path, machine.storage)
                machine.ledger.others_sent(backup.looks)
            case Part.CHECKPOINT:
                machine.checkpoint.unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copy(backup.folder / machine.checkpoint.name, machine.storage)


def _copying(path: Path, folder: Path) -> Callable[[], None]:
    def copy() -> None:
        with suppress(FileNotFoundError):  # It has gone meanwhile.
            shutil.copy(path, folder)

    return copy


def _files(checkpoint: Path) -> list[Path]:
    """Return the checkpoint and what lies beside it, less what was moved aside as damaged."""
    return [
        path
        for path in sorted(checkpoint.parent.glob(f"{checkpoint.name}*"))
        if ".unreadable-" not in path.name
    ]
