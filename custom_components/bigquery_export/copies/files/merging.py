"""Merges the files of a folder: when its day is over, to one; before, many small ones to one.

A transaction adds a file of its own, so that none is written twice for it. Where 24 files have been
merged equally often, they are merged to one: a folder that is open for a month has some dozens, and
a row is written three times on its way.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import batched
from pathlib import Path

from homeassistant.util.ulid import ulid_now

from ...file_formats.file_format import FileFormat, LineFormat
from ...rows.table import Table
from . import disk
from .aside import FileAside
from .folder import Folder
from .folder_errors import FileDamagedError, folder_errors
from .folder_journal import Change, FolderChange
from .layout import OWN, moment_of, partition_end
from .manifest import FileEntry, Manifest
from .schemas import read_schema, together, write_schema

_SMALL_FILES = 24
_LATE = timedelta(hours=1)
"""So long after a day its last rows have come, where exports are not rare."""
_ROWS_AT_ONCE = 1_000
_ASIDE = "0"
_PAUSE = 0.005
"""Seconds after so many rows, so that other threads get their turn."""


class Merging:
    """Merges what is due. Its methods block and raise ExportError."""

    def __init__(self, folder: Folder, format_: FileFormat) -> None:
        """Look at nothing yet."""
        self._folder = folder
        self._format = format_
        self._looked: datetime | None = None
        """Until when days were over when all folders were looked at."""

    def merge(self, now: datetime) -> None:
        """Merge the files of folders that got some, and once a day of all."""
        over = now - _LATE
        everything = self._looked is None or self._looked.date() != over.date()
        with self._folder.locked():  # All that was begun is done then.
            paths = self._all_folders() if everything else sorted(self._folder.changed)
        for path in paths:
            self._merge_in(path, over)
            self._folder.changed.discard(path)
        self._looked = over

    def _all_folders(self) -> list[str]:
        """Return the folders that have several files, below that of the copy."""
        tables = (one for one in self._folder.path.iterdir() if one.name != OWN and one.is_dir())
        return sorted(
            f"{table.name}/{path.name}"
            for table in tables
            for path in table.iterdir()
            if len(list(path.glob(f"*{self._format.suffix}"))) > 1
        )

    def _merge_in(self, path: str, over: datetime) -> None:
        """Merge files of one folder until none is due."""
        try:
            end = partition_end(path)
        except ValueError:
            return  # It is not ours.
        is_over = end is not None and end <= over
        with folder_errors(self._folder.path):
            while due := _due(self._there(path), is_over=is_over):
                if not self._merge_files(path, due):
                    return

    def _there(self, path: str) -> list[FileEntry]:
        """Return the files that are there, of those that count."""
        folder = self._folder.path / path
        self._folder.mark()
        return [one for one in Manifest.read(folder).entries if disk.is_there(folder / one.file)]

    def _merge_files(self, path: str, entries: Sequence[FileEntry]) -> bool:
        """Merge files to one, as far as their columns fit; return whether that was done."""
        schemas = self._schemas(path, entries)
        merged = [one for one in entries if one.schema in schemas]
        if len(merged) < 2 or (table := together(schemas.values())) is None:
            return False
        self._folder.check_room()
        write_schema(self._folder.path, table, self._format)
        name = f"merge_{ulid_now()}"
        place = self._folder.journal.place_of(name)
        disk.make_folder(place)
        try:
            file = FileAside(place / _ASIDE, table, self._format)
            try:
                entry = self._write(file, path, merged, schemas)
            finally:
                file.close()
            disk.sync_folder(place)
        except BaseException:
            with suppress(OSError):
                disk.remove_folder(place)
            raise
        return self._replace(name, path, entry, merged)

    def _schemas(self, path: str, entries: Sequence[FileEntry]) -> dict[str, Table]:
        """Return those schemas of files that fit the newest one, by their ids."""
        found: dict[str, Table] = {}
        for id_ in dict.fromkeys(one.schema for one in reversed(entries)):
            table = read_schema(self._folder.path, path.partition("/")[0], id_)
            if table and together([*found.values(), table]):
                found[id_] = table
        return found

    def _write(
        self,
        file: FileAside,
        path: str,
        merged: Sequence[FileEntry],
        schemas: Mapping[str, Table],
    ) -> FileEntry:
        """Write the rows of files to another one, and make sure that they are all."""
        for entry in merged:
            source = self._folder.path / path / entry.file
            before = file.rows
            try:
                self._copy(file, source, schemas[entry.schema])
            except ValueError as err:
                raise FileDamagedError(path=str(source), message=str(err)) from err
            if (rows := file.rows - before) != entry.rows:
                message = f"it has {rows} rows in place of {entry.rows}"
                raise FileDamagedError(path=str(source), message=message)
            file.span((entry.first_time, entry.last_time))
        return file.finish(
            f"{moment_of(path)}-{ulid_now()}{self._format.suffix}",
            transactions=sum(one.transactions for one in merged),
            merges=1 + max(one.merges for one in merged),
        )

    def _copy(self, file: FileAside, source: Path, table: Table) -> None:
        """Copy all rows, some at a time. Raises ValueError where they cannot be read."""
        if isinstance(self._format, LineFormat):
            for lines in batched(self._format.read_lines(source), _ROWS_AT_ONCE, strict=False):
                file.write(lines)
                self._folder.pause(_PAUSE)
            return
        for rows in batched(self._format.read(source, table), _ROWS_AT_ONCE, strict=False):
            file.write_rows(rows)
            self._folder.pause(_PAUSE)

    def _replace(self, name: str, path: str, entry: FileEntry, merged: Sequence[FileEntry]) -> bool:
        """Let a file take the place of others, unless another process has merged them."""
        folder = self._folder.path / path
        names = {one.file for one in merged}
        with self._folder.locked():
            manifest = Manifest.read(folder)
            known = {one.file for one in manifest.entries}
            if not names <= known:
                disk.remove_folder(self._folder.journal.place_of(name))
                return False
            if gone := {one for one in known if not disk.is_there(folder / one)}:
                manifest.changed((), gone).write(folder)
            change = FolderChange(path, {_ASIDE: entry}, tuple(sorted(names)))
            self._folder.journal.commit(Change(name, (change,)), is_transaction=False)
        return True


def _due(entries: Sequence[FileEntry], *, is_over: bool) -> Sequence[FileEntry]:
    """Return which files are to be merged to one."""
    if is_over:
        return entries if len(entries) > 1 else ()
    for merges in sorted({one.merges for one in entries}):
        alike = [one for one in entries if one.merges == merges]
        if len(alike) >= _SMALL_FILES:
            return alike
    return ()
