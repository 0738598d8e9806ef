"""One file of an export to files, while it is written. All methods block."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
import os
from pathlib import Path
import shutil

from ..file_formats.file_format import FileFormat, FileWriter, Row
from ..rows.table import PartitionUnit, Table
from .file_request import DiskSpaceError, FileUnwritableError, WrittenFile

LEAST_FREE = 500_000_000
"""Bytes that stay free: Home Assistant's database and a backup want to grow, too."""
_EPOCH = date(1970, 1, 1)
_PART = ".part"


class PartitionFile:
    """The rows of one partition of a table: there is no file where there is no row.

    It has its name only when it is whole. Raises DiskSpaceError and FileUnwritableError.
    """

    def __init__(
        self, folder: Path, file_format: FileFormat, table: Table, partition_start: int
    ) -> None:
        """Prepare; nothing is written yet."""
        day = (_EPOCH + timedelta(days=partition_start)).isoformat()
        when = day if table.partition_unit is PartitionUnit.DAY else day[:7]
        self._path = folder / f"{table.name}_{when}{file_format.suffix}"
        self._part = self._path.with_name(self._path.name + _PART)
        self._format = file_format
        self._table = table
        self._writer: FileWriter | None = None
        self.rows = 0
        self.refused = 0
        """Rows that the format cannot hold."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        if not rows:
            return
        check_space(self._path.parent)
        with _disk(self._path):
            if self._writer is None:
                self._writer = self._format.open_writer(self._part, self._table)
            try:
                self._writer.write(rows)
                self.rows += len(rows)
            except ValueError:
                self._write_singly(self._writer, rows)

    def _write_singly(self, writer: FileWriter, rows: Sequence[Row]) -> None:
        for row in rows:
            try:
                writer.write([row])
                self.rows += 1
            except ValueError:
                self.refused += 1

    def finish(self) -> WrittenFile | None:
        """End the file, and return what it has, or None if there is none."""
        if self._writer is None:
            return None
        with _disk(self._path):
            self._writer.close()
            self._writer = None
            os.replace(self._part, self._path)
            size = self._path.stat().st_size
        return WrittenFile(self._path.name, self._table.name, self.rows, size)

    def close(self) -> None:
        """Close a file that is not ended: it has no use, and goes with its folder."""
        if self._writer is not None:
            with suppress(OSError, ValueError):
                self._writer.close()
            self._writer = None


def check_space(folder: Path) -> None:
    """Raise DiskSpaceError unless there is space for more."""
    with _disk(folder):
        free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise DiskSpaceError(path=str(folder), megabytes=f"{free // 1_000_000:,}")


def write_companions(folder: Path, file_format: FileFormat, table: Table) -> None:
    """Write what tells others what is in the files of a table."""
    with _disk(folder):
        for suffix, content in file_format.companions(table).items():
            (folder / f"{table.name}{suffix}").write_bytes(content)


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise FileUnwritableError(path=str(path), message=str(err)) from err
