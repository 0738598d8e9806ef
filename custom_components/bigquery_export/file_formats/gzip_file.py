"""Files of lines or messages, compressed by gzip."""

from collections.abc import Iterator
from contextlib import contextmanager
import gzip
from pathlib import Path

from ..bigquery.row_file import new_compressor
from .file_errors import damage_errors


class GzipWriter:
    """A file that is written in pieces. The same pieces make the same file."""

    def __init__(self, path: Path) -> None:
        """Begin the file, in place of the one that there is."""
        self._file = open(path, "wb")  # noqa: SIM115
        self._compressor = new_compressor()

    def write(self, piece: bytes) -> None:
        """Add bytes."""
        self._file.write(self._compressor.compress(piece))

    def close(self) -> None:
        """End the file; does nothing if it is ended already."""
        if not self._file.closed:
            with self._file:
                self._file.write(self._compressor.flush())


@contextmanager
def read_gzip(path: Path) -> Iterator[gzip.GzipFile]:
    """Open a file for reading. What its reader finds damaged is a DamagedFileError."""
    with damage_errors(path):
        if not path.stat().st_size:  # gzip takes it for a whole file of no bytes.
            raise EOFError("it is empty")
        with gzip.open(path, "rb") as file:
            yield file
