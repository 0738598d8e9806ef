"""The rows of a load job, on the disk until they are sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from gzip import GzipFile
from itertools import batched
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO

from ..errors import CheckpointUnwritableError

_MEMORY_BYTES = 1024 * 1024
"""A smaller file is not written to the disk."""


_ROWS_AT_ONCE = 500
"""Each write has a price of its own, but all rows of a batch would be in memory twice."""


class RowFile:
    """Rows as lines, compressed by gzip, in a file without a name.

    It is deleted when it is closed. Writing raises CheckpointUnwritableError when the disk is full.
    """

    def __init__(self) -> None:
        """Make an empty file."""
        self.rows = 0
        self.size = 0
        """Bytes of all rows, not compressed."""
        self._file = SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        # Level 1 is several times as fast as the default, and repetition is most of what there is.
        self._gzip = GzipFile("", "wb", compresslevel=1, fileobj=self._file, mtime=0)

    def append(self, rows: Sequence[bytes]) -> None:
        """Add rows, each without its line end."""
        with _disk():
            for some in batched(rows, _ROWS_AT_ONCE, strict=False):
                self.size += self._gzip.write(b"\n".join((*some, b"")))
        self.rows += len(rows)

    def finish(self) -> None:
        """End the file; does nothing if it is ended already."""
        with _disk():
            self._gzip.close()

    def open(self) -> tuple[IO[bytes], int]:
        """Return the file as it is sent, at its beginning, and its size in bytes."""
        self.finish()
        size = self._file.seek(0, 2)
        self._file.seek(0)
        return self._file, size

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each row, and where it begins in the file as it was before the compression."""
        file, _ = self.open()
        place = 0
        with GzipFile("", "rb", fileobj=file) as rows:
            for line in rows:
                yield place, line[:-1]
                place += len(line)

    def close(self) -> None:
        """Delete the file; does nothing if it is closed already."""
        # One that was not ended would still be written to when Python deletes the object.
        with suppress(OSError):
            self._gzip.close()
        self._file.close()


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise CheckpointUnwritableError(path=gettempdir(), message=str(err)) from err
