"""The recorder's current run: it tells a database from its copies.

Each start of Home Assistant writes one, so a database lacks those that were written into another
since a backup was made, or since the two were the same.
"""

from typing import Any

from homeassistant.core import HomeAssistant
from sqlalchemy import func, select

from .reader import TableReader
from .recorder_runs import RECORDER_RUNS
from .source_table import Anchor

_NEWEST = select(func.max(RECORDER_RUNS.columns[0]))


def current_run(hass: HomeAssistant, known: Anchor | None) -> tuple[Anchor | None, bool]:
    """Return the newest run, if there is one, and whether the database has the run `known`.

    This blocks, and belongs on the recorder's executor.
    """
    reader = TableReader[Any](hass, RECORDER_RUNS)
    with reader.connected() as connection:
        id_: int = connection.execute(_NEWEST).scalar() or 0
        found = reader.fingerprints([id_, *([known.id] if known else [])])
    mark = found.get(id_)
    current = Anchor(id_, mark) if mark else None
    return current, known is not None and found.get(known.id) == known.fingerprint
