"""What a copy in files asks of the disk. All functions block, and raise OSError.

What is in a file or a folder is on the disk once that was synced, and not before.
"""

from contextlib import suppress
import errno
import os
from pathlib import Path

TEMPORARY = ".tmp"
_NO_SYNC_OF_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF}
"""Some shares cannot sync a folder; they do so when they rename."""


def is_there(path: Path) -> bool:
    """Return whether there is a file or folder. `Path.exists` says no where a share fails."""
    try:
        os.stat(path)
    except FileNotFoundError, NotADirectoryError:
        return False
    return True


def write_file(path: Path, content: bytes) -> None:
    """Write a file in place of the one that there is: as a whole, or not at all."""
    aside = path.with_name(path.name + TEMPORARY)
    with open(aside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Let a file be on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Let the names in a folder be on the disk, as far as its file system can."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as err:
        if err.errno not in _NO_SYNC_OF_FOLDERS:
            raise
    finally:
        os.close(folder)


def make_folder(path: Path) -> None:
    """Make a folder that may be there already. Its parent has to be there."""
    with suppress(FileExistsError):
        os.mkdir(path)
        sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Give a file its name in another folder of the same file system."""
    os.replace(source, target)


def remove(path: Path) -> None:
    """Delete a file that may be gone already."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_folder(path: Path) -> None:
    """Delete a folder of files, which may be gone already."""
    with suppress(FileNotFoundError):
        empty_folder(path)
        os.rmdir(path)


def empty_folder(path: Path) -> None:
    """Delete the files in a folder."""
    for entry in list(os.scandir(path)):
        os.unlink(entry.path)
