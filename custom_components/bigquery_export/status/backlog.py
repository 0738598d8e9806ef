"""The backlog: rows that wait in the recorder, and those of them that it deletes soon."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..export.checkpoint import Checkpoint
from ..export.purge import Retention, RowsAtRisk, is_purged, oldest_waiting
from ..export.recorder_tables import RecorderTable
from ..settings.options import Options
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
    rows = await async_read_recorder(hass, _count, hass, options, checkpoint)
    retention = Retention.of(hass)
    at_risk = None
    times = []
    for table, number in rows.items():
        if not (number and is_purged(table)):
            continue
        cursor = checkpoint.table_position(table).oldest.cursor
        oldest = await async_read_recorder(hass, oldest_waiting, hass, table, cursor)
        if oldest is None:
            continue
        times.append(oldest)
        if purge := retention.purge_of(oldest, dt_util.utcnow()):
            at_risk = RowsAtRisk(number, oldest, purge).and_(at_risk)
    return Backlog(rows, min(times, default=None), at_risk)


def _count(hass: HomeAssistant, options: Options, checkpoint: Checkpoint) -> dict[str, int]:
    """Return how many rows of each table wait; this blocks."""
    return {
        table.table.name: _count_table(hass, options, checkpoint, table)
        for table in options.recorder_tables
    }


def _count_table(
    hass: HomeAssistant, options: Options, checkpoint: Checkpoint, table: RecorderTable
) -> int:
    position = checkpoint.table_position(table.table.name)
    reader = table.reader(hass, options.choice)
    waiting = reader.count(position.new.cursor)
    if backfill := position.backfill:
        waiting += reader.count(backfill.cursor, backfill.until)
    return waiting
