"""The folder of a copy: whether it is there, who may change it, and what was begun in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
import fcntl
import os
from pathlib import Path
import shutil
from threading import Event
from time import monotonic
from typing import Self

import orjson

from ...errors import StoppedError
from ...file_formats.file_format import format_label
from . import disk
from .files_settings import FilesSettings
from .folder_errors import (
    FolderFailedError,
    FolderFormatError,
    FolderFullError,
    FolderMissingError,
    folder_errors,
)
from .folder_journal import FolderJournal
from .layout import OWN, SCHEMAS

_MARK = "copy.json"
_LOCK = "lock"
_LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.05
RESERVED = 256_000_000
"""Bytes that are left free: Home Assistant's own database may be on the same disk."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The file by which a folder is known: the mount point of a share that is gone has none."""

    copy_id: str
    source: str
    """The installation whose rows are there."""
    format: str

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the mark of a folder, or None where there is none. Raises OSError."""
        try:
            data = orjson.loads((folder / OWN / _MARK).read_bytes())
            return cls(str(data["copy_id"]), str(data["source"]), str(data["format"]))
        except FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError:
            return None

    def write(self, folder: Path) -> None:
        """Write it, and make the folders that all else needs. Raises OSError."""
        own = folder / OWN
        for path in (folder, own, own / SCHEMAS, FolderJournal(folder).aside):
            disk.make_folder(path)
        disk.write_file(own / _MARK, orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))


class Folder:
    """The folder of one copy. Its methods block and raise ExportError."""

    def __init__(self, settings: FilesSettings) -> None:
        """Look at nothing yet."""
        self.path = settings.folder
        self.own = settings.folder / OWN
        self.journal = FolderJournal(settings.folder)
        self.changed: set[str] = set()
        """Folders below this one that got files and were not looked at since."""
        self._settings = settings
        self._stopped = Event()

    def mark(self) -> Mark:
        """Make sure that this is the folder, and not an empty mount point; return its mark."""
        self.check_going()
        with folder_errors(self.path):
            mark = Mark.read(self.path)
        if mark is None or mark.copy_id != self._settings.copy_id:
            raise FolderMissingError(path=str(self.path))
        if mark.format != self._settings.format:
            raise FolderFormatError(path=str(self.path), format=format_label(mark.format))
        return mark

    def check_room(self) -> None:
        """Make sure that there is room for more files. Some shares do not say."""
        with folder_errors(self.path):
            usage = shutil.disk_usage(self.path)
        if usage.total and usage.free < RESERVED:
            raise FolderFullError(path=str(self.path))

    def check_going(self) -> None:
        """Raise StoppedError when nothing may begin any more."""
        if self._stopped.is_set():
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Wait, for others to have their turn. Raises StoppedError."""
        self._stopped.wait(seconds)
        self.check_going()

    def stop(self) -> None:
        """Let nothing begin any more."""
        self._stopped.set()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others out that use this, after all that was begun before is done."""
        self.mark()
        with folder_errors(self.path):
            lock = os.open(self.own / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._take(lock)
                self.journal.finish_last()
                yield
            finally:
                os.close(lock)

    def _take(self, lock: int) -> None:
        until = monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() > until:
                    raise FolderFailedError(
                        path=str(self.path), message=f"{_LOCK} is held by another process"
                    ) from None
                self.pause(_POLL_SECONDS)
            else:
                return
