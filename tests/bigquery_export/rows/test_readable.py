"""Rejected rows as a person reads them in the file: under the recorder's own names."""

from typing import Any

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.events_encoder import EventEncoder
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.state_encoder import StateEncoder
from custom_components.bigquery_export.rows.statistics import HOUR, STATISTICS
from custom_components.bigquery_export.rows.statistics_encoder import StatisticsEncoder
from custom_components.bigquery_export.source.events import EventRow, EventsPiece
from custom_components.bigquery_export.source.source_table import Anchor
from custom_components.bigquery_export.source.states import StateRow, StatesPiece
from custom_components.bigquery_export.source.statistics import (
    Statistic,
    StatisticsPiece,
    StatisticsRow,
)
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES

RUN = RowContext(RUN_VALUES, AMSTERDAM)
ONE, TWO = b"\x01" * 16, b"\x02" * 16


def test_states() -> None:
    """A state has its entity and attributes in place of their ids."""
    shared: StateRow = (1, 2, "on", None, None, 3, None, ONE, None, TWO)
    old: StateRow = (2, None, None, 1.5, None, None, '{"a":1}', None, ONE, None)
    encoder = StateEncoder(NdjsonEncoding(SENSOR_DATA), RUN)
    encoded = encoder.encode(StatesPiece([shared, old], {2: "light.hall"}, {3: '{"b":2}'}))
    assert [row.values for row in encoded.rejected] == [
        {
            "state_id": 1,
            "entity_id": "light.hall",
            "state": "on",
            "last_changed_ts": None,
            "last_updated_ts": None,
            "attributes": '{"b":2}',
            "context_id": ONE.hex(),
            "context_user_id": None,
            "context_parent_id": TWO.hex(),
        },
        {
            "state_id": 2,
            "entity_id": None,
            "state": None,
            "last_changed_ts": 1.5,
            "last_updated_ts": None,
            "attributes": '{"a":1}',
            "context_id": None,
            "context_user_id": ONE.hex(),
            "context_parent_id": None,
        },
    ]
    assert [row.reason for row in encoded.rejected] == [
        "the recorder has no time for it",
        "the recorder no longer knows its entity",
    ]


def test_events() -> None:
    """An event has its type, data and origin in place of their ids."""
    row: EventRow = (1, 2, 3, None, None, 1, None, ONE, TWO, None)
    old: EventRow = (2, 2, None, '{"a":1}', None, None, "LOCAL", None, None, ONE)
    piece = EventsPiece([row, old], {2: "automation_triggered"}, {3: "{}"}, Anchor(2, ""))
    encoded = EventEncoder(NdjsonEncoding(EVENTS), RUN).encode(piece)
    shared: dict[str, Any] = {"event_type": "automation_triggered", "time_fired_ts": None}
    assert [row.values for row in encoded.rejected] == [
        {
            "event_id": 1,
            "event_data": "{}",
            "origin": "REMOTE",
            "context_id": ONE.hex(),
            "context_user_id": TWO.hex(),
            "context_parent_id": None,
            **shared,
        },
        {
            "event_id": 2,
            "event_data": '{"a":1}',
            "origin": "LOCAL",
            "context_id": None,
            "context_user_id": None,
            "context_parent_id": ONE.hex(),
            **shared,
        },
    ]


def test_statistics() -> None:
    """A statistic has its name in place of its id."""
    row: StatisticsRow = (1, 2, None, 1.5, None, 1.0, 2.0, None, 3.0, 4.0, 5.5)
    meter = Statistic("sensor.meter", "recorder", "kWh", "energy", True, None, 0)
    piece = StatisticsPiece([row], {2: meter}, Anchor(1, ""))
    encoded = StatisticsEncoder(NdjsonEncoding(STATISTICS), RUN, HOUR).encode(piece)
    (rejected,) = encoded.rejected
    assert rejected.values == {
        "id": 1,
        "statistic_id": "sensor.meter",
        "start_ts": None,
        "mean": 1.5,
        "mean_weight": None,
        "min": 1.0,
        "max": 2.0,
        "last_reset_ts": None,
        "state": 3.0,
        "sum": 4.0,
        "created_ts": 5.5,
    }
