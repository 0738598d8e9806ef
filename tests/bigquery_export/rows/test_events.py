"""Encoding events as rows of `events`."""

from typing import Any

from homeassistant.util.ulid import ulid_to_bytes
import pytest

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.columns import quarter_values, run_values
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.events import (
    DEFAULT_EVENTS,
    EVENTS,
    EventChoice,
    event_values,
    origin,
)
from custom_components.bigquery_export.rows.events_encoder import EventEncoder
from custom_components.bigquery_export.rows.fragments import Fragments
from custom_components.bigquery_export.rows.json_objects import json_object
from custom_components.bigquery_export.rows.table import Scope
from custom_components.bigquery_export.source.events import EventRow, EventsPiece
from custom_components.bigquery_export.source.source_table import Anchor
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES, STARTED

ENCODING = ProtobufEncoding(EVENTS)
FIRED = 1_790_000_100.25  # 2026-09-21 14:15 UTC
MICROS = 1_790_000_100_250_000
ULID = "01KAF3ZJ6QW3T4Y5Z6A7B8C9D0"
TYPES = {1: "automation_triggered", 2: "call_service", 3: None}
DATA = {
    1: '{"name":"Lights","entity_id":"automation.lights","source":"state of sun.sun"}',
    2: '{"domain":"scene","service":"turn_on","service_data":{"entity_id":["scene.film"]}}',
    3: '{"domain":"lock","service":"unlock","service_data":{"code":"1234"}}',
    4: None,
}


def encoder(*names: str) -> EventEncoder:
    """Return an encoder of chosen events."""
    choice = EventChoice(frozenset(names) or DEFAULT_EVENTS)
    return EventEncoder(ENCODING, RowContext(RUN_VALUES, AMSTERDAM, Choice(choice)))


def row(**changes: Any) -> EventRow:
    """Return a row as the recorder has it, with changes."""
    values: dict[str, Any] = {
        "event_id": 5,
        "event_type_id": 1,
        "data_id": 1,
        "event_data": None,
        "fired": FIRED,
        "origin_idx": 0,
        "origin": None,
        "context": None,
        "user": None,
        "parent": None,
    }
    return tuple((values | changes).values())


def piece(*rows: EventRow) -> EventsPiece:
    """Return a piece of these rows."""
    return EventsPiece(rows, TYPES, DATA, Anchor(0, ""))


def encode(*rows: EventRow, choice: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Encode rows that all can be, and read them again."""
    encoded = encoder(*choice).encode(piece(*rows))
    assert not encoded.rejected
    return [ENCODING.decode(data) for data in encoded.data]


def test_table() -> None:
    """Events are found by their type and entity."""
    assert (EVENTS.partition_by, EVENTS.partition_unit) == ("time_fired", "DAY")
    assert EVENTS.cluster_by == ("event_type", "entity_id")
    names = [column.name for column in EVENTS.columns]
    assert len(names) == len(set(names))


def test_each_scope_computes_its_own_columns() -> None:
    """What a scope's function returns are columns of that scope, and nothing is forgotten."""
    run = run_values(source="s", export_id="e", started=STARTED)
    assert run.keys() == EVENTS.names(Scope.RUN)
    quarter = quarter_values(STARTED, AMSTERDAM.observer)
    assert quarter.keys() == EVENTS.names(Scope.QUARTER)
    assert event_values("a", json_object("{}")).keys() == EVENTS.names(Scope.ATTRIBUTES)
    assert not EVENTS.names(Scope.ENTITY)
    context = ulid_to_bytes(ULID)
    (sent,) = encode(row(context=context, user=context, parent=context))
    assert EVENTS.names(Scope.ROW) <= sent.keys()


def test_row() -> None:
    """A row has the values of its run, its data and quarter, and its own."""
    (values,) = encode(
        row(context=ulid_to_bytes(ULID), user=bytes(range(16)), parent=ulid_to_bytes(ULID))
    )
    assert values == {
        "event_type": "automation_triggered",
        "event_data": DATA[1],
        "time_fired": MICROS,
        "origin": "LOCAL",
        "context_id": ULID,
        "context_user_id": "000102030405060708090a0b0c0d0e0f",
        "context_parent_id": ULID,
        "entity_id": "automation.lights",
        "domain": "automation",
        "local_time": "2026-09-21 16:15:00.250000",
        "hour_of_day": 16,
        "day_of_week": 1,
        "month": 9,
        "is_weekend": False,
        "is_daylight": True,
        "time_of_day": "afternoon",
        "season": "autumn",
        "source": "home",
        "event_id": 5,
        "export_id": "export",
        "export_timestamp": round(STARTED.timestamp() * 1e6),
    }


def test_key() -> None:
    """An event is known by its type and time, and belongs to the day that it was fired on."""
    encoded = encoder().encode(piece(row(), row(event_id=6, fired=-0.5)))
    assert encoded.ids == [5, 6]
    assert encoded.names == ["automation_triggered"] * 2
    assert encoded.times == [MICROS, -500_000]
    assert encoded.days == {20_717, -1}


def test_empty_entity() -> None:
    """An event of no entity is exported, also if it says so by an empty one."""
    (sent,) = encode(row(data_id=None, event_data='{"entity_id":""}'))
    assert sent["entity_id"] == ""


def test_action_of_a_scene() -> None:
    """What a scene does is known by the action that turns it on; a lock's code is not sent."""
    rows = (row(event_type_id=2, data_id=2), row(event_type_id=2, data_id=3, event_id=6))
    (scene,) = encode(*rows)
    assert (scene["domain"], scene["service"]) == ("scene", "turn_on")
    assert scene["entity_id"] == "scene.film"
    assert [value["event_id"] for value in encode(*rows, choice=("call_service",))] == [5, 6]
    assert encode(*rows, choice=("automation_triggered",)) == []
    assert [v["event_id"] for v in encode(*rows, choice=("call_service.lock",))] == [6]


def test_choice() -> None:
    """A choice says which types to read; only those of call_service can be chosen by domain."""
    assert EventChoice().types == {"automation_triggered", "script_started", "call_service"}
    assert EventChoice(frozenset()).types == set()
    timers = EventChoice(frozenset({"timer.finished"}))
    assert timers.types == {"timer.finished"}
    assert timers.includes("timer.finished", None)
    assert not timers.includes("call_service", "finished")
    both = EventChoice(frozenset({"call_service", "call_service.scene"}))
    assert both.includes("call_service", "light")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("{}", {}),
        (None, {}),
        ('{"entity_id":"light.a"}', {"entity_id": "light.a", "domain": "light"}),
        ('{"entity_id":["light.a"]}', {"entity_id": "light.a", "domain": "light"}),
        ('{"entity_id":["light.a","light.b"]}', {}),
        ('{"entity_id":5,"domain":null,"service":["x"]}', {}),
        ('{"domain":"lock","entity_id":"light.a"}', {"domain": "lock", "entity_id": "light.a"}),
        ('{"service_data":{"entity_id":"light.a"}}', {"entity_id": "light.a", "domain": "light"}),
        ('{"service_data":{"entity_id":["light.a","light.b"]},"domain":"light"}',
         {"domain": "light"}),
        ('{"service_data":"light.a"}', {}),
        ('{"user_id":"0123"}', {"user_id": "0123"}),
    ],
)  # fmt: skip
def test_columns_of_data(text: str | None, columns: dict[str, str]) -> None:
    """What data name is taken out where it is text, and one entity."""
    values = event_values("any", json_object(text))
    found = {name: value for name, value in values.items() if value is not None}
    expected = {"event_type": "any", **columns}
    assert found == (expected if text is None else expected | {"event_data": text})


@pytest.mark.parametrize(
    ("index", "text", "expected"),
    [(0, None, "LOCAL"), (1, "LOCAL", "REMOTE"), (None, "REMOTE", "REMOTE"), (2, None, "2")],
)
def test_origin(index: int | None, text: str | None, expected: str) -> None:
    """The origin of old rows is a text, and that of others a number."""
    assert origin(index, text) == expected


@pytest.mark.parametrize("data_id", [None, 4, 99])
def test_no_data(data_id: int | None) -> None:
    """Data that are not there are NULL, and empty ones are not."""
    (values,) = encode(row(data_id=data_id))
    assert "event_data" not in values
    assert "entity_id" not in values
    (empty,) = encode(row(data_id=None, event_data="{}"))
    assert empty["event_data"] == "{}"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_type_id": None}, "no longer knows its type"),
        ({"event_type_id": 3}, "no longer knows its type"),
        ({"event_type_id": 99}, "no longer knows its type"),
        ({"fired": None}, "has no time"),
        ({"fired": float("nan")}, "not in the years 1 to 9999"),
        ({"fired": -1e11}, "not in the years 1 to 9999"),
        ({"fired": 253_402_300_799.5}, "range"),
        ({"context": b"short"}, "16"),
    ],
)
def test_rejected_rows(changes: dict[str, Any], reason: str) -> None:
    """An event that cannot be encoded is rejected with the reason, and stops no other."""
    encoded = encoder().encode(piece(row(**changes), row(event_id=6)))
    assert encoded.ids == [6]
    (rejected,) = encoded.rejected
    assert reason in rejected.reason
    assert rejected.values["event_id"] == 5


def test_fragments_are_bounded() -> None:
    """What is remembered is dropped when it gets too much, and what is empty is not kept."""
    made = []

    def make(key: int) -> bytes:
        made.append(key)
        return b"x" * key

    fragments = Fragments[int](make, max_bytes=3_000)
    for _ in range(2):
        assert [len(fragments[key]) for key in (0, 10, 20)] == [0, 10, 20]
    assert made == [0, 10, 20, 0]
    for key in range(30, 60):
        assert len(fragments[key]) == key
        # With what each takes besides, there is room for some fourteen of them.
        assert len(fragments) < 15
    # It remembers again what comes after.
    for key in [*range(1, 11)] * 2:
        assert len(fragments[key]) == key
    assert fragments.keys() >= set(range(1, 11))
