"""The file of the checkpoint, and those of earlier versions."""

from collections.abc import Mapping
from dataclasses import fields, replace
import logging
from pathlib import Path
from time import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR

from ..const import DOMAIN
from ..source.source_table import Anchor
from .checkpoint import Begin, Checkpoint, Gap, Intent
from .document_file import DocumentFile
from .fence import BEFORE_FENCE, FencedTransaction
from .open_stream import OpenStream, UnloggedRows
from .positions import Position
from .recent_commits import RecentCommit
from .restored_rows import restored_from_json

_LOGGER = logging.getLogger(__name__)
_VERSION = 3
_SAVED = tuple(field.name for field in fields(Checkpoint) if field.name != "begin")
"""The config entry keeps `begin`."""
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What a file raises that is not, or no longer, a checkpoint."""


class CheckpointFile:
    """Keeps the checkpoint in Home Assistant's .storage, one file for each config entry.

    Its methods block.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        *,
        destination: str | None = None,
        begin: Begin | None = None,
    ) -> None:
        """Name the file; nothing is read yet.

        `destination` identifies the table in BigQuery, and `begin` says where tables begin that are
        not in the file yet.
        """
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}"))
        self._file = DocumentFile(self.path)
        self._destination = destination
        self._begin = begin or {}

    def load(self) -> Checkpoint:
        """Return the checkpoint as it was saved last, or a new one.

        A file that cannot be read is moved aside, in place of an earlier one. A run without a
        checkpoint looks in BigQuery for each row before it sends it, so there are no duplicates.
        """
        try:
            checkpoint = _checkpoint(self._file.read())
        except FileNotFoundError:
            return Checkpoint(begin=self._begin)
        except _UNREADABLE as err:
            aside = self.path.with_name(f"{self.path.name}.unreadable-{int(time())}")
            for earlier in self.path.parent.glob(f"{self.path.name}.unreadable-*"):
                earlier.unlink()
            self.path.rename(aside)
            _LOGGER.warning("The checkpoint could not be read and was moved to %s: %r", aside, err)
            return Checkpoint(begin=self._begin)
        return replace(checkpoint, begin=self._begin)

    def read(self) -> Checkpoint | None:
        """Return the checkpoint as it was saved last; None if there is none that can be read."""
        try:
            return _checkpoint(self._file.read())
        except (OSError, *_UNREADABLE):
            return None

    def is_of_another_destination(self) -> bool:
        """Return whether the file is the checkpoint of another table in BigQuery."""
        try:
            destination = self._file.read().get("destination")
        except (OSError, *_UNREADABLE):
            return False
        return destination not in (None, self._destination)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint; it is on the disk when this returns.

        Raises CheckpointUnwritableError when it cannot be written.
        """
        data = {name: getattr(checkpoint, name) for name in _SAVED}
        content = {"version": _VERSION, "destination": self._destination, **data}
        # It takes dataclasses as they are, ten times faster than `asdict` copies them.
        self._file.write(content)

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _checkpoint(data: Mapping[str, Any]) -> Checkpoint:
    if data["version"] == 1:
        data = _migrated(data)
    if data["version"] == 2:
        data = {**data, "version": 3, "fence": BEFORE_FENCE}
    if data["version"] != _VERSION:
        raise ValueError(f"version {data['version']} is not known")
    intent = data["intent"]
    return Checkpoint(
        positions={name: _position(position) for name, position in data["positions"].items()},
        intent=intent and _intent(intent),
        last_export=data["last_export"],
        last_rows=data.get("last_rows"),
        last_seconds=data.get("last_seconds"),
        bytes_sent=data.get("bytes_sent", 0),
        gaps=tuple(Gap(**gap) for gap in data["gaps"]),
        fence=data["fence"],
        unknown_before=data.get("unknown_before", 0),
        recent={
            table: tuple(RecentCommit(**commit) for commit in commits)
            for table, commits in data.get("recent", {}).items()
        },
        set_aside=data.get("set_aside", {}),
        left_out=data.get("left_out", 0),
        latest=data.get("latest", FencedTransaction(data["fence"]).time),
        superseded=data.get("superseded", False),
        lowest=data.get("lowest", {}),
        restored=restored_from_json(data.get("restored", {})),
        unlogged=data.get("unlogged", {}),
        run=Anchor(**run) if (run := data.get("run")) else None,
        streams={name: _stream(stream) for name, stream in data.get("streams", {}).items()},
        examined=data.get("examined", ""),
    )


def _intent(data: Mapping[str, Any]) -> Intent:
    gap = data.get("gap")
    position = _position(data["position"])
    return Intent(**{**data, "position": position, "gap": gap and Gap(**gap)})


def _stream(data: Mapping[str, Any]) -> OpenStream:
    unlogged = data["unlogged"]
    return OpenStream(**{**data, "unlogged": unlogged and UnloggedRows(**unlogged)})


def _migrated(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file of version 1, which had other names, as one of version 2."""

    def position(old: Mapping[str, Any]) -> dict[str, Any]:
        return _renamed(old, "doubtful_until", "in_doubt_until")

    intent = data["intent"]
    if intent:
        intent = _renamed(
            {**intent, "position": position(intent["position"])}, "track", "position_key"
        )
    positions = {key: position(one) for key, one in data["positions"].items()}
    return {**data, "version": 2, "positions": positions, "intent": intent, "gaps": []}


def _renamed(data: Mapping[str, Any], before: str, after: str) -> dict[str, Any]:
    return {after if name == before else name: value for name, value in data.items()}


def _position(data: Mapping[str, Any]) -> Position:
    anchors = tuple(Anchor(**anchor) for anchor in data["anchors"])
    if anchors and anchors[-1].id != data["cursor"]:
        raise ValueError("the cursor is not at its anchor")
    return Position(**{**data, "anchors": anchors})
