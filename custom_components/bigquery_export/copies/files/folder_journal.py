"""The journal of a folder: what makes a change of many files one.

    files aside -> journal -> names of the files -> manifests -> old files deleted

The journal has the last change. Once that is written, the change is committed: what is left of
it is done by the next process at the latest. What is not in the journal was never committed.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from . import disk
from .folder_errors import FileDamagedError, FolderMissingError
from .layout import OWN
from .manifest import FileEntry, Manifest

_FILE = "journal.json"
_ASIDE = "parts"
_REMEMBERED = 50
"""So many transactions are known by their names. One in doubt is the last of its home."""


@dataclass(frozen=True, slots=True)
class FolderChange:
    """What changes in one folder."""

    path: str
    """Below the folder of the copy."""
    added: Mapping[str, FileEntry]
    """New files by their names aside."""
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Files that come and go together."""

    name: str
    folders: tuple[FolderChange, ...]


class FolderJournal:
    """Makes changes in the folder of a copy, one after another.

    Raises OSError, FolderMissingError where the share was gone meanwhile, and FileDamagedError
    where the journal was changed. Without it, rows in doubt are looked for in the files.
    """

    def __init__(self, folder: Path) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._path = folder / OWN / _FILE
        self._finished = ""
        """The name of the last change of which nothing is left to do."""

    @property
    def aside(self) -> Path:
        """Return where files are before they have their names."""
        return self._folder / OWN / _ASIDE

    def place_of(self, name: str) -> Path:
        """Return where the files of a change are before that."""
        return self.aside / name

    def transactions(self) -> list[str]:
        """Return the names of the last transactions."""
        return [str(name) for name in self._read().get("transactions", ())]

    def commit(self, change: Change, *, is_transaction: bool) -> None:
        """Commit a change. If this raises, it may be committed or not: `finish_last` knows."""
        self._check_aside(change)
        transactions = self.transactions()
        if is_transaction:
            transactions = [*transactions, change.name][-_REMEMBERED:]
        content = {"change": asdict(change), "transactions": transactions}
        disk.write_file(self._path, orjson.dumps(content))
        self._finish(change)

    def finish_last(self) -> None:
        """Do what is left of the last change."""
        data = self._read().get("change")
        if data is None:
            return
        try:
            change = _change(data)
        except (LookupError, TypeError, AttributeError) as err:
            raise FileDamagedError(path=str(self._path), message=str(err)) from err
        if change.name != self._finished:
            self._finish(change)

    def _read(self) -> dict[str, Any]:
        try:
            data = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            if not disk.is_there(self.aside):
                raise  # All is gone, and not the journal alone.
            return {}
        except ValueError as err:
            raise FileDamagedError(path=str(self._path), message=str(err)) from err
        return data if isinstance(data, dict) else {}

    def _check_aside(self, change: Change) -> None:
        """Make sure that no other process has deleted the files of a change."""
        place = self.place_of(change.name)
        if not all(disk.is_there(place / name) for one in change.folders for name in one.added):
            raise FolderMissingError(path=str(place))

    def _finish(self, change: Change) -> None:
        """Do what is left of a change; what was done changes nothing."""
        place = self.place_of(change.name)
        for one in change.folders:
            self._finish_in(self._folder / one.path, place, one)
        self._remove(place, {name for one in change.folders for name in one.added})
        self._finished = change.name

    def _remove(self, place: Path, added: Collection[str]) -> None:
        """Delete the folder of files that have their names now.

        Raises FolderMissingError where one has not: while a share was gone, nothing seemed to wait.
        """
        if place not in self.aside.iterdir():  # It raises where all is gone.
            return
        if any(path.name in added for path in place.iterdir()):
            raise FolderMissingError(path=str(place))
        disk.remove_folder(place)

    def _finish_in(self, folder: Path, place: Path, change: FolderChange) -> None:
        added = change.added
        waiting = {name: one for name, one in added.items() if disk.is_there(place / name)}
        if waiting:
            disk.make_folder(folder.parent)
            disk.make_folder(folder)
            for name, entry in waiting.items():
                disk.move(place / name, folder / entry.file)
        elif not disk.is_there(folder):
            return  # Its user has deleted it since.
        # Also where nothing waits: a crash may have come before.
        disk.sync_folder(folder)
        manifest = Manifest.read(folder)
        there = [
            one
            for name, one in added.items()
            if name in waiting or disk.is_there(folder / one.file)
        ]
        # Nothing goes for a file that is not there.
        removed = change.removed if len(there) == len(added) else ()
        after = manifest.changed(there, removed)
        if after != manifest:
            after.write(folder)
        for name in removed:
            disk.remove(folder / name)


def _change(data: Mapping[str, Any]) -> Change:
    folders = (
        FolderChange(
            one["path"],
            {name: FileEntry.from_json(entry) for name, entry in one["added"].items()},
            tuple(one["removed"]),
        )
        for one in data["folders"]
    )
    return Change(data["name"], tuple(folders))
