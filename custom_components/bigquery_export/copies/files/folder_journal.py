"""The journal of a folder: what makes a change of many files one.

    files aside -> journal -> names of the files -> manifests -> old files deleted

The journal has the last change. Once that is written, the change is made: what is left of it is
done by the next process at the latest. What is not in the journal was never made.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from . import disk
from .folder_errors import FileDamagedError
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

    Raises OSError, and FileDamagedError where the journal was changed. Without it, rows in doubt
    are looked for in the files.
    """

    def __init__(self, folder: Path) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._path = folder / OWN / _FILE
        self._made = ""
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

    def make(self, change: Change, *, is_transaction: bool) -> None:
        """Make a change. If this raises, it may be made or not: `go_on` knows."""
        transactions = self.transactions()
        if is_transaction:
            transactions = [*transactions, change.name][-_REMEMBERED:]
        content = {"change": asdict(change), "transactions": transactions}
        disk.write_file(self._path, orjson.dumps(content))
        self._make(change)

    def go_on(self) -> None:
        """Do what is left of the last change."""
        data = self._read().get("change")
        if data is None:
            return
        try:
            change = _change(data)
        except (LookupError, TypeError, AttributeError) as err:
            raise FileDamagedError(path=str(self._path), message=str(err)) from err
        if change.name != self._made:
            self._make(change)

    def _read(self) -> dict[str, Any]:
        try:
            data = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as err:
            raise FileDamagedError(path=str(self._path), message=str(err)) from err
        return data if isinstance(data, dict) else {}

    def _make(self, change: Change) -> None:
        """Do what is left of a change; what was done changes nothing."""
        aside = self.place_of(change.name)
        for one in change.folders:
            self._make_in(self._folder / one.path, aside, one)
        disk.remove_folder(aside)
        self._made = change.name

    def _make_in(self, folder: Path, aside: Path, change: FolderChange) -> None:
        waiting = {name: entry for name, entry in change.added.items() if (aside / name).exists()}
        if waiting:
            disk.make_folder(folder.parent)
            disk.make_folder(folder)
            for name, entry in waiting.items():
                disk.move(aside / name, folder / entry.file)
        if not folder.exists():
            return  # Its user has deleted it since.
        # Also where nothing waits: a crash may have come before.
        disk.sync_folder(folder)
        manifest = Manifest.read(folder)
        there = [one for one in change.added.values() if (folder / one.file).exists()]
        after = manifest.changed(there, change.removed)
        if after != manifest:
            after.write(folder)
        for name in change.removed:
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
