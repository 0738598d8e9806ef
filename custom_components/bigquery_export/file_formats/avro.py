"""Avro object container files."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..rows.table import Table
from .bigquery_schema import SCHEMA_SUFFIX, schema_json
from .file_format import FormatName

if TYPE_CHECKING:
    from .avro_file import AvroWriter


class Avro:
    """Rows as Avro's records."""

    name = FormatName.AVRO
    suffix = ".avro"
    requirements = ("fastavro==1.13.1",)

    def load(self) -> None:
        """Import fastavro. Raises ImportError."""
        from .avro_file import AvroWriter  # noqa: F401

    def companions(self, table: Table) -> Mapping[str, bytes]:
        """Return the schema for `bq load`; the file has Avro's own."""
        return {SCHEMA_SUFFIX: schema_json(table)}

    def open_writer(self, path: Path, table: Table) -> AvroWriter:
        """Begin a file."""
        from .avro_file import AvroWriter

        return AvroWriter(path, table)

    def read(
        self, path: Path, table: Table, columns: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file."""
        from .avro_file import read_avro

        return read_avro(path, table, columns)
