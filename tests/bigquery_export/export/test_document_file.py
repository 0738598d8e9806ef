"""The file of a document that changes often: what a crash, a disk or others leave of it."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from custom_components.bigquery_export.errors import CheckpointUnwritableError
from custom_components.bigquery_export.export.document_file import DocumentFile, document_of
from custom_components.bigquery_export.export.files import write_into

PAGE = 4096


def document(number: int) -> dict[str, Any]:
    """Return a document that changes a little with each number."""
    rows = [{"id": id_, "fingerprint": "x" * 90} for id_ in range(number, number + 60)]
    return {"number": number, "rows": rows, "intent": {"name": "y" * 300} if number % 2 else None}


@pytest.fixture
def file(tmp_path: Path) -> DocumentFile:
    """Return a file with a document that was changed ten times."""
    file = DocumentFile(tmp_path / "document")
    for number in range(11):
        file.write(document(number))
    return file


@pytest.fixture
def begin(file: DocumentFile) -> int:
    """Return where the changes begin in that file."""
    return file.path.read_bytes().index(b"\n") + 1


def test_what_was_written_last(file: DocumentFile) -> None:
    """It is read, and the file is readable by its owner alone."""
    assert file.read() == DocumentFile(file.path).read() == document(10)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.read_bytes().count(b"\n") == 11


def test_a_crash_at_any_byte(file: DocumentFile, begin: int) -> None:
    """A change that is not there as a whole was never written, whether or not there are zeros."""
    content = file.path.read_bytes().rstrip(b"\0")
    for end in range(begin, len(content) + 1):
        for zeros in (0, 5_000):
            written = document_of(content[:end] + bytes(zeros))
            assert written == document(written["number"])
            assert written["number"] >= content[:end].count(b"\n") - 1


@pytest.mark.parametrize("damage", [bytes(PAGE), b"\xff" * PAGE, b"\n" * PAGE, b" " * PAGE])
def test_a_page_of_changes_is_damaged(file: DocumentFile, begin: int, damage: bytes) -> None:
    """The document is as it was before, at some time."""
    content = file.path.read_bytes()
    for place in range(begin, len(content), 512):
        written = document_of(content[:place] + damage + content[place + PAGE :])
        assert written == document(written["number"])


def test_a_checksum_is_damaged(file: DocumentFile, begin: int) -> None:
    """Its line does not count, nor do those behind it, which would be changes of another one."""
    content = file.path.read_bytes()
    second = content.index(b"\n", begin) + 1
    for digit in range(second, second + 8):
        assert document_of(content[:digit] + b"g" + content[digit + 1 :]) == document(1)


def pages(content: bytes) -> list[bytes]:
    """Return the pages of a file, less those at its end that have nothing."""
    content = content.rstrip(b"\0")
    places = range(0, len(content), PAGE)
    return [content[place : place + PAGE].ljust(PAGE, b"\0") for place in places]


def test_one_page_for_each_change(tmp_path: Path) -> None:
    """A page of the whole is not written again, and a change is within one page."""
    file = DocumentFile(tmp_path / "document")
    file.write(document(0))
    before = pages(file.path.read_bytes())
    whole, sizes = len(before), set()
    for number in range(1, 30):
        file.write(document(number))
        after = pages(file.path.read_bytes())
        sizes.add(file.path.stat().st_size)
        known = [*before, b""]
        (written,) = (place for place, page in enumerate(after) if page != known[place])
        assert written >= whole
        before = after
    assert len(after) > whole + 2
    assert len(sizes) == 1


def test_a_change_of_another_file(file: DocumentFile, begin: int, tmp_path: Path) -> None:
    """It does not count behind lines other than those that it was written behind."""
    other = DocumentFile(tmp_path / "other")
    other.write({**document(0), "other": True})
    for number in range(1, 11):
        other.write({**document(number), "other": True})
    ours, theirs = file.path.read_bytes(), other.path.read_bytes()
    assert document_of(ours[:begin] + theirs[begin:]) == document(0)
    first, *lines = ours[begin:].replace(b"\0", b"").splitlines(keepends=True)
    assert document_of(ours[:begin] + b"".join((first, *lines))) == document(10)
    assert document_of(ours[:begin] + b"".join((first, *lines[1:]))) == document(1)
    assert document_of(ours[:begin] + b"".join((first, first, *lines))) == document(1)


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    """Many changes are written as a whole again, and so are large ones."""
    file = DocumentFile(tmp_path / "document")
    sizes = set()
    for number in range(400):
        file.write(document(number))
        sizes.add(file.path.stat().st_size)
        assert DocumentFile(file.path).read() == document(number)
    assert 60_000 < max(sizes) < 100_000
    file.write({"all": "z" * 200_000})
    assert file.path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("what", ["it was read", "it is gone", "another one", "longer"])
def test_what_this_process_has_not_written(file: DocumentFile, what: str) -> None:
    """It is replaced as a whole: nothing is written behind something unknown."""
    match what:
        case "it was read":
            file.read()
        case "it is gone":
            file.path.unlink()
        case "another one":
            copy = file.path.with_name("copy")
            copy.write_bytes(file.path.read_bytes())
            copy.replace(file.path)
        case "longer":
            with file.path.open("ab") as longer:
                longer.write(b"?")
    file.write(document(11))
    assert file.path.read_bytes().count(b"\n") == 1
    assert file.read() == document(11)


def test_it_is_on_the_disk(file: DocumentFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a change is in the file when that is forced to the disk, once."""
    forced: list[Any] = []

    def force(_: int) -> None:
        forced.append(document_of(file.path.read_bytes()))

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, force)
    file.write(document(11))
    assert forced == [document(11)]


@pytest.mark.parametrize("name", ["fdatasync", "posix_fallocate"])
def test_what_not_all_systems_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without it, files are written all the same."""
    monkeypatch.delattr(os, name)
    file = DocumentFile(tmp_path / "document")
    for number in range(11):
        file.write(document(number))
    content = file.path.read_bytes()
    assert content.count(b"\n") == 11
    assert content.endswith(b"\n") is (name == "posix_fallocate")
    assert file.read() == document(10)


@pytest.mark.parametrize("is_written", [True, False])
def test_the_disk_is_full(
    file: DocumentFile, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    """It is told, and the next write is of the whole, whatever is there of this one."""

    def fail(path: Path, content: bytes, place: int, **file: Any) -> None:
        write_into(path, content if is_written else content[:20], place, **file)
        raise CheckpointUnwritableError(path=str(path), message=os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("custom_components.bigquery_export.export.document_file.write_into", fail)
        with pytest.raises(CheckpointUnwritableError):
            file.write(document(11))
    assert document_of(file.path.read_bytes())["number"] == 10 + is_written
    file.write(document(12))
    assert file.path.read_bytes().count(b"\n") == 1
    assert file.read() == document(12)


def test_an_error_of_the_disk(file: DocumentFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export hears of it: its step is not taken."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(CheckpointUnwritableError):
        file.write(document(11))


@pytest.mark.parametrize("content", [b"", b"{", bytes(100), b"\n{}", b"[1"])
def test_what_is_no_document(tmp_path: Path, content: bytes) -> None:
    """It raises, also where lines follow."""
    path = tmp_path / "document"
    path.write_bytes(content)
    with pytest.raises(json.JSONDecodeError):
        DocumentFile(path).read()


def test_what_earlier_versions_have_written(tmp_path: Path) -> None:
    """A document of many lines is read, and the next write replaces it."""
    path = tmp_path / "document"
    path.write_text(json.dumps(document(1), indent=2))
    file = DocumentFile(path)
    assert file.read() == document(1)
    file.write(document(2))
    assert file.read() == document(2)
    path.write_text(json.dumps(document(1), indent=2)[:-1])
    with pytest.raises(ValueError, match="unexpected end"):
        file.read()
