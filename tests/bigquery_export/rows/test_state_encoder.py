"""Encoding states as rows of `sensor_data`."""

from datetime import UTC, datetime, timedelta
import json
import math
from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_to_bytes
from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.local_time import Place, microseconds
from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA, run_values
from custom_components.bigquery_export.rows.state_encoder import StateEncoder
from custom_components.bigquery_export.source.ambient_states import AmbientStates
from custom_components.bigquery_export.source.states import StateRow, StatesPiece
from tests.bigquery_export.support.state_rows import ENCODING, NOON, STARTED, encoder, row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ULID = "01KAF3ZJ6QW3T4Y5Z6A7B8C9D0"
ENTITIES = {1: "sensor.kitchen", 2: "light.hall"}
ATTRIBUTES = {7: '{"friendly_name":"Küche","unit_of_measurement":"°C"}', 8: None}


def encode(*rows: StateRow, zone: str = "Europe/Amsterdam") -> list[dict[str, Any]]:
    """Encode rows that all can be, and read them again."""
    encoded = encoder(zone=zone).encode(StatesPiece(rows, ENTITIES, ATTRIBUTES))
    assert not encoded.rejected
    return [ENCODING.decode(data) for data in encoded.data]


def rejection(state_row: StateRow) -> str:
    """Return why a row is rejected, while the one beside it is not."""
    encoded = encoder().encode(StatesPiece([state_row, row(state_id=6)], ENTITIES, ATTRIBUTES))
    assert encoded.ids == [6]
    (rejected,) = encoded.rejected
    assert rejected.values["state_id"] == 5
    return rejected.reason


def test_row() -> None:
    """A row has the values of its run, entity, attributes and quarter, and its own."""
    (values,) = encode(
        row(
            context=ulid_to_bytes(ULID),
            user=bytes(range(16)),
            parent=ulid_to_bytes(ULID),
            changed=NOON.timestamp() - 60,
        )
    )
    assert values == {
        "entity_id": "sensor.kitchen",
        "state": "21.5",
        "attributes": ATTRIBUTES[7],
        "last_changed": round((NOON.timestamp() - 60) * 1_000_000),
        "last_updated": round(NOON.timestamp() * 1_000_000),
        "context_id": ULID,
        "context_user_id": "000102030405060708090a0b0c0d0e0f",
        "domain": "sensor",
        "friendly_name": "Küche",
        "unit_of_measurement": "°C",
        "export_timestamp": round(STARTED.timestamp() * 1_000_000),
        "context_parent_id": ULID,
        "state_numeric": 21.5,
        "state_changed": False,
        "is_available": True,
        "local_time": "2026-11-21 13:00:00.250000",
        "hour_of_day": 13,
        "day_of_week": 6,
        "month": 11,
        "is_weekend": True,
        "is_daylight": True,
        "time_of_day": "afternoon",
        "season": "autumn",
        "source": "home",
        "state_id": 5,
        "export_id": "export",
    }


def test_removed_entity() -> None:
    """A removed entity has no state: the column is absent, which is NULL, and not empty."""
    removed, empty = encode(row(state=None), row(state=""))
    assert "state" not in removed
    assert not removed["is_available"]
    assert empty["state"] == ""


def test_last_changed_falls_back_to_last_updated() -> None:
    """The recorder leaves last_changed out when it is the same as last_updated."""
    same, other = encode(row(), row(changed=NOON.timestamp() - 1))
    assert same["last_changed"] == same["last_updated"]
    assert same["state_changed"]
    assert not other["state_changed"]


def test_attributes_of_a_row_from_before_2022() -> None:
    """Rows that were migrated from an old schema still hold their own attributes."""
    (values,) = encode(row(attributes_id=None, attributes='{"friendly_name":"Old"}'))
    assert values["attributes"] == '{"friendly_name":"Old"}'
    assert values["friendly_name"] == "Old"


@pytest.mark.parametrize("attributes_id", [None, 8])
def test_no_attributes(attributes_id: int | None) -> None:
    """Attributes that are not there are NULL."""
    (values,) = encode(row(attributes_id=attributes_id))
    assert "attributes" not in values


@pytest.mark.parametrize(
    "zone", ["UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe"]
)
def test_local_time_in_every_quarter(zone: str) -> None:
    """Local time is right for each minute of a year, in zones with odd offsets and half hours."""
    start = datetime(2026, 1, 1, 0, 0, 59, 999_999, tzinfo=UTC)
    moments = [start + timedelta(minutes=minute) for minute in range(0, 525_600, 53)]
    values = encode(*[row(updated=moment.timestamp()) for moment in moments], zone=zone)
    for moment, value in zip(moments, values, strict=True):
        local = moment.astimezone(ZoneInfo(zone))
        assert value["local_time"] == f"{local:%Y-%m-%d %H:%M:%S.%f}"
        assert value["hour_of_day"] == local.hour


@given(st.floats(0, 4_102_444_800))
def test_microseconds_are_those_of_home_assistant(seconds: float) -> None:
    """Times are rounded to microseconds as Home Assistant does when it reads the recorder."""
    shown = dt_util.utc_from_timestamp(seconds)
    assert microseconds(seconds) == (shown - EPOCH) // timedelta(microseconds=1)


def test_quarters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of quarters is dropped when it gets too much."""
    monkeypatch.setattr("custom_components.bigquery_export.rows.state_fragments._MAX_QUARTERS", 10)
    states = encoder()
    for number in range(100):
        rows = [row(updated=NOON.timestamp() + number * 900)]
        assert states.encode(StatesPiece(rows, ENTITIES, ATTRIBUTES)).data
        assert len(states._fragments.quarters) <= 10


def test_attributes_of_earlier_pieces() -> None:
    """Attributes are known from the piece on that has brought them."""
    states = encoder()

    def attributes(attributes_id: int, texts: dict[int, str | None]) -> Any:
        rows = [row(attributes_id=attributes_id), row(attributes_id=attributes_id, metadata_id=2)]
        encoded = states.encode(StatesPiece(rows, ENTITIES, texts))
        first, second = (ENCODING.decode(data).get("attributes") for data in encoded.data)
        assert first == second
        return first

    assert attributes(1, {1: '{"number":1}'}) == '{"number":1}'
    assert attributes(2, {2: '{"number":2}'}) == '{"number":2}'
    assert attributes(1, {}) == '{"number":1}'
    assert states.attributes.missing({1, 2, 3}) == {3}


def test_attributes_of_a_row_that_is_rejected_later() -> None:
    """A row that is rejected is readable with attributes that came with an earlier piece."""
    states = encoder()
    texts = {1: '{"number":1}', 2: '{"number":2}'}
    good = [row(attributes_id=1)]
    assert len(states.encode(StatesPiece(good, ENTITIES, texts)).data) == 1
    bad = [row(attributes_id=1, updated=None), row(attributes_id=2, updated=None)]
    for brought in (texts, {}):
        rejected = states.encode(StatesPiece(bad, ENTITIES, brought)).rejected
        assert [one.values["attributes"] for one in rejected] == [texts[1], texts[2]]


def test_repaired_rows() -> None:
    """Rows whose attributes are not JSON are told by their ids, shared attributes or not."""
    states = encoder()
    rows = [
        row(state_id=1, attributes_id=1),
        row(state_id=2, attributes_id=2),
        row(state_id=3, attributes_id=None, attributes="{"),
        row(state_id=4, attributes_id=None, attributes="{}"),
        row(state_id=5, attributes_id=2),
    ]
    texts = {1: '{"a":1}', 2: '{"a":NaN}'}
    for brought in (texts, {}):
        encoded = states.encode(StatesPiece(rows, ENTITIES, brought))
        sent = [ENCODING.decode(data).get("attributes") for data in encoded.data]
        assert sent == ['{"a":1}', '{"a":null}', None, "{}", '{"a":null}']
        assert encoded.repaired == [2, 3, 5]


def test_own_rules() -> None:
    """Attributes that entities share are sent as each may send them."""
    run = run_values(source="home", export_id="export", started=STARTED)
    place = Place(ZoneInfo("Europe/Amsterdam"), Observer(52.4, 4.9, 0))
    privacy = Privacy(PrivacyChoice(dropped=("light.*:secret",)))
    states = StateEncoder(ENCODING, RowContext(run, place, privacy=privacy))
    rows = [row(attributes_id=1, metadata_id=number) for number in (1, 2)]
    encoded = states.encode(StatesPiece(rows, ENTITIES, {1: '{"secret":1,"b":2}'}))
    sent = [ENCODING.decode(data)["attributes"] for data in encoded.data]
    assert sent == ['{"secret":1,"b":2}', '{"b":2}']


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata_id": None}, "no longer knows its entity"),
        ({"metadata_id": 99}, "no longer knows its entity"),
        ({"updated": None}, "has no time"),
        ({"updated": float("nan")}, "not in the years 1 to 9999"),
        ({"updated": 1e300}, "not in the years 1 to 9999"),
        ({"changed": -1e11}, "not in the years 1 to 9999"),
        ({"updated": 253_402_300_799.5}, "range"),
        ({"context": b"short"}, "16"),
        ({"state": "\ud800"}, "surrogates"),
    ],
)
def test_rejected_rows(changes: dict[str, Any], reason: str) -> None:
    """A row that cannot be encoded is rejected with the reason, and stops no other."""
    assert reason in rejection(row(**changes))


CONTEXTS = st.one_of(st.none(), st.binary(min_size=16, max_size=16), st.just(b"short"))
ROWS = st.lists(
    st.builds(
        row,
        metadata_id=st.sampled_from([1, 2, 3, None, 99]),
        state=st.one_of(st.sampled_from([None, "21.5", "on", "unavailable"]), st.text(max_size=9)),
        updated=st.one_of(
            st.floats(1.79e9, 1.79e9 + 4_000),
            st.sampled_from([None, 0.0, 1e9, math.nan, 1e300]),
        ),
        changed=st.one_of(st.none(), st.floats(1.79e9, 1.79e9 + 4_000), st.just(-1e11)),
        attributes_id=st.sampled_from([7, 8, None]),
        attributes=st.sampled_from([None, "{}", '{"friendly_name":"Hall"}', "{"]),
        context=CONTEXTS,
        user=st.one_of(st.none(), st.just(bytes(range(16)))),
        parent=CONTEXTS,
    ),
    min_size=1,
    max_size=30,
)


@pytest.mark.parametrize("encoding", [ENCODING, NdjsonEncoding(SENSOR_DATA)])
@given(rows=ROWS)
def test_together_and_alone(
    encoding: ProtobufEncoding | NdjsonEncoding, rows: list[StateRow]
) -> None:
    """A piece is encoded as its rows would be alone, whatever some of them are like."""
    rows = [(number, *row[1:]) for number, row in enumerate(rows)]
    choice = Choice(entities=EntityFilter(exclude=Selection(entities=frozenset({"lock.door"}))))
    run = run_values(source="home", export_id="export", started=STARTED)
    place = Place(ZoneInfo("Europe/Amsterdam"), Observer(52.4, 4.9, 0))
    entities = {**ENTITIES, 3: "lock.door"}

    def encode(piece: list[StateRow]) -> EncodedRows:
        states = StateEncoder(encoding, RowContext(run, place, choice))
        return states.encode(StatesPiece(piece, entities, ATTRIBUTES))

    together = encode(rows)
    alone = EncodedRows()
    for one in rows:
        alone.extend(encode([one]))
    assert list(map(encoding.decode, together.data)) == list(map(encoding.decode, alone.data))
    assert together.ids == alone.ids
    assert together.names == alone.names
    assert together.times == alone.times
    assert together.days == alone.days
    assert together.rejected == alone.rejected


AMBIENT = AmbientStates(
    (NOON.timestamp(), NOON.timestamp() + 1),
    (("0.25", "sunny", None), ("unavailable", "", "home")),
    NOON.timestamp() + 9,
)


@pytest.mark.parametrize("encoding", [ENCODING, NdjsonEncoding(SENSOR_DATA)])
def test_ambient(encoding: ProtobufEncoding | NdjsonEncoding) -> None:
    """Each row has the context entities' states at its time, and the same is encoded once."""
    states = encoder("price", "weather", "anna", encoding=encoding)
    rows = [row(updated=NOON.timestamp() + second) for second in (0, 0.5, 1, 8)]
    encoded = states.encode(StatesPiece(rows, ENTITIES, ATTRIBUTES, AMBIENT))
    ambient = [json.loads(encoding.decode(data)["ambient"]) for data in encoded.data]
    assert ambient[0] == {"price": 0.25, "weather": "sunny", "anna": None}
    assert ambient[2] == {"price": None, "weather": "", "anna": "home"}
    assert ambient == [ambient[0]] * 2 + [ambient[2]] * 2
    assert len(states._fragments.ambient) == 2


def test_no_ambient() -> None:
    """Where nothing is named the column is NULL."""
    (values,) = encode(row())
    assert "ambient" not in values


def test_remembered_ambient_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoded states of context entities are forgotten, the oldest first."""
    monkeypatch.setattr(
        "custom_components.bigquery_export.rows.state_fragments._MAX_AMBIENT_BYTES", 500
    )
    states = encoder("price")
    for number in range(200):
        line = AmbientStates((NOON.timestamp(),), ((str(number),),), NOON.timestamp())
        (data,) = states.encode(StatesPiece([row()], ENTITIES, ATTRIBUTES, line)).data
        assert ENCODING.decode(data)["ambient"] == f'{{"price":{number}}}'
        assert sum(map(len, states._fragments.ambient.values())) < 600
