"""The fence of an installation in a folder: a file that is replaced under a lock."""

from dataclasses import asdict
from pathlib import Path
from time import time

import orjson

from ...export.fence import FencedTransaction, FenceMovedError, FenceState
from . import disk
from .folder import Folder


class FilesFence:
    """The fence of one installation in one folder. Its methods block and raise ExportError."""

    def __init__(self, folder: Folder, source: str) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._path = fence_path(folder, source)
        self._token: str | None = None
        """The token as it was read or written last."""

    def read(self) -> FenceState | None:
        """Return what the folder knows, or None where there is no fence."""
        with self._folder.locked():
            state = self._read()
        self._token = state.last.token if state else None
        return state

    def make(self, first: FencedTransaction) -> FenceState:
        """Make a fence that is missing. Raises FenceMovedError when there is one by now."""
        with self._folder.locked():
            if self._read() is not None:
                raise FenceMovedError
            return self._write(first)

    def is_ready(self) -> bool:
        """Return True: it can be written at any time."""
        return True

    def write(self, transaction: FencedTransaction) -> FenceState:
        """Write which transaction is begun now. Raises FenceMovedError as the interface says."""
        with self._folder.locked():
            state = self._read()
            # It has this token already where an earlier attempt failed after the writing.
            if state is None or state.last.token not in (self._token, transaction.token):
                raise FenceMovedError
            return self._write(transaction)

    def _read(self) -> FenceState | None:
        try:
            data = orjson.loads(self._path.read_bytes())
            return FenceState(FencedTransaction.from_json(data["last"]), int(data["changed"]))
        except FileNotFoundError, ValueError, LookupError, TypeError:
            return None

    def _write(self, transaction: FencedTransaction) -> FenceState:
        changed = int(time() * 1000)
        content = {"last": asdict(transaction), "changed": changed}
        disk.write_file(self._path, orjson.dumps(content))
        self._token = transaction.token
        return FenceState(transaction, changed)


def fence_path(folder: Folder, source: str) -> Path:
    """Return the file of the fence of an installation."""
    return folder.own / f"fence-{source}.json"
