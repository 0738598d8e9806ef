"""The rows of a load job, on the disk until they are sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from itertools import batched
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Protocol
import zlib

from ..errors import CheckpointUnwritableError

_MEMORY_BYTES = 1024 * 1024
"""A smaller file is not written to the disk."""
_ROWS_AT_ONCE = 500
"""Each write has a price of its own, but all rows of a batch would be in memory twice."""
_LEVEL = 1
"""zlib's is several times as fast as its default, and repetition is most of what there is."""
_GZIP = 16 + zlib.MAX_WBITS
"""The window of 32 KiB, in a file of gzip, as zlib's functions have it in one number."""


class Compressor(Protocol):
    """What compresses a file, a piece after another."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what is to be written for some bytes."""

    def flush(self) -> bytes:
        """Return the end of the file."""


def new_compressor() -> Compressor:
    """Return what compresses a file: isal, in a fifth of the time, or zlib where it is missing.

    Home Assistant's images have isal, with which its own server compresses.
    """
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(_LEVEL, wbits=_GZIP)
    return isal_zlib.compressobj(_LEVEL, wbits=_GZIP)


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
        self._compressor: Compressor | None = new_compressor()
        """None when the file is ended."""

    def append(self, rows: Sequence[bytes]) -> None:
        """Add rows, each without its line end. Raises ValueError when the file is ended."""
        if self._compressor is None:
            raise ValueError("the file is ended")
        with _disk():
            for some in batched(rows, _ROWS_AT_ONCE, strict=False):
                lines = b"\n".join((*some, b""))
                self._file.write(self._compressor.compress(lines))
                self.size += len(lines)
        self.rows += len(rows)

    def finish(self) -> None:
        """End the file; does nothing if it is ended already."""
        compressor, self._compressor = self._compressor, None
        if compressor is not None:
            with _disk():
                self._file.write(compressor.flush())

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
        self._file.close()


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise CheckpointUnwritableError(path=gettempdir(), message=str(err)) from err
