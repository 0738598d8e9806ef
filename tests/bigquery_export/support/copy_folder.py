"""Copies in a folder of a test's own, and what is in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from custom_components.bigquery_export.copies.files.file_transaction import FileTransaction
from custom_components.bigquery_export.copies.files.files_fence import FilesFence
from custom_components.bigquery_export.copies.files.files_folder import FilesFolder
from custom_components.bigquery_export.copies.files.files_settings import FilesSettings
from custom_components.bigquery_export.copies.files.folder import Mark
from custom_components.bigquery_export.copies.files.folder_journal import FolderJournal
from custom_components.bigquery_export.copies.files.layout import OWN, SCHEMAS
from custom_components.bigquery_export.copies.files.manifest import Manifest
from custom_components.bigquery_export.copies.files.schemas import read_schema, together
from custom_components.bigquery_export.copies.files.set_up import prepare_folder
from custom_components.bigquery_export.file_formats.file_format import FormatName
from custom_components.bigquery_export.file_formats.formats import FORMATS
from custom_components.bigquery_export.rows.table import Table


@dataclass(frozen=True, slots=True)
class CopyFolder:
    """A folder that copies go to."""

    path: Path
    source: str
    """The installation."""
    format: FormatName = FormatName.JSON_LINES
    kind: ClassVar = "files"
    product: ClassVar = "Files"
    transaction: ClassVar = FileTransaction
    log: ClassVar = (FileTransaction, "log")
    fence: ClassVar = FilesFence

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of a subentry that copies there, once the folder is prepared."""
        data = {"folder": str(self.path), "format": self.format}
        copy_id = prepare_folder(FilesSettings.of(data), self.source)
        return {**data, "copy_id": copy_id}

    @property
    def unreachable(self) -> dict[str, Any]:
        """Return a folder that is not there."""
        return {"folder": str(self.path.with_name("gone"))}

    @property
    def elsewhere(self) -> dict[str, Any]:
        """Return another folder."""
        other = CopyFolder(self.path.with_name("elsewhere"), self.source, self.format)
        return other.data

    @property
    def settings(self) -> FilesSettings:
        """Return the data as a destination has them."""
        return FilesSettings.of(self.data)

    def open(self) -> FilesFolder:
        """Return it as a process that has just begun has it."""
        return FilesFolder(self.settings)

    def end_process(self) -> None:
        """Do nothing: the system closes files."""

    def refuse(self) -> None:
        """Let the folder be one of another format."""
        self._mark("other")

    def accept(self) -> None:
        """Put that right."""
        self._mark(self.format)

    def _mark(self, format_: str) -> None:
        mark = Mark.read(self.path)
        assert mark
        Mark(mark.copy_id, mark.source, format_).write(self.path)

    def files(self, table: str = "sensor_data") -> list[Path]:
        """Return the files of a table."""
        suffix = FORMATS[self.format].suffix
        return sorted((self.path / table).glob(f"*/*{suffix}"))

    def rows(self, table: str = "sensor_data", order: str = "state_id") -> list[dict[str, Any]]:
        """Return all rows of a table, with None for NULL, as whoever reads all files has them."""
        if not (self.path / table).exists():
            raise LookupError(table)
        rows = [row for path in self.files(table) for row in self.read(path, table)]
        return rows if order == "1" else sorted(rows, key=lambda row: row[order] or 0)

    def read(self, path: Path, table: str) -> list[dict[str, Any]]:
        """Return the rows of a file."""
        declared = self.declared(table)
        empty = {column.name: None for column in declared.columns}
        return [{**empty, **row} for row in FORMATS[self.format].read(path, declared)]

    def listed(self, table: str = "sensor_data") -> list[dict[str, Any]]:
        """Return all rows of a table, as whoever reads the manifests has them."""
        return [
            row
            for folder in sorted((self.path / table).glob("*=*"))
            for entry in Manifest.read(folder).entries
            for row in self.read(folder / entry.file, table)
        ]

    def declared(self, table: str) -> Table:
        """Return a table with all columns that its files have."""
        found = []
        for path in sorted((self.path / OWN / SCHEMAS).glob(f"{table}-*.json")):
            id_ = path.stem.rpartition("-")[2]
            schema = read_schema(self.path, table, id_)
            assert schema
            found.append(schema)
        declared = together(found)
        assert declared
        return declared

    def states(self) -> list[str]:
        """Return all states in the order of the recorder's ids."""
        return [row["state"] for row in self.rows()]

    def aside(self) -> list[Path]:
        """Return what is not committed, or left over by a process that died."""
        return sorted(FolderJournal(self.path).aside.iterdir())
