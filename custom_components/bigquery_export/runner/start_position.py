"""Where the export of tables begins: at their oldest row, or at the set-up."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from homeassistant.core import HomeAssistant

from ..const import CONF_BEGIN
from ..export.checkpoint import Begin
from ..export.recorder_tables import RECORDER_TABLES, RecorderTable
from ..rows.context import Choice
from ..source.readiness import async_read_recorder, check_recorder
from ..source.source_table import Anchor

_STEPS = (0, 1, 4, 16, 64, 256, 1_024, 4_096)
"""How far before the newest row the anchors are: any one of them identifies the history."""


class History(StrEnum):
    """Which rows from before the set-up are exported."""

    ALL = "all"
    """Everything that the recorder has."""
    NONE = "none"
    """Nothing: only what is recorded from the set-up on."""


async def async_newest_rows(hass: HomeAssistant) -> dict[str, list[tuple[int, str]]]:
    """Return the newest rows of all tables of the recorder, as a config entry stores them.

    Tables that are not chosen are among them: they may be switched on later. Raises ExportError.
    """
    check_recorder(hass)
    found = {}
    for name, source in RECORDER_TABLES.items():
        if rows := await async_read_recorder(hass, _newest_rows, hass, source):
            found[name] = rows
    return found


def _newest_rows(hass: HomeAssistant, source: RecorderTable) -> list[tuple[int, str]]:
    """Return ids and fingerprints, oldest first; this blocks."""
    reader = source.reader(hass, Choice())
    newest = reader.newest_id()
    marks = reader.fingerprints([newest - step for step in _STEPS])
    return sorted(marks.items()) if newest in marks else []


def begin_from(data: Mapping[str, Any]) -> Begin:
    """Return where tables begin, as the data of a config entry say it.

    Where they cannot be read, everything is exported.
    """
    try:
        return {
            table: tuple(Anchor(int(id_), str(mark)) for id_, mark in rows)
            for table, rows in data.get(CONF_BEGIN, {}).items()
        }
    except ValueError, TypeError, AttributeError:
        return {}
