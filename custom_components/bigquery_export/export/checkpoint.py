"""The checkpoint: how far each table is exported, and which transaction may be in doubt."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import save_json
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.json import load_json_object

from ..const import DOMAIN
from .errors import CheckpointUnreadableError, CheckpointUnwritableError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Position:
    """How far a table is exported."""

    cursor: int = 0
    """The recorder's id of the last row that is in BigQuery."""
    rows: int = 0
    """Rows committed since the first export."""
    rejected: int = 0
    """Rows that could not be sent, and lie in the file of rejected rows."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A transaction that is about to be committed, and where its table stands afterwards."""

    table: str
    transaction: str
    position: Position


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that an export must know of the ones before it."""

    positions: dict[str, Position] = field(default_factory=dict)
    """Positions by table."""
    intent: Intent | None = None
    last_export: float | None = None
    """When the last export ended well, in seconds since 1970."""

    def position(self, table: str) -> Position:
        """Return where a table stands."""
        return self.positions.get(table, Position())

    def advanced(self, table: str, position: Position) -> Checkpoint:
        """Return the checkpoint with a table at a position, and nothing in doubt."""
        return replace(self, intent=None, positions={**self.positions, table: position})


class CheckpointFile:
    """Keeps the checkpoint in Home Assistant's .storage, one file for each config entry.

    Home Assistant's own `Store` only logs when it cannot write, and writes nothing while Home
    Assistant stops. A commit needs to know that its intent is on the disk. Methods block.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}"))

    def load(self) -> Checkpoint:
        """Return the checkpoint as it was saved last, or a new one.

        Raises CheckpointUnreadableError when there is a file that cannot be read.
        """
        if not self.path.exists():
            return Checkpoint()
        try:
            return _checkpoint(load_json_object(self.path))
        except (HomeAssistantError, KeyError, TypeError) as err:
            raise CheckpointUnreadableError(path=str(self.path), message=repr(err)) from err

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint; it is on the disk when this returns.

        Raises CheckpointUnwritableError when it cannot be written.
        """
        try:
            self.path.parent.mkdir(exist_ok=True)
            save_json(
                str(self.path),
                {"version": _VERSION, **asdict(checkpoint)},
                private=True,
                atomic_writes=True,
            )
        except (HomeAssistantError, OSError) as err:
            raise CheckpointUnwritableError(path=str(self.path), message=str(err)) from err

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _checkpoint(data: Mapping[str, Any]) -> Checkpoint:
    if data["version"] != _VERSION:
        raise KeyError(f"version {data['version']} is not known")
    intent = data["intent"]
    return Checkpoint(
        positions={name: Position(**position) for name, position in data["positions"].items()},
        intent=intent and Intent(**intent | {"position": Position(**intent["position"])}),
        last_export=data["last_export"],
    )
