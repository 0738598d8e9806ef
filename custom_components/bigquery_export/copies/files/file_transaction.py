"""One transaction of a copy in files: a file for each partition that its rows belong to.

The files are written aside, so that nothing that is not committed has a place among the others.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress

import orjson

from ...export.delivery import Rejection
from ...file_formats.file_format import FileFormat
from ...rows.table import Table
from . import disk
from .aside import FileAside
from .folder import Folder
from .folder_errors import folder_errors
from .folder_journal import Change, FolderChange
from .layout import partition_of
from .manifest import FileEntry

_OPEN_FILES = 16
"""Each has its compressor, or columns that are not written yet."""


class FileTransaction:
    """Rows of one table, and of the export log. Its methods block and raise ExportError."""

    def __init__(self, folder: Folder, format_: FileFormat, table: Table, label: str) -> None:
        """Begin a transaction; nothing of an earlier one with this name is left."""
        folder.mark()
        folder.check_room()
        self._folder = folder
        self._format = format_
        self._table = table
        self._label = label
        self._place = folder.journal.place_of(label)
        self._open: dict[str, FileAside] = {}
        """The files that are open, by their folders; the one used last is the last."""
        self._begun = 0
        self._added: dict[str, dict[str, FileEntry]] = {}
        """What is finished, by folder and name aside."""
        self._finished = self._committed = self._closed = False
        self._in_doubt = False
        """Whether it may be committed."""
        with self._errors():
            disk.remove_folder(self._place)
            disk.make_folder(self._place)

    @property
    def name(self) -> str:
        """Return the name, which the journal of the folder has when it is committed."""
        return self._label

    @property
    def is_open(self) -> bool:
        """Return whether rows of the log may be added."""
        return self._finished and not (self._committed or self._in_doubt or self._closed)

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Write a batch; rows that belong to no partition, or do not fit, are left out."""
        self._folder.check_going()
        return self._append(self._table, rows)

    def finish(self) -> None:
        """End the files; they are on the disk when this returns."""
        with self._errors():
            for path in list(self._open):
                self._finish(path)
            disk.sync_folder(self._place)
        self._finished = True

    def log(self, rows: Sequence[bytes], table: Table) -> None:
        """Add rows of the export log."""
        self._append(table, rows)
        self.finish()

    def commit(self) -> list[Rejection]:
        """Make all files visible; if this fails, the transaction is in doubt."""
        if self._committed:
            return []
        changes = tuple(FolderChange(path, files) for path, files in self._added.items())
        with self._folder.locked():
            self._in_doubt = True
            self._folder.journal.commit(Change(self._label, changes), is_transaction=True)
        self._committed = True
        self._folder.changed.update(self._added)
        return []

    def close(self) -> None:
        """Delete what is not committed. What is in doubt stays, for the one who settles it."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):
            for file in self._open.values():
                file.close()
        if not (self._committed or self._in_doubt):
            with suppress(OSError):
                disk.remove_folder(self._place)

    def _append(self, table: Table, rows: Sequence[bytes]) -> list[Rejection]:
        rejected: list[Rejection] = []
        partitions: dict[str, tuple[list[bytes], list[str]]] = {}
        for row in rows:
            time = orjson.loads(row).get(table.partition_by)
            if time is None:
                rejected.append(Rejection(row, f"{table.partition_by} is missing"))
                continue
            lines, times = partitions.setdefault(partition_of(table, time), ([], []))
            lines.append(row)
            times.append(time)
        with self._errors():
            for path, (lines, times) in partitions.items():
                file = self._file(table, path)
                refused = _write(file, lines)
                rejected += refused
                if len(refused) < len(lines):
                    file.span(times)
        return rejected

    def _file(self, table: Table, path: str) -> FileAside:
        """Return the file of a folder, and let another one end if there are too many."""
        file = self._open.pop(path, None)
        if file is None:
            if len(self._open) >= _OPEN_FILES:
                self._finish(next(iter(self._open)))
            file = FileAside(self._place / str(self._begun), table, self._format)
            self._begun += 1
        self._open[path] = file
        return file

    def _finish(self, path: str) -> None:
        file = self._open.pop(path)
        name = f"part-{self._label}-{file.path.name}{self._format.suffix}"
        entry = file.finish(name)
        if entry.rows:
            self._added.setdefault(path, {})[file.path.name] = entry
        else:  # All were rejected.
            disk.remove(file.path)

    def _errors(self) -> AbstractContextManager[None]:
        return folder_errors(self._folder.path)


def _write(file: FileAside, lines: Sequence[bytes]) -> list[Rejection]:
    """Write rows, or halve them until those that the format cannot hold are alone."""
    try:
        file.write(lines)
    except ValueError as err:
        if len(lines) == 1:
            return [Rejection(lines[0], str(err))]
        half = len(lines) // 2
        return [*_write(file, lines[:half]), *_write(file, lines[half:])]
    return []
