"""A folder as the destination of a copy."""

from collections.abc import Iterable

from homeassistant.util import dt as dt_util

from ...export.fence import FencedTransaction
from ...file_formats.formats import FORMATS
from ...rows.export_log import EXPORT_LOG
from ...rows.table import Table
from . import disk
from .file_rows import FileRows
from .files_delivery import FilesDelivery
from .files_fence import FilesFence, fence_path
from .files_settings import FilesSettings
from .folder import Folder
from .folder_errors import FolderOfAnotherHomeError
from .merging import Merging
from .schemas import write_schema


class FilesFolder:
    """A folder of files. Its methods block and raise ExportError."""

    def __init__(self, settings: FilesSettings) -> None:
        """Look at nothing yet. Raises ImportError where the library of the format is missing."""
        self._format = FORMATS[settings.format]
        self._format.load()
        self._folder = Folder(settings)
        self.delivery = FilesDelivery(self._folder, self._format)
        self._merging = Merging(self._folder, self._format)

    def fence(self, source: str) -> FilesFence:
        """Return the fence of an installation. Nothing is read yet."""
        return FilesFence(self._folder, source)

    def existing_rows(self, source: str) -> FileRows:
        """Return what reads the rows of an installation. Nothing is read yet."""
        return FileRows(self._folder, self._format)

    def ensure(self, tables: Iterable[Table], source: str) -> None:
        """Make what is missing, with a fence, and make sure that the folder takes files."""
        folder = self._folder
        if folder.mark().source != source:
            raise FolderOfAnotherHomeError(path=str(folder.path))
        with folder.locked():
            for table in {one.name: one for one in (*tables, EXPORT_LOG)}.values():
                write_schema(folder.path, table, self._format)
            has_fence = disk.is_there(fence_path(folder, source))
            was_used = bool(folder.journal.transactions())
        if not (has_fence or was_used):
            self.fence(source).make(FencedTransaction(""))

    def maintain(self) -> None:
        """Merge files, such as those of a day that is over."""
        self._merging.merge(dt_util.utcnow())

    def stop(self) -> None:
        """Let nothing begin any more."""
        self._folder.stop()

    def close(self) -> None:
        """Do as `stop`: each file is closed by what has opened it."""
        self.stop()
