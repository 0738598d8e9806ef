"""The file that says that an export's tables are being deleted, or were a moment ago."""

from dataclasses import asdict, dataclass
from pathlib import Path
from time import time

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ..const import DOMAIN
from ..export.files import replace_file

_WAIT = 10 * 60.0
"""Seconds from when tables are deleted until rows are sent to new ones."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal that was begun."""

    destination: str
    """The table that states went to, as `Destination.identity` has it."""
    ended: float | None = None
    """When everything was deleted and forgotten, in seconds since 1970."""

    @property
    def seconds_left(self) -> float:
        """Return in how many seconds rows may be sent; not later if the clock has gone back."""
        return 0.0 if self.ended is None else min(self.ended + _WAIT - time(), _WAIT)


class RemovalFile:
    """Keeps the removal in Home Assistant's .storage until tables are made. Its methods block."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.removal"))

    def load(self) -> Removal | None:
        """Return the removal that was begun, None if none was."""
        try:
            return Removal(**orjson.loads(self.path.read_bytes()))
        except OSError, ValueError, TypeError:
            return None

    def save(self, removal: Removal) -> None:
        """Write the removal; it is on the disk then. Raises CheckpointUnwritableError."""
        replace_file(self.path, orjson.dumps(asdict(removal)))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
