"""Parquet files."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..rows.table import Table
from .bigquery_schema import SCHEMA_SUFFIX, schema_json, with_json_as_text
from .file_format import FormatName

if TYPE_CHECKING:
    from .parquet_file import ParquetWriter


class Parquet:
    """Rows as columns of Parquet."""

    name = FormatName.PARQUET
    suffix = ".parquet"
    requirements = ("pyarrow==26.0.1",)

    def load(self) -> None:
        """Import pyarrow. Raises ImportError."""
        from .parquet_file import ParquetWriter  # noqa: F401

    def companions(self, table: Table) -> Mapping[str, bytes]:
        """Return the schema for `bq load`."""
        return {SCHEMA_SUFFIX: schema_json(with_json_as_text(table))}

    def open_writer(self, path: Path, table: Table) -> ParquetWriter:
        """Begin a file."""
        from .parquet_file import ParquetWriter

        return ParquetWriter(path, table)

    def read(
        self, path: Path, table: Table, columns: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file."""
        from .parquet_file import read_parquet

        return read_parquet(path, table, columns)
