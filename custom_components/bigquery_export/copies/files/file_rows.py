"""Rows that are in the files of a copy already."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...export.existing_rows import FoundRow, version_of
from ...file_formats.file_format import DamagedFileError, FileFormat
from ...rows.columns import EXPORT_TIMESTAMP
from ...rows.table import Table
from . import disk
from .folder import Folder
from .folder_errors import FileDamagedError, folder_errors
from .layout import partition_from
from .manifest import Manifest
from .schemas import read_schema


class FileRows:
    """Reads rows: the folder has those of one installation. It blocks and raises ExportError."""

    def __init__(self, folder: Folder, format_: FileFormat) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._format = format_

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return 0: what is committed is found at once."""
        return 0.0

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield the rows in one partition of a table, by its first day.

        All files of the folder are read, whether or not the manifest has them. Those that another
        process merges meanwhile may be read twice.
        """
        partition = partition_from(table, partition_start)
        files = self._files(table, partition)
        read: set[Path] = set()
        while files:
            path, schema = files.pop(0)
            if path in read:
                continue
            read.add(path)
            with folder_errors(self._folder.path):
                try:
                    yield from self._rows(path, schema, table)
                except FileNotFoundError:
                    files = self._files(table, partition)
                    if path in dict(files):  # All was gone for a moment.
                        raise
                    # Else it was merged, or its user has deleted it.
                except DamagedFileError as err:
                    raise FileDamagedError(path=str(path), message=str(err)) from err

    def _rows(self, path: Path, schema: Table, table: Table) -> Iterator[FoundRow]:
        name, time = table.identity
        columns = [name, time, table.id]
        if table.versions:
            columns += [EXPORT_TIMESTAMP.name, *table.versions]
        for row in self._format.read(path, schema, columns):
            if table.versions or row.get(table.id) is not None:
                yield _found(table, row)
            self._folder.check_going()

    def _files(self, table: Table, partition: str) -> list[tuple[Path, Table]]:
        """Return the files of a folder, each with the columns that it has."""
        folder = self._folder.path / partition
        with self._folder.locked():
            paths = sorted(folder.iterdir()) if disk.is_there(folder) else []
            if not paths:
                self._folder.mark()
            ids = {one.file: one.schema for one in Manifest.read(folder).entries}
            files = []
            for path in paths:
                if path.name.endswith(self._format.suffix):
                    schema = read_schema(self._folder.path, table.name, ids.get(path.name, ""))
                    files.append((path, schema or table))
        return files


def _found(table: Table, row: dict[str, Any]) -> FoundRow:
    name, time = table.identity
    id_ = row.get(table.id)
    return FoundRow(
        str(row.get(name)),
        int(row.get(time) or 0),
        int(id_ or 0),
        int(row.get(EXPORT_TIMESTAMP.name) or 0),
        version_of(table, row) if table.versions else (),
        deletes=id_ is None,
    )
