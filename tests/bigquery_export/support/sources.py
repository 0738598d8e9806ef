"""Sources of a test's recorder, read to their end and decoded."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer
from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.export.ports import Source
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.rows.columns import run_values
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows
from custom_components.bigquery_export.rows.events import DEFAULT_EVENTS, EventChoice
from custom_components.bigquery_export.rows.local_time import Place
from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.databases import in_recorder

STARTED = datetime(2026, 11, 21, 7, 45, tzinfo=UTC)
RUN_VALUES = run_values(source="home", export_id="export", started=STARTED)
AMSTERDAM = Place(ZoneInfo("Europe/Amsterdam"), Observer(52.4, 4.9, 0))


def source(
    hass: HomeAssistant,
    table: Table,
    *,
    events: Collection[str] = DEFAULT_EVENTS,
    context_entities: Sequence[ContextEntity] = (),
) -> Source[Any]:
    """Return a table's source for a run."""
    choice = Choice(EventChoice(frozenset(events)), tuple(context_entities))
    row_context = RowContext(RUN_VALUES, AMSTERDAM, choice)
    return RECORDER_TABLES[table.name].open(hass, ProtobufEncoding(table), row_context)


async def read_pieces(
    hass: HomeAssistant, source: Source[Any], *, after: int = 0, limit: int = 1_000
) -> list[Any]:
    """Read all pieces of a run."""
    until = await in_recorder(hass, source.reader.newest_id)
    pieces = []
    while piece := await in_recorder(hass, source.reader.read, after, until, limit):
        assert after < piece.last.id <= until
        after = piece.last.id
        pieces.append(piece)
    return pieces


async def read_rows(
    hass: HomeAssistant, source: Source[Any], *, after: int = 0, limit: int = 1_000
) -> EncodedRows:
    """Read and encode all rows of a run."""
    rows = EncodedRows()
    for piece in await read_pieces(hass, source, after=after, limit=limit):
        rows.extend(source.encoder.encode(piece))
    return rows


def decoded(table: Table, rows: EncodedRows) -> list[dict[str, Any]]:
    """Return rows by their columns; those that are NULL are absent."""
    encoding = ProtobufEncoding(table)
    return [encoding.decode(data) for data in rows.data]


def microseconds(seconds: float) -> int:
    """Return a time of the recorder as a TIMESTAMP, rounded as Home Assistant shows it."""
    since = datetime.fromtimestamp(seconds, UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)
