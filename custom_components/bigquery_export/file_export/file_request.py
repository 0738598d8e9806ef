"""What is wanted in files, what came of it, and what may go wrong."""

from dataclasses import dataclass, field

from ..errors import ExportError
from ..file_formats.file_format import FormatName


@dataclass(frozen=True, slots=True)
class FileRequest:
    """Rows of some tables from `start` on and before `end`, of some entities or all of them.

    A row has the time of its partition: a state that of its beginning (`last_changed`).
    """

    tables: frozenset[str] | None
    start: int
    """Microseconds since 1970."""
    end: int
    entities: frozenset[str] | None
    """As Home Assistant knows them."""
    file_format: FormatName


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file with rows of one partition of a table."""

    name: str
    table: str
    rows: int
    bytes: int


@dataclass(slots=True)
class FileReport:
    """What was written."""

    files: list[WrittenFile] = field(default_factory=list)
    refused: int = 0
    """Rows that the format cannot hold."""


@dataclass(eq=False)
class DiskSpaceError(ExportError):
    """The disk has too little space for more files."""

    key = "file_disk_full"
    path: str
    megabytes: str
    """How many are left."""


@dataclass(eq=False)
class FileUnwritableError(ExportError):
    """A file cannot be written."""

    key = "file_unwritable"
    path: str
    message: str
