r"""CSV with a header, compressed by gzip.

Text is quoted, and NULL is `\N` without quotes, so that the two cannot be mixed up: `bq load
--null_marker='\N' --allow_quoted_newlines --skip_leading_rows=1` (BigQuery's page "Loading CSV
data from Cloud Storage"). BigQuery takes no repeated values in CSV, so those are a JSON array. The
library's `csv` reads such a file, but cannot tell the text `\N` from NULL, and its limit for a
field is one for the whole process; so this has a reader of its own.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from gzip import GzipFile
import json
from pathlib import Path
import re
from typing import Any

from ..rows.table import EPOCH, Column, ColumnType, Mode, Table, timestamp
from .bigquery_schema import SCHEMA_SUFFIX, schema_json, with_repeated_as_json
from .file_errors import value_errors
from .file_format import FormatName, Row, wanted_names
from .gzip_file import GzipWriter, read_gzip

NULL = r"\N"
_FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\n]*))(,|\n)')


class CsvLines:
    """Rows as lines of CSV."""

    name = FormatName.CSV
    suffix = ".csv.gz"
    requirements = ()

    def load(self) -> None:
        """Do nothing: it needs no library."""

    def companions(self, table: Table) -> Mapping[str, bytes]:
        """Return the schema for `bq load`, in which repeated columns are of type JSON."""
        return {SCHEMA_SUFFIX: schema_json(with_repeated_as_json(table))}

    def open_writer(self, path: Path, table: Table) -> CsvWriter:
        """Begin a file."""
        return CsvWriter(path, table)

    def read(
        self, path: Path, table: Table, columns: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file."""
        names = wanted_names(table, columns)
        readers = {column.name: _reader(column) for column in table.columns}
        with read_gzip(path) as file:
            records = _records(file)
            header = [text for text, _ in next(records, [])]
            if not header:
                raise EOFError("there is no header")
            wanted = [(place, name) for place, name in enumerate(header) if name in names]
            for record in records:
                if len(record) != len(header):
                    raise ValueError(f"a line has {len(record)} values for {len(header)} columns")
                yield {
                    name: readers[name](record[place][0])
                    for place, name in wanted
                    if record[place] != (NULL, False)
                }


class CsvWriter:
    """A file that is being written."""

    def __init__(self, path: Path, table: Table) -> None:
        """Begin the file with the header."""
        self._columns = [(column.name, _writer(column)) for column in table.columns]
        self._file = GzipWriter(path)
        self._file.write(",".join([name for name, _ in self._columns]).encode() + b"\n")

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; one is of several lines where its text is."""
        with value_errors():
            lines = [
                ",".join(
                    [
                        NULL if (value := row.get(name)) is None else write(value)
                        for name, write in self._columns
                    ]
                )
                for row in rows
            ]
            self._file.write("\n".join((*lines, "")).encode())

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _records(file: GzipFile) -> Iterator[list[tuple[str, bool]]]:
    """Yield the fields of each record: their texts, and whether they are quoted."""
    lines: list[bytes] = []
    quotes = 0
    for line in file:
        lines.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:  # The line end is not inside of quotes.
            yield _fields(b"".join(lines).decode())
            lines.clear()
    if lines:
        raise EOFError("the last line is cut off")


def _fields(record: str) -> list[tuple[str, bool]]:
    fields = []
    place = 0
    while place < len(record):
        if (found := _FIELD.match(record, place)) is None:
            raise ValueError("a line is no CSV")
        quoted, plain, _ = found.groups()
        fields.append((plain, False) if quoted is None else (quoted.replace('""', '"'), True))
        place = found.end()
    return fields


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _writer(column: Column) -> Callable[[Any], str]:
    if column.mode is Mode.REPEATED:
        return lambda values: _quoted(json.dumps(values, ensure_ascii=False))
    return _WRITERS[column.type]


def _reader(column: Column) -> Callable[[str], Any]:
    return json.loads if column.mode is Mode.REPEATED else _READERS[column.type]


def _integer(value: int) -> str:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} is out of range")
    return f"{value:d}"


def _bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text} is neither true nor false")
    return text == "true"


_WRITERS: Mapping[ColumnType, Callable[[Any], str]] = {
    ColumnType.BOOL: lambda value: "true" if value else "false",
    ColumnType.DATE: lambda days: (EPOCH + timedelta(days)).date().isoformat(),
    ColumnType.DATETIME: str,
    ColumnType.FLOAT64: lambda value: repr(float(value)),
    ColumnType.INT64: _integer,
    ColumnType.JSON: _quoted,
    ColumnType.STRING: _quoted,
    ColumnType.TIMESTAMP: lambda value: (
        f"{(EPOCH + timedelta(0, 0, value)).replace(tzinfo=None).isoformat(' ', 'microseconds')}Z"
    ),
}
_READERS: Mapping[ColumnType, Callable[[str], Any]] = {
    ColumnType.BOOL: _bool,
    ColumnType.DATE: lambda text: (date.fromisoformat(text) - EPOCH.date()).days,
    ColumnType.DATETIME: str,
    ColumnType.FLOAT64: float,
    ColumnType.INT64: int,
    ColumnType.JSON: str,
    ColumnType.STRING: str,
    ColumnType.TIMESTAMP: lambda text: timestamp(datetime.fromisoformat(text).astimezone(UTC)),
}
