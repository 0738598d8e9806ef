"""What a format writes to a file, it reads again, and so do others."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
import tracemalloc
from typing import Any

from hypothesis import given
import pyarrow
import pytest

from custom_components.bigquery_export.file_formats.file_format import (
    DamagedFileError,
    FileFormat,
    FormatName,
)
from custom_components.bigquery_export.file_formats.formats import FORMATS
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope
from tests.bigquery_export.support.all_types import TABLE, VALUES
from tests.bigquery_export.support.generated_files import PIECES, generated, written

every_format = pytest.mark.parametrize("file_format", FORMATS.values(), ids=lambda one: one.name)


@every_format
@generated
@given(pieces=PIECES)
def test_round_trip(file_format: FileFormat, pieces: list[list[dict[str, Any]]]) -> None:
    """The rows that were written are read, in their order, whatever their values."""
    with TemporaryDirectory() as folder:
        path = written(file_format, Path(folder), *pieces)
        assert list(file_format.read(path, TABLE)) == [row for rows in pieces for row in rows]


@every_format
def test_columns(file_format: FileFormat, tmp_path: Path) -> None:
    """Only those columns are read that are asked for; one that the file lacks is no error."""
    path = written(file_format, tmp_path, [VALUES, {"required": "b"}])
    rows = list(file_format.read(path, TABLE, {"required", "int64", "later"}))
    assert rows == [{"required": "", "int64": -(2**63)}, {"required": "b"}]


@every_format
@pytest.mark.parametrize(
    "wrong",
    [
        {"string": "\ud800"},
        {"json": '"\ud800"'},
        {"many": ["\udfff"]},
        {"int64": 2**63},
        {"int64": "a"},
    ],
    ids=str,
)
def test_wrong_value(file_format: FileFormat, wrong: dict[str, Any], tmp_path: Path) -> None:
    """A value that no format can hold is an error; none of its rows is in the file, others are."""
    path = tmp_path / "other_rows"
    writer = file_format.open_writer(path, TABLE)
    writer.write([{"required": "before"}])
    with pytest.raises(ValueError):  # noqa: PT011
        writer.write([VALUES, {"required": "wrong"} | wrong])
    writer.write([{"required": "after"}])
    writer.close()
    writer.close()
    assert [row["required"] for row in file_format.read(path, TABLE)] == ["before", "after"]
    alone = written(file_format, tmp_path, [{"required": "before"}], [{"required": "after"}])
    assert path.stat().st_size == alone.stat().st_size


@every_format
@pytest.mark.parametrize("content", ["cut", "none", "other"])
def test_damaged_file(file_format: FileFormat, content: str, tmp_path: Path) -> None:
    """A file that is cut off, empty or of another kind is told from a whole one."""
    path = written(file_format, tmp_path, [VALUES] * 100)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-10], "none": b"", "other": b"{}\n" * 50}[content])
    with pytest.raises(DamagedFileError):
        list(file_format.read(path, TABLE))


@every_format
def test_numbers_that_are_none(file_format: FileFormat, tmp_path: Path) -> None:
    """Infinity and NaN are kept, or refused where the format has none: JSON."""
    rows = [{"required": "", "float64": float(text)} for text in ("inf", "-inf", "nan")]
    if file_format.name is FormatName.JSON_LINES:
        with pytest.raises(ValueError, match="not a finite number"):
            written(file_format, tmp_path, rows)
    else:
        path = written(file_format, tmp_path, rows)
        read = [repr(row["float64"]) for row in file_format.read(path, TABLE)]
        assert read == ["inf", "-inf", "nan"]


@every_format
def test_other_columns(file_format: FileFormat, tmp_path: Path) -> None:
    """Columns that a file has and the table no longer has are left out, and new ones are NULL."""
    path = written(file_format, tmp_path, [VALUES])
    for suffix, content in file_format.companions(TABLE).items():
        (tmp_path / f"rows{suffix}").write_bytes(content)
    extra = Column("new", ColumnType.INT64, Scope.ROW, "Later")
    other = replace(TABLE, columns=(*TABLE.columns[3:], extra))
    names = {column.name for column in other.columns}
    expected = {name: value for name, value in VALUES.items() if name in names}
    assert list(file_format.read(path, other)) == [expected]


@every_format
def test_flat_memory(file_format: FileFormat, tmp_path: Path) -> None:
    """Neither writing nor reading holds the rows of a file in memory."""
    rows = [{"required": f"{number:0>2000}"} for number in range(500)]  # 1 MB
    path = tmp_path / "rows"
    before = pyarrow.total_allocated_bytes()
    tracemalloc.start()
    try:
        writer = file_format.open_writer(path, TABLE)
        for _ in range(30):
            writer.write(rows)
            # A row group is 16 MB.
            assert pyarrow.total_allocated_bytes() - before < 20_000_000
        writer.close()
        count = 0
        for _ in file_format.read(path, TABLE):
            count += 1
            assert pyarrow.total_allocated_bytes() - before < 40_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 15_000
    assert peak < 10_000_000


@pytest.mark.parametrize("name", [FormatName.AVRO, FormatName.PARQUET])
def test_library_missing(name: FormatName, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no library for this machine, a format says so before a file is begun."""
    file_format = FORMATS[name]
    (requirement,) = file_format.requirements
    library = requirement.partition("==")[0]
    file_format.load()
    module = f"custom_components.bigquery_export.file_formats.{name}_file"
    monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=library):
        file_format.load()


@every_format
def test_versions(file_format: FileFormat) -> None:
    """The version of a library that Home Assistant installs is the one that is tested."""
    for requirement in file_format.requirements:
        library, _, wanted = requirement.partition("==")
        assert version(library) == wanted
