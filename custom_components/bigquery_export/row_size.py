"""How many bytes a row of `sensor_data` takes in this home, and how many of them are whose."""

from collections.abc import Mapping

from homeassistant.core import HomeAssistant

from .bigquery.protobuf import ProtobufEncoding
from .rows.circumstances import Circumstances
from .rows.column_groups import ColumnGroup, narrowed
from .rows.sensor_data import SENSOR_DATA
from .rows.state_encoder import StateEncoder
from .source.reader import PIECE_ROWS
from .source.states import Piece, StatesReader


def read_sample(hass: HomeAssistant, run: Circumstances) -> Piece | None:
    """Return the newest states, if there are any; this belongs on the recorder's executor."""
    surroundings = [surrounding.entity_id for surrounding in run.choice.surroundings]
    reader = StatesReader(hass, surroundings)
    newest = reader.newest_id()
    return reader.read(max(0, newest - PIECE_ROWS), newest)


def row_sizes(piece: Piece, run: Circumstances) -> Mapping[str, int] | None:
    """Return the mean size of a row in bytes, by group of columns, and of the rest; this computes.

    They are bytes as the Storage Write API bills them, or None where no row would be sent.
    """
    encoding = ProtobufEncoding(SENSOR_DATA)

    def size(groups: set[ColumnGroup]) -> int:
        rows = StateEncoder(narrowed(encoding, groups), run).encode(piece).data
        return sum(map(len, rows)) // len(rows) if rows else 0

    everything = set(ColumnGroup)
    if not (total := size(everything)):
        return None
    sizes = {group.value: total - size(everything - {group}) for group in ColumnGroup}
    return {**sizes, "rest": total - sum(sizes.values()), "all": total}
