"""The manifest of one folder of a copy: which files count, and what is in each.

It is replaced as a whole, after new files have their names and before old ones are deleted, so its
reader sees each row once at any time.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import orjson

from . import disk
from .layout import MANIFEST

_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a folder."""

    file: str
    rows: int
    bytes: int
    sha256: str
    first_time: str
    """The earliest and the latest time of its rows that says which folder they belong to."""
    last_time: str
    schema: str
    """The id of its columns (`layout.schema_id`)."""
    transactions: int = 1
    """How many have made its rows."""
    merges: int = 0
    """How often its rows were merged with others."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return an entry as it was written; raises KeyError or TypeError if it is none."""
        return cls(**{one.name: data[one.name] for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one folder, in the order in which their rows came."""

    entries: tuple[FileEntry, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what is known of a folder; where a user has deleted or changed it, nothing."""
        try:
            data = orjson.loads((folder / MANIFEST).read_bytes())
            return cls(tuple(FileEntry.from_json(one) for one in data["files"]))
        except FileNotFoundError, ValueError, LookupError, TypeError:
            return cls()

    def write(self, folder: Path) -> None:
        """Write it in place of the one that there is."""
        content = {"files": [asdict(one) for one in self.entries]}
        disk.write_file(folder / MANIFEST, orjson.dumps(content, option=_INDENTED))

    def changed(self, added: Iterable[FileEntry], removed: Collection[str]) -> Manifest:
        """Return the manifest with files and without others."""
        entries = {one.file: one for one in self.entries if one.file not in removed}
        entries |= {one.file: one for one in added}
        return Manifest(tuple(entries.values()))
