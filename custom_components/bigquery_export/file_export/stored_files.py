"""Folders with exported files: where they are, for how long, and as one archive.

They lie in `.cache` of Home Assistant's configuration, which is in no backup. A link to them ends
with Home Assistant (its secret is new with each start), so they are deleted when it starts.
"""

from collections.abc import Buffer
from datetime import timedelta
import io
from pathlib import Path
from secrets import token_hex
import shutil
from typing import override
from zipfile import ZIP_STORED, ZipFile

from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.async_iterator import Abort, AsyncIteratorWriter
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

KEPT = timedelta(days=1)
_ARCHIVE_PIECE = 256 * 1024


class StoredFiles:
    """The folders of all exports to files, by names that cannot be guessed."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without any."""
        self._hass = hass
        self.root = Path(hass.config.cache_path(DOMAIN))
        self._whole: dict[str, Path] = {}

    def clear(self) -> None:
        """Delete what an earlier run of Home Assistant has left; this blocks."""
        shutil.rmtree(self.root, ignore_errors=True)

    def make(self) -> tuple[str, Path]:
        """Make a folder that only Home Assistant may read, and return its name, too; blocks."""
        name = token_hex(16)
        folder = self.root / name
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        return name, folder

    def remove(self, name: str) -> None:
        """Delete a folder, also one with half of the files; this blocks."""
        self._whole.pop(name, None)
        shutil.rmtree(self.root / name, ignore_errors=True)

    @callback
    def async_keep(self, name: str) -> None:
        """Offer a folder whose files are whole, for a day."""
        self._whole[name] = self.root / name

        async def async_end(_: object) -> None:
            await self._hass.async_add_executor_job(self.remove, name)

        async_call_later(self._hass, KEPT, HassJob(async_end, cancel_on_shutdown=True))

    def folder_of(self, name: str) -> Path | None:
        """Return the folder that is offered under a name."""
        return self._whole.get(name)


STORED_FILES: HassKey[StoredFiles] = HassKey(f"{DOMAIN}.files")


def write_archive(folder: Path, writer: AsyncIteratorWriter) -> None:
    """Write the files of a folder as one ZIP, a piece after another; this blocks.

    They are compressed already. Raises OSError when they are deleted meanwhile, and Abort when
    it is no longer read.
    """
    try:
        with (
            io.BufferedWriter(_Pieces(writer), _ARCHIVE_PIECE) as buffer,
            ZipFile(buffer, "w", ZIP_STORED) as archive,
        ):
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
    except Abort:
        raise
    except BaseException:
        writer.write(b"")
        raise
    writer.write(b"")


class _Pieces(io.RawIOBase):
    """Takes pieces from a buffer."""

    def __init__(self, writer: AsyncIteratorWriter) -> None:
        self._writer = writer

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, piece: Buffer, /) -> int:
        return self._writer.write(bytes(piece))
