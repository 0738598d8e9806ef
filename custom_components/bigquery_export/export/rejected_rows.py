"""The file of rejected rows: what BigQuery did not take is kept here, with the reason."""

from collections.abc import Iterable
import os
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ..const import DOMAIN
from .state_encoder import RefusedRow


class RejectedRows:
    """A file with one JSON object a line. Its methods block."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; it is made when the first row is rejected."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.rejected.jsonl"))

    def append(self, export_id: str, table: str, rows: Iterable[RefusedRow]) -> None:
        """Add rows to the file; they are on the disk when this returns."""
        lines = b"".join(
            orjson.dumps(
                {
                    "export_id": export_id,
                    "table": table,
                    "id": row.row_id,
                    "reason": row.reason,
                    "row": dict(row.values),
                },
                default=str,
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for row in rows
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
