"""Where a copy in files is, as a config subentry stores it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from ...file_formats.file_format import FormatName
from ...file_formats.formats import FORMATS

CONF_FOLDER = "folder"
CONF_FORMAT = "format"
CONF_COPY_ID = "copy_id"
"""What the folder's own file says, so that an empty mount point is not taken for it."""


@dataclass(frozen=True, slots=True)
class FilesSettings:
    """A folder, and the format of its files."""

    folder: Path
    format: FormatName
    copy_id: str
    product: ClassVar = "Files"

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what the data of a subentry, or of its form, say."""
        return cls(
            Path(str(data[CONF_FOLDER]).strip()),
            FormatName(data.get(CONF_FORMAT, FormatName.JSON_LINES)),
            str(data.get(CONF_COPY_ID, "")),
        )

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the libraries of the format."""
        return FORMATS[self.format].requirements

    @property
    def identity(self) -> str:
        """Return what identifies the copy: a folder that was begun anew is another one."""
        return f"files {self.folder} {self.copy_id}"
