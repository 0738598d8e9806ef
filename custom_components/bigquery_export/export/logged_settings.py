"""The settings by which rows are made, of which the export log says what they were."""

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
from typing import Any


@dataclass(slots=True)
class LoggedSettings:
    """The settings of one start of an export: a change of them is another start.

    Each row of the export log has their id, and the first one the settings themselves. After a
    crash a later row may have them again.
    """

    text: str
    """As JSON; equal settings have the same text."""
    logged: bool = False
    """Whether a row with the settings is committed."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Return their columns of the next row in the export log."""
        return {
            "settings_id": hashlib.sha256(self.text.encode()).hexdigest()[:16],
            "settings": None if self.logged else self.text,
        }
