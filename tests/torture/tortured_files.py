"""A copy in files that is tortured: a share that is gone or locked at times, and what is there."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
from random import Random
import time
from typing import Any

from custom_components.bigquery_export.copies.files.layout import OWN
from tests.bigquery_export.support.copy_folder import CopyFolder

from .recorded_keys import IDS, KEYS, Key

type Row = Mapping[str, Any]


class TorturedFiles:
    """A copy in a folder, which is a share that may be gone."""

    kind = "files"

    def __init__(self, folder: CopyFolder) -> None:
        """Begin without trouble."""
        self._folder = folder
        self.data = {"folder": str(folder.path), "format": folder.format.value}

    def trouble(self, random: Random, say: Callable[[str], None]) -> None:
        """Let the share be gone, with an empty mount point in its place, or be locked."""
        seconds = random.random() * 2
        if random.random() < 0.5:
            say(f"  locked the folder for {seconds:.1f} s")
            with self._locked():
                time.sleep(seconds)
            return
        say(f"  took the share away for {seconds:.1f} s")
        path = self._folder.path
        away = path.with_name("away")
        path.rename(away)
        path.mkdir()
        time.sleep(seconds)
        path.rmdir()  # It has to be empty still.
        away.rename(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let no file come or go: while some are merged, their rows are there twice."""
        lock = os.open(self._folder.path / OWN / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def found(self, table: str) -> Counter[Key]:
        """Return the rows that it has."""
        name, moment = KEYS[table]
        id_ = IDS.get(table, "id")
        rows = self._rows(table)
        return Counter((row[name], row[moment], row[id_]) for row in rows if row[id_] is not None)

    def _rows(self, table: str) -> list[Row]:
        """Return the rows of all files, of statistics those that no later row deletes."""
        if not (self._folder.path / table).exists():
            return []
        with self._locked():
            rows = self._folder.rows(table, "1")
        deletions: dict[str, list[Row]] = {}
        for row in rows:
            if row.get("deleted"):
                deletions.setdefault(row["statistic_id"], []).append(row)
        return [
            row
            for row in rows
            if not any(_deletes(one, row) for one in deletions.get(row.get("statistic_id", ""), ()))
        ]


def _deletes(deletion: Row, row: Row) -> bool:
    return bool(
        deletion["start"] <= row["start"] < deletion["end"]
        and row["export_timestamp"] < deletion["export_timestamp"]
    )


@contextmanager
def files(folder: Path) -> Iterator[TorturedFiles]:
    """Take a folder in the configuration of the home."""
    copies = folder / "home-assistant" / "copies"
    copies.mkdir(parents=True, exist_ok=True)
    yield TorturedFiles(CopyFolder(copies / "files", ""))
