"""How many rows wait in the recorder."""

from homeassistant.core import HomeAssistant

from ..export.checkpoint import Checkpoint
from ..export.recorder_tables import RecorderTable
from ..settings.options import Options


def count_waiting(hass: HomeAssistant, options: Options, checkpoint: Checkpoint) -> dict[str, int]:
    """Return how many rows of each table wait; this blocks, on the recorder's own executor."""
    return {
        source.table.name: _count(hass, options, checkpoint, source) for source in options.sources
    }


def _count(
    hass: HomeAssistant, options: Options, checkpoint: Checkpoint, source: RecorderTable
) -> int:
    table_position = checkpoint.table_position(source.table.name)
    reader = source.reader(hass, options.choice)
    waiting = reader.count(table_position.new.cursor)
    if backfill := table_position.backfill:
        waiting += reader.count(backfill.cursor, backfill.until)
    return waiting
