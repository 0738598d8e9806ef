"""The backlog: rows that wait in the recorder, and those of them that it deletes soon."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..export.checkpoint import Checkpoint
from ..export.purge import Retention, RowsAtRisk, is_purged, oldest_waiting
from ..export.recorder_tables import RecorderTable
from ..settings.options import Options
from ..source.connections import connected
from ..source.readiness import async_read_recorder


@dataclass(frozen=True, slots=True)
class Backlog:
    """The rows that wait in the recorder."""

    rows: Mapping[str, int] = field(default_factory=dict)
    """How many rows wait, by table."""
    oldest: float | None = None
    """The approximate time of the oldest row in tables that are purged, in seconds since 1970."""
    at_risk: RowsAtRisk | None = None
    """Rows that the recorder deletes at one of the next two purges."""

    @property
    def total(self) -> int:
        """Return how many rows wait in all tables."""
        return sum(self.rows.values())


async def async_read_backlog(
    hass: HomeAssistant, options: Options, checkpoint: Checkpoint
) -> Backlog:
    """Read the rows after a checkpoint, on the recorder's own executor. Raises ExportError."""
    read = await async_read_recorder(hass, _read, hass, options, checkpoint)
    retention = Retention.of(hass)
    at_risk = None
    for waiting in read.values():
        if waiting.oldest is None:
            continue
        if purge := retention.purge_of(waiting.oldest, dt_util.utcnow()):
            at_risk = RowsAtRisk(waiting.rows, waiting.oldest, purge).and_(at_risk)
    times = [waiting.oldest for waiting in read.values() if waiting.oldest is not None]
    rows = {table: waiting.rows for table, waiting in read.items()}
    return Backlog(rows, min(times, default=None), at_risk)


class _Waiting(NamedTuple):
    """The rows of one table that wait."""

    rows: int
    oldest: float | None
    """The approximate time of the oldest one, where the recorder purges them."""


def _read(hass: HomeAssistant, options: Options, checkpoint: Checkpoint) -> dict[str, _Waiting]:
    """Return what waits, by table; this blocks."""
    with connected(hass):
        return {
            table.table.name: _read_table(hass, options, checkpoint, table)
            for table in options.recorder_tables
        }


def _read_table(
    hass: HomeAssistant, options: Options, checkpoint: Checkpoint, table: RecorderTable
) -> _Waiting:
    name = table.table.name
    position = checkpoint.table_position(name)
    reader = table.reader(hass, options.choice)
    waiting = reader.count(position.new.cursor)
    if backfill := position.backfill:
        waiting += reader.count(backfill.cursor, backfill.until)
    oldest = None
    if waiting and is_purged(name):
        oldest = oldest_waiting(hass, name, position.oldest.cursor)
    return _Waiting(waiting, oldest)
