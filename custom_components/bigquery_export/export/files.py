"""Files of lines that outlive a crash."""

import os
from pathlib import Path


def append(path: Path, lines: bytes) -> None:
    """Add lines to a file; they are on the disk when this returns. Raises OSError.

    What a crash has left of a line ends there, and spoils none that follows. The file is for
    nobody else to read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b", opener=_private) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                lines = b"\n" + lines
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
