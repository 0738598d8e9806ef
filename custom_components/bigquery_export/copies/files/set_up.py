"""The folder of a new copy: where it may be, and the file by which it is known."""

from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.util.ulid import ulid_now

from ...file_formats.file_format import format_label
from . import disk
from .files_settings import FilesSettings
from .folder import Mark
from .folder_errors import (
    FolderAboveMissingError,
    FolderFormatError,
    FolderNotAllowedError,
    FolderOccupiedError,
    FolderOfAnotherHomeError,
    folder_errors,
)
from .folder_journal import FolderJournal

_SHARES = (Path("/share"), Path("/media"))
"""Folders of Home Assistant OS, in which its network storage is, too."""
_NOT_IN_CONFIGURATION = ("www", "custom_components", "deps", "tmp", "tts")
"""Files in the first are given to anybody who asks for them; the others are not the user's."""


def allowed_folder(hass: HomeAssistant, text: str) -> Path:
    """Return a folder that the user has chosen, without links in it; this blocks.

    Raises FolderNotAllowedError.
    """
    path = Path(text.strip())
    try:
        folder = path.resolve()
    except (OSError, RuntimeError, ValueError) as err:
        raise FolderNotAllowedError(path=text) from err
    if not path.is_absolute() or not _is_allowed(hass, folder):
        raise FolderNotAllowedError(path=str(path))
    return folder


def _is_allowed(hass: HomeAssistant, folder: Path) -> bool:
    configuration = Path(hass.config.config_dir).resolve()
    if folder.is_relative_to(configuration):
        first = folder.relative_to(configuration).parts[:1]
        return (
            bool(first) and not first[0].startswith(".") and first[0] not in _NOT_IN_CONFIGURATION
        )
    return any(
        folder.is_relative_to(share) and folder != share for share in _SHARES
    ) or hass.config.is_allowed_path(str(folder))


def copy_in(folder: Path) -> str:
    """Return the id of the copy in a folder, or nothing; this blocks. Raises ExportError."""
    with folder_errors(folder):
        mark = Mark.read(folder)
    return mark.copy_id if mark else ""


def prepare_folder(settings: FilesSettings, source: str) -> str:
    """Make the folder of a copy known, and return its id; this blocks.

    Where it has a copy of this installation already, that is continued. Raises ExportError.
    """
    folder = settings.folder
    with folder_errors(folder):
        if not folder.parent.is_dir():
            raise FolderAboveMissingError(path=str(folder.parent))
        mark = Mark.read(folder)
        if mark is None:
            if disk.is_there(folder) and any(folder.iterdir()):
                raise FolderOccupiedError(path=str(folder))
            mark = Mark(ulid_now(), source, settings.format)
        if mark.source != source:
            raise FolderOfAnotherHomeError(path=str(folder))
        if mark.format != settings.format:
            if FolderJournal(folder).transactions():
                raise FolderFormatError(path=str(folder), format=format_label(mark.format))
            mark = Mark(mark.copy_id, source, settings.format)
        # Also where it is there: so it is known whether the folder takes files.
        mark.write(folder)
    return mark.copy_id
