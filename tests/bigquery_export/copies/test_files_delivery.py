"""Rows in files: partitions, formats, merging, and disks that are full, gone or slow."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import errno
import hashlib
import os
from pathlib import Path
import shutil
import subprocess
from threading import Thread
import time
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from custom_components.bigquery_export.copies.files import disk, folder, merging
from custom_components.bigquery_export.copies.files.aside import FileAside
from custom_components.bigquery_export.copies.files.files_folder import FilesFolder
from custom_components.bigquery_export.copies.files.files_settings import FilesSettings
from custom_components.bigquery_export.copies.files.folder_errors import (
    FileDamagedError,
    FolderFailedError,
    FolderForbiddenError,
    FolderFullError,
    FolderMissingError,
    FolderOfAnotherHomeError,
)
from custom_components.bigquery_export.copies.files.folder_journal import FolderJournal
from custom_components.bigquery_export.copies.files.layout import MANIFEST, OWN
from custom_components.bigquery_export.copies.files.manifest import Manifest
from custom_components.bigquery_export.errors import ExportError, StoppedError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.file_formats.file_format import FormatName
from custom_components.bigquery_export.file_formats.formats import FORMATS
from custom_components.bigquery_export.file_formats.json_lines import JsonLines
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope, Table
from tests.bigquery_export.support.all_types import TABLE, VALUES
from tests.bigquery_export.support.copied_states import LOG, MOMENT, encoded, send, state
from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.crashes import Crash
from tests.bigquery_export.support.merged_files import DAY, NOON, merge
from tests.bigquery_export.support.warehouse import HOME


@pytest.fixture
def copy_folder(tmp_path: Path) -> CopyFolder:
    """Return a folder that is not made yet."""
    return CopyFolder(tmp_path / "copy", HOME)


@pytest.fixture
def place(copy_folder: CopyFolder) -> FilesFolder:
    """Return a destination with all tables."""
    return ensured(copy_folder)


def ensured(copy_folder: CopyFolder) -> FilesFolder:
    """Return a destination with all tables."""
    destination = copy_folder.open()
    destination.ensure([*TABLES.values(), EXPORT_LOG, TABLE], HOME)
    return destination


def write(place: FilesFolder, table: Table, label: str, *rows: dict[str, Any]) -> None:
    """Commit rows of any table."""
    transaction = place.delivery.begin(table, label)
    assert not transaction.append(encoded(place, table, *rows))
    transaction.finish()
    transaction.commit()
    transaction.close()


def test_partitions(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Each day has a folder, and each month of tables that grow slowly; any year has."""
    old = {"last_changed": -62_135_596_800_000_000}
    last = {"last_changed": 253_402_300_799_999_999}
    send(
        place,
        "one",
        state(1),
        state(2, last_changed=MOMENT + DAY),
        state(3, **old),
        state(4, **last),
    )
    hour = {"statistic_id": "a", "start": MOMENT, "end": MOMENT, "source": "h", "export_id": "e"}
    write(place, STATISTICS, "two", hour)
    folders = {
        str(path.parent.relative_to(copy_folder.path)) for path in copy_folder.path.glob("*/*/*.gz")
    }
    assert {one for one in folders if not one.startswith("export_log")} == {
        "sensor_data/date=0001-01-01",
        "sensor_data/date=2026-09-21",
        "sensor_data/date=2026-09-22",
        "sensor_data/date=9999-12-31",
        "statistics/partition=2026-09",
    }
    for start in (MOMENT // DAY, 253_402_300_799_999_999 // DAY):
        assert len(list(place.existing_rows(HOME).rows(SENSOR_DATA, start))) == 1
    merge(place)
    assert copy_folder.states() == ["1", "2", "3", "4"]
    assert not [path for path in copy_folder.path.rglob("*") if set(path.name) & set('<>:"\\|?*')]


def test_many_partitions(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A transaction of more days than files may be open has all of its rows."""
    rows = [state(n, last_changed=MOMENT + n % 40 * DAY) for n in range(120)]
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    for number in range(0, 120, 50):
        transaction.append(encoded(place, SENSOR_DATA, *rows[number : number + 50]))
        assert len(transaction._open) <= 16  # type: ignore[union-attr]
    transaction.finish()
    transaction.commit()
    assert copy_folder.states() == [str(n) for n in range(120)]
    assert len(copy_folder.listed()) == 120


def test_rejected_rows(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A row that belongs to no day is left out and named, and stops no other."""
    reasons = send(place, "one", state(1), state(2, last_changed=None), state(3))
    assert reasons == ["last_changed is missing"]
    assert copy_folder.states() == ["1", "3"]


@pytest.mark.parametrize("name", FORMATS)
def test_formats(tmp_path: Path, name: FormatName) -> None:
    """Each format has all types, is read again, and is merged."""
    copy_folder = CopyFolder(tmp_path / "copy", HOME, name)
    place = ensured(copy_folder)
    write(place, TABLE, "one", VALUES)
    write(place, TABLE, "two", {**VALUES, "string": "b", "json": None, "many": []})
    send(place, "three", state(1))
    send(copy_folder.open(), "four", state(2, state_numeric=1.5))
    before = copy_folder.rows(TABLE.name, "1")
    assert before[0] == VALUES
    merge(place, datetime(2101, 1, 1, tzinfo=UTC))
    assert len(copy_folder.files(TABLE.name)) == len(copy_folder.files()) == 1
    assert copy_folder.rows(TABLE.name, "1") == before
    assert copy_folder.states() == ["1", "2"]
    found = list(copy_folder.open().existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY))
    assert [(row.id, row.time) for row in found] == [(1, MOMENT + 1), (2, MOMENT + 2)]


def test_merge(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A day that is over becomes one file, and again when rows come late; today stays as it is."""
    for number in range(4):
        send(place, f"t{number}", state(number))
    (folder_of_day,) = (copy_folder.path / "sensor_data").glob("date=*")
    parts = copy_folder.files()
    merge(place, NOON)
    merge(place, NOON.replace(hour=0) + timedelta(days=1, minutes=59))
    assert copy_folder.files() == parts
    merge(place, NOON.replace(hour=1) + timedelta(days=1))
    (whole,) = copy_folder.files()
    assert whole.name.startswith("2026-09-21-")
    assert copy_folder.states() == ["0", "1", "2", "3"]
    send(place, "late", state(9))
    merge(place)
    assert len(copy_folder.files()) == 1
    assert copy_folder.states() == ["0", "1", "2", "3", "9"]
    (entry,) = Manifest.read(folder_of_day).entries
    assert (entry.rows, entry.transactions, entry.merges) == (5, 5, 2)
    assert (entry.first_time, entry.last_time) == (
        "2026-09-21T14:13:20.123456Z",
        "2026-09-21T14:13:20.123465Z",
    )


def test_checksums(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """The manifest has size and SHA-256 of each file, and a file has the schema that it names."""
    send(place, "one", state(1))
    send(place, "two", state(2))
    checked = 0
    for _ in range(2):
        for path in copy_folder.path.rglob(MANIFEST):
            for entry in orjson.loads(path.read_bytes())["files"]:
                content = (path.parent / entry["file"]).read_bytes()
                assert entry["sha256"] == hashlib.sha256(content).hexdigest()
                assert entry["bytes"] == len(content)
                table = path.parent.parent
                assert (table / f"{table.name}-{entry['schema']}.schema.json").exists()
                checked += 1
        merge(place)
    assert checked == 6


def test_small_files(
    place: FilesFolder, copy_folder: CopyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that is open for long, small files become larger ones, again and again."""
    monkeypatch.setattr(merging, "_SMALL_FILES", 3)
    most = 0
    for number in range(30):
        send(place, f"t{number}", state(number))
        merge(place, NOON)
        most = max(most, len(copy_folder.files()))
    assert most <= 7  # Two of each of three sizes, and one.
    assert max(entry.merges for entry in manifest(copy_folder).entries) == 3
    assert copy_folder.states() == [str(n) for n in range(30)]


def manifest(copy_folder: CopyFolder) -> Manifest:
    """Return the manifest of the only day of states."""
    (path,) = (copy_folder.path / "sensor_data").glob("date=*")
    return Manifest.read(path)


def test_columns_change(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Files with other columns are merged with all of them; those with other types stay."""
    own = [Column("level", type_, Scope.ROW, "") for type_ in (ColumnType.INT64, ColumnType.STRING)]
    with_own = [replace(SENSOR_DATA, columns=(*SENSOR_DATA.columns, one)) for one in own]
    send(place, "one", state(1))
    for number, table in enumerate(with_own):
        place.ensure([table], HOME)
        write(
            place,
            table,
            f"own{number}",
            state(number + 2, level=("5", "high")[number] if number else 5),
        )
        place.ensure([SENSOR_DATA], HOME)
    send(place, "last", state(4))
    merge(place)
    merge(place)
    rows: dict[str, Any] = {}
    for path in copy_folder.files():
        for row in JsonLines().read_lines(path):
            values = orjson.loads(row)
            rows[values["state"]] = values.get("level")
    assert rows == {"1": None, "2": 5, "3": "high", "4": None}
    assert len(copy_folder.files()) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_rows_of_earlier_columns(tmp_path: Path, name: FormatName) -> None:
    """Rows are found, too, that were written when the table had other columns before these."""
    copy_folder = CopyFolder(tmp_path / "copy", HOME, name)
    place = ensured(copy_folder)
    columns = (Column("before", ColumnType.STRING, Scope.ROW, ""), *SENSOR_DATA.columns)
    earlier = replace(SENSOR_DATA, columns=columns)
    place.ensure([earlier], HOME)
    write(place, earlier, "one", state(1, before="x"))
    (found,) = place.existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY)
    assert (found.name, found.time, found.id) == ("sensor.a", MOMENT + 1, 1)


def test_deleted_by_the_user(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Files, manifests and days that a user deletes are not missed, and stop nothing."""
    for number in range(3):
        send(place, f"t{number}", state(number), state(10 + number, last_changed=MOMENT + DAY))
    first, second = sorted((copy_folder.path / "sensor_data").glob("date=*"))
    copy_folder.files()[0].unlink()
    for path in second.iterdir():
        path.unlink()
    second.rmdir()
    merge(copy_folder.open())
    assert copy_folder.states() == ["1", "2"]
    assert sum(entry.rows for entry in Manifest.read(first).entries) == 2
    (first / MANIFEST).unlink()
    send(place, "new", state(5))
    merge(copy_folder.open())
    assert copy_folder.states() == ["1", "2", "5"]
    assert len(list(place.existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY))) == 3


def test_damaged_file(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A file that cannot be read, or lacks rows, is named, and nothing takes its place."""
    send(place, "one", state(1))
    send(place, "two", state(2))
    path, other = copy_folder.files()
    content = path.read_bytes()
    for damaged in (content[:-9], b"", other.read_bytes() * 2):
        path.write_bytes(damaged)
        with pytest.raises(FileDamagedError, match=path.name):
            merge(copy_folder.open())
        assert copy_folder.files() == [path, other]
    path.write_bytes(content[:-9])
    with pytest.raises(FileDamagedError, match=path.name):
        list(place.existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY))
    path.write_bytes(content)
    merge(copy_folder.open())
    assert copy_folder.states() == ["1", "2"]


def test_damaged_journal(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A journal that cannot be read is named; without it, what was in doubt is forgotten."""
    send(place, "one", state(1))
    journal = copy_folder.path / OWN / "journal.json"
    for content in (
        b"",
        b'{"change": {"name": "one"}}',
        b'{"change": {"name": "x", "folders": 1}}',
    ):
        journal.write_bytes(content)
        with pytest.raises(FileDamagedError, match=journal.name):
            send(copy_folder.open(), "two", state(2))
    journal.unlink()
    assert copy_folder.open().delivery.settle(SENSOR_DATA, "one") is Outcome.FORGOTTEN
    send(copy_folder.open(), "two", state(2))
    assert copy_folder.states() == ["1", "2"]


def test_process_that_was_held_up(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """What another process has decided is not committed cannot be committed later."""
    transaction = place.delivery.begin(SENSOR_DATA, "one")
    transaction.append(encoded(place, SENSOR_DATA, state(1)))
    transaction.finish()
    write_log(place)
    other = copy_folder.open()
    assert other.delivery.settle(SENSOR_DATA, "one") is Outcome.NOT_COMMITTED
    for number in (2, 3):
        with pytest.raises(FolderMissingError):
            transaction.commit()
        send(other, f"t{number}", state(number))
    assert copy_folder.states() == ["2", "3"]
    assert other.delivery.settle(SENSOR_DATA, "one") is Outcome.FORGOTTEN


def test_nothing_is_left_of_what_was_settled(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """What is settled leaves nothing aside when the next transaction has begun."""
    other = copy_folder.open()
    send(other, "first", state(1))
    place.delivery.begin(SENSOR_DATA, "one")
    for _ in range(2):
        assert other.delivery.settle(SENSOR_DATA, "one") is Outcome.NOT_COMMITTED
    send(other, "two", state(2))
    assert not copy_folder.aside()
    assert copy_folder.states() == ["1", "2"]


def write_log(place: FilesFolder) -> None:
    """Add the row of the log to the transaction that is open."""
    log = place.delivery.begin(EXPORT_LOG, "log")
    log.append(encoded(place, EXPORT_LOG, LOG))


def test_merged_by_another_process(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Two processes that merge the same files at once make one file of them."""
    send(place, "one", state(1))
    send(place, "two", state(2))
    original = FileAside.finish

    def slow(*args: Any, **more: Any) -> Any:
        with patch.object(FileAside, "finish", original):
            merge(copy_folder.open())
        return original(*args, **more)

    with patch.object(FileAside, "finish", slow):
        merge(place)
    assert copy_folder.states() == ["1", "2"]
    assert len(copy_folder.listed()) == 2


def test_merging_that_was_held_up(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """When another process has deleted what was merged, all that it was made of stays."""
    write(place, SENSOR_DATA, "one", state(1))
    write(place, SENSOR_DATA, "two", state(2))
    replace_ = merging.Merging._replace

    def late(*args: Any) -> bool:
        send(copy_folder.open(), "other", state(3, last_changed=MOMENT + DAY))
        return replace_(*args)

    with patch.object(merging.Merging, "_replace", late), pytest.raises(FolderMissingError):
        merge(place)
    assert copy_folder.states() == ["1", "2", "3"]
    merge(place)
    assert copy_folder.states() == ["1", "2", "3"]
    assert len(copy_folder.files()) == len(copy_folder.listed()) - 1 == 2


def test_journal_of_a_file_that_is_gone(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A change whose merged file is not there deletes none of those that it is made of."""
    write(place, SENSOR_DATA, "one", state(1))
    write(place, SENSOR_DATA, "two", state(2))
    with patch.object(FolderJournal, "_finish", side_effect=Crash), suppress(Crash):
        merge(place)
    (aside,) = copy_folder.aside()
    (aside / "0").unlink()
    send(copy_folder.open(), "three", state(3))
    assert copy_folder.states() == ["1", "2", "3"]
    assert len(copy_folder.listed()) == 3


def test_merged_while_it_is_read(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Rows are found in the file that another process has merged them to meanwhile."""
    for number in range(3):
        send(place, f"t{number}", state(number))
    rows = copy_folder.open().existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY)
    first = next(rows)
    merge(place)
    assert {row.id for row in (first, *rows)} == {0, 1, 2}


def test_deleted_while_it_is_read(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """A file that its user deletes while rows are looked for is passed over."""
    for number in range(3):
        send(place, f"t{number}", state(number))
    rows = copy_folder.open().existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY)
    first = next(rows)
    copy_folder.files()[1].unlink()
    assert [row.id for row in (first, *rows)] == [0, 2]


def test_schemas_that_are_gone(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Files whose columns are not known any more stay as they are."""
    send(place, "one", state(1))
    send(place, "two", state(2))
    for path in (copy_folder.path / OWN / "schemas").iterdir():
        path.unlink()
    merge(place)
    assert len(copy_folder.files()) == 2


def test_stop_while_merging(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Merging ends when it is told to, and nothing is half."""
    send(place, "one", *(state(n) for n in range(3)))
    send(place, "two", state(9))
    parts = copy_folder.files()
    with patch.object(merging, "_ROWS_AT_ONCE", 1):
        original = FileAside.write

        def stopping(*args: Any) -> None:
            place.stop()
            original(*args)

        with patch.object(FileAside, "write", stopping), pytest.raises(StoppedError):
            merge(place)
    with pytest.raises(StoppedError):
        place.delivery.begin(SENSOR_DATA, "two")
    assert copy_folder.files() == parts
    assert not copy_folder.aside()


@contextmanager
def tmpfs(path: Path, size: str) -> Iterator[None]:
    """Mount a small disk."""
    path.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("only root can mount a disk")
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", str(path)], check=True)


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a disk is full, it is said, nothing half is left, and it goes on when there is room."""
    monkeypatch.setattr(folder, "RESERVED", 0)
    with tmpfs(tmp_path / "disk", "2m"):
        copy_folder = CopyFolder(tmp_path / "disk" / "copy", HOME)
        place = ensured(copy_folder)
        send(place, "one", state(1))
        filler = tmp_path / "disk" / "filler"
        left = 1
        while left:
            left = os.statvfs(tmp_path / "disk").f_bavail
            with filler.open("ab") as file:
                file.write(bytes(max(0, left - 1) * 4_096 or left))
            if left == 1:
                break
        failed = 0
        for number in range(2, 12):
            transaction: Any = None
            try:
                transaction = place.delivery.begin(SENSOR_DATA, f"t{number}")
                noise = os.urandom(20_000).hex()
                transaction.append(encoded(place, SENSOR_DATA, state(number, state=noise)))
                transaction.finish()
                transaction.commit()
            except FolderFullError:
                failed += 1
            finally:
                if transaction:
                    transaction.close()
        assert failed == 10
        assert copy_folder.states() == ["1"]
        filler.unlink()
        send(place, "last", state(2))
        assert copy_folder.states() == ["1", "2"]
        assert not copy_folder.aside()
        monkeypatch.setattr(folder, "RESERVED", 10_000_000)
        with pytest.raises(FolderFullError):
            place.delivery.begin(SENSOR_DATA, "more")


def test_share_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to the empty mount point of a share; when it is back, it goes on."""
    monkeypatch.setattr(folder, "RESERVED", 0)
    share = tmp_path / "share"
    with tmpfs(share, "9m"):
        copy_folder = CopyFolder(share / "copy", HOME)
        settings = copy_folder.settings
        place = ensured(copy_folder)
        send(place, "one", state(1))
        kept = tmp_path / "kept"
        shutil.copytree(share / "copy", kept)
        transaction = place.delivery.begin(SENSOR_DATA, "two")
        transaction.append(encoded(place, SENSOR_DATA, state(2)))
        transaction.finish()
    for action in (
        transaction.commit,
        lambda: place.delivery.begin(SENSOR_DATA, "three"),
        lambda: place.delivery.settle(SENSOR_DATA, "two"),
        lambda: place.ensure([SENSOR_DATA], HOME),
        lambda: place.fence(HOME).read(),
        lambda: list(place.existing_rows(HOME).rows(SENSOR_DATA, MOMENT // DAY)),
        place.maintain,
        FilesFolder(settings).maintain,
    ):
        with pytest.raises(FolderMissingError):
            action()
    transaction.close()
    assert list(share.iterdir()) == []
    share.rmdir()
    share.mkdir()
    kept.rename(share / "copy")
    send(place, "four", state(4))
    assert copy_folder.states() == ["1", "4"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSPC, FolderFullError),
        (errno.EDQUOT, FolderFullError),
        (errno.EROFS, FolderForbiddenError),
        (errno.EACCES, FolderForbiddenError),
        (errno.EIO, FolderFailedError),
        (errno.ETIMEDOUT, FolderFailedError),
    ],
)
def test_disk_errors(
    place: FilesFolder, copy_folder: CopyFolder, code: int, error: type[ExportError]
) -> None:
    """Errors of a disk are told as what a user can do about them, also in a commit."""
    told: list[ExportError] = []
    for call in range(1, 40):
        transaction = place.delivery.begin(SENSOR_DATA, f"t{call}")
        transaction.append(encoded(place, SENSOR_DATA, state(call)))
        system = FailingSystem(call, OSError(code, os.strerror(code)))
        with patch.object(disk, "os", system):
            try:
                transaction.finish()
                transaction.commit()
            except ExportError as err:
                told.append(err)
            transaction.close()
        outcome = place.delivery.settle(SENSOR_DATA, f"t{call}")
        states = copy_folder.states()
        assert (str(call) in states) is (outcome is Outcome.COMMITTED), call
        if system.left > 0:
            break
    assert {type(err) for err in told} == {error}
    assert 3 <= len(told) < 30
    assert len(set(states)) == len(states) == len(copy_folder.listed())


class WatchedSystem:
    """The system's calls: nothing gets its name before it is on the disk."""

    def __init__(self) -> None:
        """Begin before anything is on the disk."""
        self.synced: list[Path] = []
        self.named: list[Path] = []
        self._before = 0

    def __getattr__(self, name: str) -> Any:
        """Return a call, or what is none."""
        return getattr(os, name)

    def fsync(self, file: int) -> None:
        """Note what is on the disk."""
        self.synced.append(Path(f"/proc/self/fd/{file}").readlink())
        os.fsync(file)

    def replace(self, source: Path, target: Path) -> None:
        """Note which file has its name."""
        assert source in self.synced
        if target.name == "journal.json":
            for place in (target.parent / "parts").iterdir():
                assert {place, *place.iterdir()} <= {*self.synced}
        elif self.named and self.named[-1].name == "journal.json":
            assert self.named[-1].parent in self.synced[self._before :]
        self._before = len(self.synced)
        self.named.append(target)
        os.replace(source, target)


def test_order_on_the_disk(place: FilesFolder) -> None:
    """Files are on the disk before the journal has them, and that before they have their names."""
    system = WatchedSystem()
    with patch.object(disk, "os", system):
        send(place, "one", state(1), state(2, last_changed=MOMENT + DAY))
        send(place, "two", state(3))
        merge(place)
    named = [path.name for path in system.named]
    assert named.count("journal.json") == 4  # The last two are merges.
    assert named.count(MANIFEST) == 3 + 2 + 2
    parts = [path for path in system.synced if path.parent.parent.name == "parts"]
    assert len(parts) == len(set(parts)) == 3 + 2 + 2  # Each once.


class FailingSystem:
    """The system's calls, of which one that syncs a file or a folder fails."""

    def __init__(self, call: int, error: OSError) -> None:
        """Let the call with this number fail."""
        self.left = call
        self._error = error

    def __getattr__(self, name: str) -> Any:
        """Return a call, or what is none."""
        return getattr(os, name)

    def fsync(self, file: int) -> None:
        """Sync, or fail."""
        self.left -= 1
        if self.left == 0:
            raise self._error
        os.fsync(file)


def test_other_home(place: FilesFolder) -> None:
    """A folder takes the rows of one home."""
    with pytest.raises(FolderOfAnotherHomeError):
        place.ensure([SENSOR_DATA], "other")


def test_no_fence_after_rows(place: FilesFolder, copy_folder: CopyFolder) -> None:
    """Where rows were sent and the fence is gone, none is made that says that there were none."""
    send(place, "one", state(1))
    (copy_folder.path / OWN / f"fence-{HOME}.json").unlink()
    place.ensure([SENSOR_DATA, EXPORT_LOG], HOME)
    assert place.fence(HOME).read() is None


def test_lock(place: FilesFolder, copy_folder: CopyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit waits for another process, and says so when that takes too long."""
    other = folder.Folder(copy_folder.settings)
    with other.locked():
        thread = Thread(target=send, args=(place, "one", state(1)))
        thread.start()
        time.sleep(0.3)
        assert copy_folder.states() == []
    thread.join(20)
    assert copy_folder.states() == ["1"]
    monkeypatch.setattr(folder, "_LOCK_SECONDS", 0.1)
    with other.locked(), pytest.raises(FolderFailedError):
        send(place, "two", state(2))


def test_settings(copy_folder: CopyFolder) -> None:
    """A copy that was begun anew in the same folder is another one."""
    first = copy_folder.settings
    copy_folder.path.rename(copy_folder.path.with_name("away"))
    second = copy_folder.settings
    assert isinstance(second, FilesSettings)
    assert first.folder == second.folder
    assert first.identity != second.identity
