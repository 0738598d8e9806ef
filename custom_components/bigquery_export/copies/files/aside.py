"""Files that are written aside, before a change gives them their names."""

from collections.abc import Iterable, Sequence
from hashlib import file_digest
from pathlib import Path

from ...bigquery.ndjson import NdjsonEncoding
from ...file_formats.file_format import FileFormat, LineWriter, Row
from ...rows.table import Table
from . import disk
from .layout import schema_id
from .manifest import FileEntry


class FileAside:
    """A file that is being written. Its methods block and raise OSError."""

    def __init__(self, path: Path, table: Table, format_: FileFormat) -> None:
        """Begin the file."""
        self.path = path
        self._table = table
        self._encoding = NdjsonEncoding(table)
        self._writer = format_.open_writer(path, table)
        self.rows = 0
        self._first = ""
        self._last = ""

    def write(self, lines: Sequence[bytes]) -> None:
        """Add rows, as NdjsonEncoding has them.

        Raises ValueError where the format cannot hold one; then none of them is in the file.
        """
        if isinstance(self._writer, LineWriter):
            self._writer.write_lines(lines)
        else:
            self._writer.write([self._encoding.decode(line) for line in lines])
        self.rows += len(lines)

    def write_rows(self, rows: Sequence[Row]) -> None:
        """Add rows. Raises ValueError as `write` does."""
        self._writer.write(rows)
        self.rows += len(rows)

    def span(self, times: Iterable[str]) -> None:
        """Count times of rows, as JSON has them: in UTC, and with a Z at the end."""
        # "…00" is before "…00.5", but "…00Z" is not before "…00.5Z".
        found = [one.rstrip("Z") for one in (*times, self._first, self._last) if one]
        self._first, self._last = min(found), max(found)

    def close(self) -> None:
        """End the file, finished or not."""
        self._writer.close()

    def finish(self, name: str, *, transactions: int = 1, merges: int = 0) -> FileEntry:
        """Write what is left, to the disk; return what is known of it under its later name."""
        self._writer.close()
        disk.sync_file(self.path)
        with open(self.path, "rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return FileEntry(
            name,
            self.rows,
            self.path.stat().st_size,
            digest,
            f"{self._first}Z",
            f"{self._last}Z",
            schema_id(self._table),
            transactions,
            merges,
        )
