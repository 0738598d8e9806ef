"""The protocol of a file format: how the rows of a table are written to a file, and read from it.

A row is a mapping of columns to values as `ColumnType` has them, and as `NdjsonEncoding.decode`
returns them: a DATETIME is text. What is NULL, or a repeated column without values, is left out.
All functions block, and raise OSError as the disk does.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..rows.table import Table

type Row = Mapping[str, Any]


class FormatName(StrEnum):
    """The formats, as the user chooses them."""

    AVRO = "avro"
    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    PROTOBUF = "protobuf"


_LABELS: Mapping[str, str] = {
    FormatName.AVRO: "Avro",
    FormatName.CSV: "CSV",
    FormatName.JSON_LINES: "JSON lines",
    FormatName.PARQUET: "Parquet",
    FormatName.PROTOBUF: "Protocol buffers",
}


def format_label(name: str) -> str:
    """Return what people call a format; one that is not known goes by its name."""
    return _LABELS.get(name, name)


class DamagedFileError(ValueError):
    """A file is cut off, or was not written in this format."""


class FileWriter(Protocol):
    """A file that is being written. What it has before `close` is of no use."""

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, which are all in memory for a moment: a thousand or a few.

        Raises ValueError where a value cannot be written: then none of these rows is in the file,
        and others may follow.
        """

    def close(self) -> None:
        """Write what is left, and close the file; it need not be on the disk yet.

        Does nothing if it is closed already.
        """


class FileFormat(Protocol):
    """A format of files. An object of it holds nothing: it is the same for all files."""

    @property
    def name(self) -> FormatName:
        """Return its name."""

    @property
    def suffix(self) -> str:
        """Return what the names of its files end with, such as ".csv.gz"."""

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the libraries that this format alone needs, as pip takes them."""

    def load(self) -> None:
        """Import these libraries; raises ImportError where one is not installed.

        So it is known before a file is begun. The other methods import them as well.
        """

    def companions(self, table: Table) -> Mapping[str, bytes]:
        """Return the files that tell others what is in one: their contents by suffix.

        They are to lie beside the file, or the files of this table, under its name and the suffix.
        """

    def open_writer(self, path: Path, table: Table) -> FileWriter:
        """Begin a file, in place of the one that there is."""

    def read(
        self, path: Path, table: Table, columns: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file in their order, with flat memory.

        `columns` chooses some; a chosen one that the file lacks is left out, and so is one of the
        file that the table lacks. Raises DamagedFileError, at the latest at the end.
        """


@runtime_checkable
class LineWriter(FileWriter, Protocol):
    """A file that has rows as NdjsonEncoding has them, so that none has to be decoded."""

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Add encoded rows, each without a line end."""


@runtime_checkable
class LineFormat(FileFormat, Protocol):
    """A format of such files."""

    def read_lines(self, path: Path) -> Iterator[bytes]:
        """Yield the encoded rows of a file. Raises DamagedFileError, as `read` does."""


def wanted_names(table: Table, columns: Collection[str] | None) -> set[str]:
    """Return the names of the columns to read: those of the table, or some of them."""
    names = {column.name for column in table.columns}
    return names if columns is None else names & set(columns)
