"""Shares that fail, or are gone, for a moment: what is in the folder is whole, and there once.

Network storage that connects anew raises EIO, ESTALE or EHOSTDOWN for any call. Each call that a
step makes fails in turn.
"""

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from custom_components.bigquery_export.copies.files import merging
from custom_components.bigquery_export.copies.files.files_folder import FilesFolder
from custom_components.bigquery_export.errors import ExportError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.copied_states import MOMENT, encoded, send, state
from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.merged_files import DAY, merge
from tests.bigquery_export.support.warehouse import HOME

CALLS = ("stat", "open", "replace", "mkdir", "unlink", "rmdir", "scandir", "listdir")
MOST_CALLS = 300
NEXT_DAY = {"last_changed": MOMENT + DAY}


class UnsteadyShare:
    """The system's calls for a folder, of which some fail."""

    def __init__(self, folder: Path, code: int, failing: range) -> None:
        """Let calls with some numbers fail; an empty mount point says ENOENT."""
        self._folder = str(folder)
        self._code = code
        self._failing = failing
        self._calls = 0

    @property
    def failed(self) -> bool:
        """Return whether any call did."""
        return self._calls >= self._failing.start

    @contextmanager
    def used(self) -> Iterator[None]:
        """Make all calls here, and go on after an error."""
        opens = self._counting(open)
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self._counting(getattr(os, name)))
            for module in (builtins, io):
                patch.setattr(module, "open", opens)
            with suppress(ExportError):
                yield

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(path: Any, *args: Any, **more: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path).startswith(self._folder):
                self._calls += 1
                if self._calls in self._failing:
                    raise OSError(self._code, os.strerror(self._code), path)
            return call(path, *args, **more)

        return counting


type Trouble = Iterator[tuple[CopyFolder, FilesFolder, UnsteadyShare]]


@pytest.fixture(
    params=[
        (errno.EIO, 1),
        (errno.EHOSTDOWN, MOST_CALLS),
        (errno.ENOENT, 3),
        (errno.ENOENT, MOST_CALLS),
    ],
    ids=["fails once", "fails", "is gone for a moment", "is gone"],
)
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Trouble:
    """Return folders, each with a share that fails from a later call on, until none does."""
    code, calls = request.param

    def folders() -> Trouble:
        for first in range(1, MOST_CALLS):
            copy_folder = CopyFolder(tmp_path / f"copy{first}", HOME)
            place = copy_folder.open()
            place.ensure([SENSOR_DATA, EXPORT_LOG], HOME)
            share = UnsteadyShare(copy_folder.path, code, range(first, first + calls))
            yield copy_folder, place, share
            if not share.failed:
                break
        assert 5 < first < MOST_CALLS - 1

    return folders()


def listed(copy_folder: CopyFolder) -> list[str]:
    """Return the states in the files that the manifests name."""
    return sorted(row["state"] for row in copy_folder.listed())


def test_commit(trouble: Trouble) -> None:
    """What was committed is there, with all its rows, and nothing else is."""
    for copy_folder, place, share in trouble:
        send(place, "before", state(0))
        transaction = place.delivery.begin(SENSOR_DATA, "one")
        transaction.append(encoded(place, SENSOR_DATA, state(1), state(2, **NEXT_DAY)))
        transaction.finish()
        answered = False
        with share.used():
            transaction.commit()
            answered = True
        transaction.close()
        send(place, "after", state(3))
        committed = place.delivery.settle(SENSOR_DATA, "one") is Outcome.COMMITTED
        assert committed or not answered
        expected = ["0", "1", "2", "3"] if committed else ["0", "3"]
        assert copy_folder.states() == listed(copy_folder) == expected


def test_merging(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are merged, or stay, and nothing is in two of them in the end."""
    monkeypatch.setattr(merging, "_PAUSE", 0)
    for copy_folder, place, share in trouble:
        for number in range(4):
            send(place, f"t{number}", state(number))
        copy_folder.files()[1].unlink()
        with share.used():
            merge(place)
        send(copy_folder.open(), "last", state(4, **NEXT_DAY))
        merge(copy_folder.open())
        assert copy_folder.states() == listed(copy_folder) == ["0", "2", "3", "4"]
        assert len(copy_folder.files()) == 2


def test_existing_rows(trouble: Trouble) -> None:
    """All rows of a day are found, or an error says that they are not known."""
    for copy_folder, place, share in trouble:
        for number in range(2):
            send(place, f"t{number}", state(number))
        lookup = copy_folder.open().existing_rows(HOME)
        found = [0, 1]
        with share.used():
            found = [row.id for row in lookup.rows(SENSOR_DATA, MOMENT // DAY)]
        assert found == [0, 1]


def test_settle(trouble: Trouble) -> None:
    """What was settled as not committed cannot be committed later."""
    for copy_folder, place, share in trouble:
        transaction = place.delivery.begin(SENSOR_DATA, "one")
        transaction.append(encoded(place, SENSOR_DATA, state(1)))
        transaction.finish()
        settled = None
        with share.used():
            settled = copy_folder.open().delivery.settle(SENSOR_DATA, "one")
        with suppress(ExportError):
            transaction.commit()
        assert copy_folder.states() == ([] if settled else ["1"])
