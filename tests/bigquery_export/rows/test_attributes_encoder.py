"""Encoding sets of attributes, and remembering them."""

from typing import Any
from unittest.mock import Mock

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows import attributes_encoder
from custom_components.bigquery_export.rows.attributes_encoder import AttributesEncoder, RowSets
from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.source.source_table import HIGHEST_ID
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.sources import decoded, source

ENCODING = ProtobufEncoding(SENSOR_DATA)
SHARED = Privacy()
OWN_RULES = Privacy(PrivacyChoice(dropped=("light.*:secret",)))
LIMIT = 3_000


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes_encoder, "MAX_BYTES", LIMIT)


def text(id_: int) -> str:
    """Return attributes of which no others are like them."""
    return f'{{"number":{id_}}}'


def rows(*ids: int) -> RowSets:
    """Return rows with these attributes, which have no rules of their own."""
    nothing = [None] * len(ids)
    return RowSets(nothing, ids, nothing, nothing)


def encode(attributes: AttributesEncoder, *ids: int) -> set[int | None]:
    """Encode a piece that brings what is missing, check it, and return what that was."""
    missing = set(attributes.missing(set(ids)))
    attributes.learn(set(ids), {id_: text(id_) for id_ in missing if id_ is not None})
    fragments = attributes.of(rows(*ids))
    sent = [ENCODING.decode(fragment)["attributes"] for fragment in fragments]
    assert sent == [text(id_) for id_ in ids]
    return missing


def remembered(attributes: AttributesEncoder, ids: range) -> set[int]:
    """Return which attributes need not be brought again."""
    return set(ids) - attributes.missing(set(ids))


def test_bounded() -> None:
    """However many attributes there are, few are remembered, and the others come again."""
    attributes = AttributesEncoder(ENCODING, SHARED)
    for id_ in range(100):
        assert encode(attributes, id_) == {id_}
        assert 0 < len(remembered(attributes, range(100))) < 25
    assert encode(attributes, 99) == set()
    assert encode(attributes, 0) == {0}


def test_in_use() -> None:
    """What rows have all the time is encoded once, however much comes and goes beside it."""
    attributes = AttributesEncoder(ENCODING, SHARED)
    brought = [encode(attributes, 1, id_) for id_ in range(2, 100)]
    assert brought == [{1, 2}, *({id_} for id_ in range(3, 100))]
    assert len(remembered(attributes, range(100))) < 25


def test_what_cannot_be_encoded() -> None:
    """What cannot be encoded is not remembered: it is brought whenever a row has it."""
    encoding = Mock(wraps=ENCODING)
    encoding.fragments.side_effect = ValueError("no")
    attributes = AttributesEncoder(encoding, SHARED)
    for _ in range(2):
        assert attributes.missing({1}) == {1}
        attributes.learn({1}, {1: "{"})
        with pytest.raises(ValueError, match="no"):
            attributes.of(rows(1))
        assert attributes.readable(1) == "{"
    encoding.fragments.side_effect = None
    attributes.learn({2}, {2: "{}"})
    assert attributes.readable(1) is None


def test_own_rules() -> None:
    """Who has rules of their own gets attributes by these, in whichever piece they are."""
    attributes = AttributesEncoder(ENCODING, OWN_RULES)
    texts: dict[int, str | None] = {1: '{"a":1,"secret":2}', 2: None}
    for _ in range(2):
        assert attributes.missing(texts.keys()) == texts.keys()
        attributes.learn(texts.keys(), texts)
        sent = attributes.of(rows(1, 1, 2)._replace(rules=[None, "light.hall", "light.hall"]))
        assert [ENCODING.decode(fragment).get("attributes") for fragment in sent] == [
            '{"a":1,"secret":2}',
            '{"a":1}',
            None,
        ]


async def test_of_a_source(hass: HomeAssistant) -> None:
    """A source reads attributes when they are met first, and again when they were forgotten."""
    for number in range(60):
        hass.states.async_set("light.steady", str(number), {"friendly_name": "Steady"})
        hass.states.async_set("light.restless", str(number), {"number": number % 30})
    await async_wait_recording_done(hass)
    states = source(hass, SENSOR_DATA)
    brought: list[str | None] = []
    sent: list[dict[str, Any]] = []
    cursor = 0
    while piece := await in_recorder(hass, states.reader.read, cursor, HIGHEST_ID, 10):
        cursor = piece.last.id
        brought += piece.attributes.values()
        sent += decoded(SENSOR_DATA, states.encoder.encode(piece))
    assert len(sent) == 120
    for row in sent:
        steady = row["entity_id"] == "light.steady"
        assert row["attributes"] == (
            '{"friendly_name":"Steady"}' if steady else text(int(row["state"]) % 30)
        )
    assert brought.count('{"friendly_name":"Steady"}') == 1
    assert len(brought) == 61
