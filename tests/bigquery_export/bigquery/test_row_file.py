"""Files of rows, with and without Home Assistant's isal."""

from gzip import decompress
import random
import sys

from isal import isal_zlib
import pytest

from custom_components.bigquery_export.bigquery.row_file import RowFile
from custom_components.bigquery_export.errors import CheckpointUnwritableError

ROWS = [b'{"entity_id":"sensor.%d","state_id":%d}' % (id_ % 7, id_) for id_ in range(1_234)]


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test in a home that has isal, and in one that does not."""
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    return str(request.param)


def content(*batches: list[bytes]) -> bytes:
    """Return what is sent of a file with these rows."""
    file = RowFile()
    for rows in batches:
        file.append(rows)
    stream, size = file.open()
    sent = stream.read()
    assert len(sent) == size
    file.close()
    return sent


def test_rows_are_read_back() -> None:
    """A file is one of gzip, whichever library made it, and has all rows in their order."""
    assert decompress(content(ROWS, [b"{}"])) == b"\n".join([*ROWS, b"{}", b""])
    assert decompress(content()) == decompress(content([])) == b""


def test_lines_have_positions() -> None:
    """Each row is found where BigQuery says that it begins: in what is not compressed."""
    file = RowFile()
    file.append(ROWS[:1_000])
    file.append(ROWS[1_000:])
    plain = decompress(file.open()[0].read())
    lines = list(file.lines())
    assert [line for _, line in lines] == ROWS
    assert [plain[place:].partition(b"\n")[0] for place, _ in lines] == ROWS
    assert file.size == len(plain)
    assert file.rows == len(ROWS)
    file.close()


def test_library(library: str) -> None:
    """Compressed by isal where Home Assistant has it, and else by zlib, to a fraction."""
    rows = ROWS[:500]
    compressor = isal_zlib.compressobj(1, wbits=31)
    by_isal = compressor.compress(b"\n".join([*rows, b""])) + compressor.flush()
    sent = content(rows)
    assert (sent == by_isal) == (library == "isal")
    assert len(sent) < sum(map(len, rows)) / 5


def test_same_rows_make_the_same_file() -> None:
    """Nothing but the rows is in the file, and no time."""
    assert content(ROWS) == content(ROWS)


def test_rows_wait_on_the_disk() -> None:
    """Memory does not grow with the rows, and the file has no name that could be left behind."""
    noise = random.Random(3)  # noqa: S311
    file = RowFile()
    for _ in range(20):
        file.append([noise.randbytes(1000).hex().encode() for _ in range(200)])
    file.finish()
    assert file._file.name is not None, "it is in memory"
    assert file.size == 20 * 200 * 2001
    assert file.rows == len(list(file.lines())) == 4_000
    file.close()


def test_end() -> None:
    """A file is ended once, also where the disk is full then, and takes no more rows."""
    file = RowFile()
    file.append(ROWS)
    file.finish()
    file.finish()
    with pytest.raises(ValueError, match="ended"):
        file.append(ROWS)
    assert [line for _, line in file.lines()] == ROWS
    file.close()
    file.close()


def test_full_disk_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when the file is ended is said to be, and the file can be closed."""
    file = RowFile()
    file.append(ROWS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file._file, "write", full)
    with pytest.raises(CheckpointUnwritableError, match="No space left"):
        file.finish()
    file.close()
