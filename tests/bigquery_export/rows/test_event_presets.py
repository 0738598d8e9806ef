"""Presets of events: what each sends, and what stays at home."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.event_presets import PRESETS, EventPreset
from custom_components.bigquery_export.rows.events import EVENTS, EventChoice
from custom_components.bigquery_export.rows.events_encoder import EventEncoder
from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from custom_components.bigquery_export.source.events import EventRow, EventsPiece
from custom_components.bigquery_export.source.source_table import Anchor
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES

ENCODING = ProtobufEncoding(EVENTS)
PRIVACY = Privacy(PrivacyChoice(hidden=("*.secret",)), b"a secret of thirty-two characters")
HIDDEN = PRIVACY.entity("light.secret")
EXCLUDED = EntityFilter(exclude=Selection(globs=("*.no",), domains=("vacuum",)))
USER = bytes(16)
NOBODY = None
CODE = {"code": "4711", "message": "Ada's", "data": {"a": 1}}


def action(name: str, **data: Any) -> tuple[str, dict[str, Any]]:
    """Return the event of an action."""
    domain, _, service = name.partition(".")
    return "call_service", {"domain": domain, "service": service, "service_data": data}


def encode(
    events: Sequence[tuple[str, Any]],
    *presets: EventPreset,
    names: Sequence[str] = (),
    user: bytes | None = USER,
) -> list[dict[str, Any]]:
    """Return the rows of some events."""
    choice = Choice(EventChoice(frozenset(names), frozenset(presets)), entities=EXCLUDED)
    run = RowContext(RUN_VALUES, AMSTERDAM, choice, privacy=PRIVACY)
    types = sorted({event_type for event_type, _ in events})
    rows: list[EventRow] = [
        (id_, types.index(event_type), id_, None, 1_790_000_100.25, 0, None, None, user, None)
        for id_, (event_type, _) in enumerate(events)
    ]
    texts = {
        id_: None if data is None else orjson.dumps(data).decode()
        for id_, (_, data) in enumerate(events)
    }
    piece = EventsPiece(rows, dict(enumerate(types)), texts, Anchor(0, ""))
    encoded = EventEncoder(ENCODING, run).encode(piece)
    assert not encoded.rejected
    return [ENCODING.decode(data) for data in encoded.data]


def sent(event: tuple[str, Any], preset: EventPreset, **more: Any) -> Any:
    """Return the data that a preset sends of an event, or False if it is not sent."""
    rows = encode([event], preset, **more)
    if not rows:
        return False
    (row,) = rows
    assert row["event_type"] == event[0]
    return orjson.loads(row.get("event_data", "null"))


def called(name: str, **data: Any) -> dict[str, Any]:
    """Return the data of an action as they are sent."""
    domain, _, service = name.partition(".")
    return {"domain": domain, "service": service, "service_data": data}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (action("light.turn_on", entity_id="light.a", **CODE), {"entity_id": ["light.a"]}),
        (
            action("light.turn_on", entity_id=["light.a", "light.no", "light.secret"], **CODE),
            {"entity_id": ["light.a", HIDDEN]},
        ),
        (action("x.y", entity_id="light.a, light.b"), {"entity_id": ["light.a", "light.b"]}),
        (
            action("x.y", entity_id="all", area_id="hall"),
            {"entity_id": ["all"], "area_id": ["hall"]},
        ),
        (
            action("x.y", device_id=["0f", "{{ 4711 }}"], floor_id="f", label_id="l", brightness=3),
            {"device_id": ["0f"], "floor_id": ["f"], "label_id": ["l"]},
        ),
        (action("alarm_control_panel.alarm_disarm", **CODE), {}),
        (action("x.y", entity_id=4711, area_id={"a": "4711"}), {}),
        (action("light.turn_on", entity_id=["light.no"]), None),
        (action("vacuum.start", entity_id="vacuum.a"), None),
    ],
)
def test_actions_of_users(
    event: tuple[str, dict[str, Any]], expected: dict[str, Any] | None
) -> None:
    """Which action, on what; never its data, and nothing of what is excluded."""
    found = sent(event, EventPreset.USER_ACTIONS)
    name = f"{event[1]['domain']}.{event[1]['service']}"
    assert found == (False if expected is None else called(name, **expected))
    assert sent(event, EventPreset.USER_ACTIONS, user=NOBODY) is False


def test_by_whom() -> None:
    """An action has its user, its entity and its domain in their columns."""
    event = action("light.turn_on", entity_id="light.a")
    (row,) = encode([event], EventPreset.USER_ACTIONS)
    assert (row["context_user_id"], row["entity_id"], row["domain"], row["service"]) == (
        *(USER.hex(), "light.a", "light", "turn_on"),
    )


def test_odd_actions() -> None:
    """Data that Home Assistant would not have made are sent as far as they are ids."""
    for data in (None, {}, {"domain": 5, "service": ["4711"], "service_data": "4711"}):
        found = sent(("call_service", data), EventPreset.USER_ACTIONS)
        assert "4711" not in str(found)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (("homeassistant_start", None), None),
        (("homeassistant_started", {}), {}),
        (("homeassistant_stop", {"x": 1}), {}),
        (action("homeassistant.restart", safe_mode=True), called("homeassistant.restart")),
        (action("homeassistant.turn_on", entity_id="light.a"), False),
        (
            action("update.install", entity_id="update.core", version="2026.10.5", backup=True),
            called("update.install", entity_id=["update.core"], version="2026.10.5"),
        ),
        (
            action("homeassistant.reload_config_entry", entry_id="01J"),
            called("homeassistant.reload_config_entry", entry_id="01J"),
        ),
        (action("backup.create", key="4711"), called("backup.create")),
    ],
)
def test_lifecycle(event: tuple[str, Any], expected: Any) -> None:
    """Starts, stops and updates are sent, whoever asked for them."""
    for user in (USER, NOBODY):
        assert sent(event, EventPreset.LIFECYCLE, user=user) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            (
                "entity_registry_updated",
                {
                    "action": "update",
                    "entity_id": "light.secret",
                    "old_entity_id": "light.a",
                    "changes": {"name": "Ada's lamp", "entity_id": "light.a"},
                    "more": "Ada",
                },
            ),
            {
                "action": "update",
                "entity_id": HIDDEN,
                "old_entity_id": "light.a",
                "changes": ["entity_id", "name"],
            },
        ),
        (("entity_registry_updated", {"action": "create", "entity_id": "light.no"}), False),
        (
            (
                "device_registry_updated",
                {"action": "remove", "device_id": "0f", "device": {"serial_number": "SN-4711"}},
            ),
            {"action": "remove", "device_id": "0f"},
        ),
        (
            ("area_registry_updated", {"action": "create", "area_id": "hall", "name": "Ada"}),
            {"action": "create", "area_id": "hall"},
        ),
        (("component_loaded", {"component": "hue"}), {"component": "hue"}),
        (("config_entry_discovered", None), None),
        (("service_registered", {"domain": "a"}), False),
    ],
)
def test_registrations(event: tuple[str, Any], expected: Any) -> None:
    """What is new, changed or gone is sent, and not what it was."""
    assert sent(event, EventPreset.REGISTRATIONS, user=NOBODY) == expected


def test_log() -> None:
    """Errors are sent without addresses; warnings are not sent."""
    error = {
        "name": "homeassistant.components.hue",
        "level": "ERROR",
        "message": ["No answer of light.secret at 192.168.1.9", 5],
        "source": ["components/hue/bridge.py", 88],
        "exception": "Traceback: GET https://ada:pw@hub.test/api failed",
        "count": 3,
        "first_occurred": 1.5,
        "timestamp": 2.5,
        "token": "4711",
    }
    assert sent(("system_log_event", error), EventPreset.LOG, user=NOBODY) == {
        "name": "homeassistant.components.hue",
        "level": "ERROR",
        "message": [f"No answer of {HIDDEN} at …", 5],
        "source": ["components/hue/bridge.py", 88],
        "exception": "Traceback: GET … failed",
        "count": 3,
        "first_occurred": 1.5,
    }
    assert sent(("system_log_event", {**error, "level": "WARNING"}), EventPreset.LOG) is False


def test_automations() -> None:
    """What automations do is sent as by default, and more of what calls them."""
    data = {"name": "Lights", "entity_id": "automation.a", "source": "state of sun.sun"}
    assert sent(("automation_triggered", data), EventPreset.AUTOMATIONS) == data
    event = action("script.turn_on", entity_id="script.a", variables={"code": "4711"})
    expected = called("script.turn_on", entity_id=["script.a"])
    assert sent(event, EventPreset.AUTOMATIONS, user=NOBODY) == expected
    assert sent(action("light.turn_on"), EventPreset.AUTOMATIONS) is False


def test_together() -> None:
    """What two presets send of an event is sent once; what is chosen by its name as a whole."""
    update = action("update.install", entity_id="update.a", version="2", backup=True)
    both = (EventPreset.LIFECYCLE, EventPreset.USER_ACTIONS)
    for presets in (both, both[::-1]):
        (row,) = encode([update], *presets)
        assert orjson.loads(row["event_data"]) == called(
            "update.install", entity_id=["update.a"], version="2"
        )
    (row,) = encode([update], *both, names=["call_service.update"])
    assert orjson.loads(row["event_data"]) == update[1]
    lamp = action("light.turn_on", entity_id="light.a")
    assert len(encode([update, lamp], *both)) == 2
    assert len(encode([update, lamp], *both, user=NOBODY)) == 1
    assert encode([update], names=["tag_scanned"]) == []


def test_types() -> None:
    """The types of all chosen events are read; each preset has some."""
    assert set(PRESETS) == set(EventPreset)
    for preset in EventPreset:
        types = {rule.event_type for rule in PRESETS[preset]}
        assert EventChoice(frozenset(), frozenset({preset})).types == types
    assert not EventChoice().tells_users
    assert EventChoice(presets=frozenset({EventPreset.USER_ACTIONS})).tells_users
