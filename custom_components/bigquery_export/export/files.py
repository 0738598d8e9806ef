"""Files in Home Assistant's .storage that outlive a crash. All functions block.

Home Assistant's `Store` only logs when it cannot write, and writes nothing while Home Assistant
stops. An export has to know that what it wrote is on the disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import os
from pathlib import Path
from typing import Self

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.file import write_utf8_file_atomic

from ..errors import CheckpointUnwritableError


def append_lines(path: Path, lines: bytes) -> None:
    """Add lines to a file; they are on the disk when this returns.

    A line that a crash has cut off is ended, so that it does not damage the next one. The file is
    readable by its owner alone. Raises CheckpointUnwritableError.
    """
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+b", opener=_open_private) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class FileState:
    """By what a file is known to be the one that was written last."""

    inode: int
    size: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """Return that of a file."""
        return cls(stat.st_ino, stat.st_size)


def write_into(
    path: Path, content: bytes, place: int, *, reserved: int, known: FileState
) -> FileState | None:
    """Write at a place of a file that is still `known`; return what it is known by afterwards.

    The content is on the disk when this returns. The file gets `reserved` bytes before, of zeros
    where there are none yet: else each write would be followed by others, of its new size. None if
    the file is another one. Raises CheckpointUnwritableError: a part may be there then.
    """
    with _disk_errors(path), suppress(FileNotFoundError), open(path, "r+b") as file:
        if FileState.of(os.fstat(file.fileno())) == known:
            if known.size < reserved:
                _reserve(file.fileno(), reserved)
            file.seek(place)
            file.write(content)
            file.flush()
            _force(file.fileno())
            return FileState.of(os.fstat(file.fileno()))
    return None


def _reserve(file: int, size: int) -> None:
    with suppress(AttributeError, OSError):  # Not all systems can, nor all file systems.
        os.posix_fallocate(file, 0, size)


def _force(file: int) -> None:
    """Let what was written be on the disk, and its place in it."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:
        os.fsync(file)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in place of the one that there is, as a whole or not at all.

    It is on the disk when this returns, and readable by its owner alone. Raises
    CheckpointUnwritableError.
    """
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_utf8_file_atomic(str(path), content, private=True, mode="wb")


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (HomeAssistantError, OSError) as err:
        raise CheckpointUnwritableError(path=str(path), message=str(err)) from err


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
