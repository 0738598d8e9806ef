"""What goes wrong with a folder, as errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import errno
import os
from pathlib import Path

from ...errors import ExportError, TransientError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@dataclass(eq=False)
class FolderNotAllowedError(ExportError):
    """Home Assistant may not write to a folder, or others could read what is there."""

    key = "folder_not_allowed"
    path: str


@dataclass(eq=False)
class FolderMissingError(TransientError):
    """The folder, or the share that it is on, is not there, or is another one."""

    key = "folder_missing"
    path: str


@dataclass(eq=False)
class FolderAboveMissingError(ExportError):
    """The folder in which that of a new copy is to be made is not there."""

    key = "folder_above_missing"
    path: str


@dataclass(eq=False)
class FolderFullError(TransientError):
    """There is no room for more files."""

    key = "folder_full"
    path: str


@dataclass(eq=False)
class FolderForbiddenError(TransientError):
    """Files may not be written or read. A share that was mounted read-only may come back."""

    key = "folder_forbidden"
    path: str
    message: str


@dataclass(eq=False)
class FolderFailedError(TransientError):
    """The folder fails in any other way."""

    key = "folder_failed"
    path: str
    message: str


@dataclass(eq=False)
class FolderOccupiedError(ExportError):
    """The folder of a new copy is not empty."""

    key = "folder_occupied"
    path: str


@dataclass(eq=False)
class FolderOfAnotherHomeError(ExportError):
    """The folder has the copy of another Home Assistant."""

    key = "folder_of_another_home"
    path: str


@dataclass(eq=False)
class FolderFormatError(ExportError):
    """The folder has a copy in another format."""

    key = "folder_format"
    path: str
    format: str


@dataclass(eq=False)
class FileDamagedError(ExportError):
    """A file of the copy cannot be read, or has not the rows that were written."""

    key = "file_damaged"
    of_one_table = True
    path: str
    message: str


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Raise errors of the disk as ours."""
    try:
        yield
    except OSError as err:
        raise _error(str(folder), err) from err


def _error(path: str, err: OSError) -> ExportError:
    message = os.strerror(err.errno) if err.errno else str(err)
    if err.errno in _FULL:
        return FolderFullError(path=path)
    if err.errno in _FORBIDDEN:
        return FolderForbiddenError(path=path, message=message)
    if isinstance(err, FileNotFoundError | NotADirectoryError):
        return FolderMissingError(path=path)
    return FolderFailedError(path=path, message=message)
