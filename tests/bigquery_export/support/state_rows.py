"""States as the recorder has them, and their encoder."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.local_time import Place
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA, run_values
from custom_components.bigquery_export.rows.state_encoder import StateEncoder
from custom_components.bigquery_export.source.states import StateRow

ENCODING = ProtobufEncoding(SENSOR_DATA)
STARTED = datetime(2026, 11, 21, 7, 45, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def encoder(
    *names: str,
    zone: str = "Europe/Amsterdam",
    encoding: ProtobufEncoding | NdjsonEncoding = ENCODING,
) -> StateEncoder:
    """Return an encoder for a home in Amsterdam, whose clocks may be elsewhere."""
    run = run_values(source="home", export_id="export", started=STARTED)
    place = Place(ZoneInfo(zone), Observer(52.4, 4.9, 0))
    choice = Choice(context_entities=tuple(ContextEntity(f"sensor.{name}", name) for name in names))
    return StateEncoder(encoding, RowContext(run, place, choice))


def row(**changes: Any) -> StateRow:
    """Return a row as the recorder has it, with changes."""
    values: dict[str, Any] = {
        "state_id": 5,
        "metadata_id": 1,
        "state": "21.5",
        "changed": None,
        "updated": NOON.timestamp(),
        "attributes_id": 7,
        "attributes": None,
        "context": None,
        "user": None,
        "parent": None,
    }
    return tuple((values | changes).values())
