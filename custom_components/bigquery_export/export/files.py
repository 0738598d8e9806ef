"""Files in Home Assistant's .storage that outlive a crash. All functions block.

Home Assistant's `Store` only logs when it cannot write, and writes nothing while Home Assistant
stops. An export has to know that what it wrote is on the disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path

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
