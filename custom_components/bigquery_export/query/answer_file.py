"""What came of saved queries when they were asked last: it survives restarts and crashes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ..const import DOMAIN
from ..export.files import replace_file
from .answer_columns import SensorValue


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """What came of a saved query."""

    digest: str = ""
    """What the query was when it was asked last; empty before that."""
    time: float = 0.0
    """When it was due, in seconds since 1970: from then on its hours count."""
    value: SensorValue = None
    """The value of a sensor."""
    problem: str = ""
    """Why it could not be answered, as a sentence; empty where it was."""
    statistic_id: str = ""
    """The statistic that it has in the recorder, or is to have."""


class AnswerFile:
    """Keeps the answers of a config entry in Home Assistant's .storage. Its methods block."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.answers"))

    def load(self) -> dict[str, SavedAnswer]:
        """Return the answers by the ids of subentries, none where they cannot be read."""
        try:
            found = orjson.loads(self.path.read_bytes())
            return {id_: SavedAnswer(**answer) for id_, answer in found.items()}
        except OSError, ValueError, TypeError, AttributeError:
            return {}

    def save(self, answers: Mapping[str, SavedAnswer]) -> None:
        """Write the answers; they are on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        content = {id_: asdict(answer) for id_, answer in answers.items()}
        replace_file(self.path, orjson.dumps(content))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
