"""How many bytes rows take in this home, as a sample of them shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeassistant.core import HomeAssistant

from ..bigquery.prices import billed_encoding
from ..errors import TableDamagedError
from ..export.ports import Piece, Reader
from ..export.recorder_tables import RecorderTable
from ..rows.column_groups import ColumnGroup, narrowed
from ..rows.context import RowContext
from ..rows.own_columns import with_own_columns
from ..rows.sensor_data import SENSOR_DATA
from ..rows.state_encoder import StateEncoder
from ..source.plan import PIECE_ROWS
from ..source.reader import Extent
from ..source.readiness import async_read_recorder
from ..source.state_columns import StateColumns
from ..source.states import StatesPiece
from ..source.states_reader import StatesReader

_PIECES = 20
_PIECE_IDS = 50
"""Ids in each piece of a sample; one larger piece would be of a single minute."""


def read_sample(hass: HomeAssistant, run: RowContext) -> StatesPiece | StateColumns | None:
    """Return the newest states, if there are any; this belongs on the recorder's executor."""
    context_entities = [context_entity.entity_id for context_entity in run.choice.context_entities]
    reader = StatesReader(hass, context_entities)
    newest = reader.newest_id()
    return reader.read(max(0, newest - PIECE_ROWS), newest)


def row_sizes(piece: StatesPiece | StateColumns, run: RowContext) -> Mapping[str, int] | None:
    """Return the mean size of a row in bytes, by group of columns, and of the rest; this computes.

    They are bytes as the Storage Write API bills them, or None where no row would be sent.
    """
    encoding = billed_encoding(with_own_columns(SENSOR_DATA, run.choice.own_columns))

    def size(groups: set[ColumnGroup]) -> int:
        rows = StateEncoder(narrowed(encoding, groups), run).encode(piece).data
        return sum(map(len, rows)) // len(rows) if rows else 0

    everything = set(ColumnGroup)
    if not (total := size(everything)):
        return None
    sizes = {group.value: total - size(everything - {group}) for group in ColumnGroup}
    return {**sizes, "rest": total - sum(sizes.values()), "all": total}


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows from all over a table, as they were read."""

    pieces: Sequence[Piece]
    ids: int
    """How many ids were sampled: some were deleted, and some rows are not chosen."""
    is_damaged: bool = False
    """Whether some could not be read, because the recorder's database is damaged."""


async def async_sample(hass: HomeAssistant, reader: Reader[Any], extent: Extent) -> Sample:
    """Return a sample of a table. Raises ExportError."""
    step = max(_PIECE_IDS, extent.rows // _PIECES)
    pieces: list[Piece] = []
    ids, is_damaged = 0, False
    for after in range(extent.first - 1, extent.last, step):
        until = min(after + _PIECE_IDS, extent.last)
        try:
            piece = await async_read_recorder(hass, reader.read, after, until, _PIECE_IDS)
        except TableDamagedError:
            is_damaged = True
            continue
        ids += until - after
        if piece:
            pieces.append(piece)
    return Sample(pieces, ids, is_damaged)


def measured(
    sample: Sample, type_: RecorderTable, run: RowContext, groups: frozenset[ColumnGroup]
) -> tuple[float, int]:
    """Return the share of ids whose rows are sent, and the mean size of those rows in bytes.

    This computes. They are bytes as the Storage Write API bills them.
    """
    encoder = type_.encoder(narrowed(billed_encoding(type_.table), groups), run)
    sizes = [len(row) for piece in sample.pieces for row in encoder.encode(piece).data]
    return len(sizes) / max(1, sample.ids), round(sum(sizes) / max(1, len(sizes)))
