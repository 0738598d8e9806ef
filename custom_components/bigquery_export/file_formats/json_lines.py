"""JSON lines, compressed by gzip: what load jobs send, and `bq load` takes.

The types are those of BigQuery's page "Loading JSON data from Cloud Storage", see
`bigquery/ndjson.py`. Numbers have to be finite.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..bigquery.ndjson import NdjsonEncoding
from ..rows.table import Table
from .bigquery_schema import SCHEMA_SUFFIX, schema_json
from .file_errors import damage_errors
from .file_format import FormatName, Row, wanted_names
from .gzip_file import GzipWriter, read_gzip


class JsonLines:
    """Rows as lines of JSON."""

    name = FormatName.JSON_LINES
    suffix = ".jsonl.gz"
    requirements = ()

    def load(self) -> None:
        """Do nothing: the libraries are Home Assistant's."""

    def companions(self, table: Table) -> Mapping[str, bytes]:
        """Return the schema for `bq load`."""
        return {SCHEMA_SUFFIX: schema_json(table)}

    def open_writer(self, path: Path, table: Table) -> JsonLinesWriter:
        """Begin a file."""
        return JsonLinesWriter(path, table)

    def read(
        self, path: Path, table: Table, columns: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file."""
        encoding = NdjsonEncoding(table)
        names = wanted_names(table, columns)
        with damage_errors(path):
            for line in self.read_lines(path):
                yield encoding.decode(line, names)

    def read_lines(self, path: Path) -> Iterator[bytes]:
        """Yield the rows of a file as they were encoded."""
        with read_gzip(path) as file:
            for line in file:
                yield line.rstrip(b"\n")


class JsonLinesWriter:
    """A file that is being written."""

    def __init__(self, path: Path, table: Table) -> None:
        """Begin the file."""
        self._encoding = NdjsonEncoding(table)
        self._file = GzipWriter(path)

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, a line each."""
        encoding = self._encoding
        self.write_lines([encoding.row(encoding.fragment(row)) for row in rows])

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Add rows that are encoded already."""
        self._file.write(b"\n".join((*lines, b"")))

    def close(self) -> None:
        """End the file."""
        self._file.close()
