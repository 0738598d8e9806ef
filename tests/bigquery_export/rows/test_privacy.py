"""What does not leave the home as it is."""

from typing import Any

import orjson
import pytest

from custom_components.bigquery_export.rows.privacy import (
    DEFAULT_DROPPED,
    Coordinates,
    Privacy,
    PrivacyChoice,
)

SECRET = b"a secret of thirty-two characters"


def privacy(**choice: Any) -> Privacy:
    """Return what a choice does."""
    return Privacy(PrivacyChoice(**choice), SECRET)


def test_keys_are_dropped_by_themselves() -> None:
    """What opens a camera without a password stays at home, whatever the user chooses."""
    attributes = dict.fromkeys(DEFAULT_DROPPED, "x") | {"friendly_name": "Door"}
    assert privacy().attributes(None, attributes) == {"friendly_name": "Door"}


def test_nothing_to_drop() -> None:
    """Attributes without anything to drop are the same, and need not be written anew."""
    attributes = {"friendly_name": "Lamp", "latitude": 52.37403}
    assert privacy().attributes(None, attributes) is attributes


@pytest.mark.parametrize(
    ("entity_id", "left"),
    [
        ("media_player.tv", {"source"}),
        ("media_player.radio", {"source"}),
        ("camera.tv", {"source", "app", "brand"}),
        ("camera.door", {"source", "app"}),
    ],
)
def test_attributes_of_some_entities(entity_id: str, left: set[str]) -> None:
    """An attribute may be dropped everywhere, or of the entities that a glob matches."""
    rules = privacy(
        dropped=("secret", "media_player.*:app", "*.door:brand", "media_player.*:brand")
    )
    attributes = {"secret": 1, "app": 2, "brand": 3, "source": 4}
    assert set(rules.attributes(rules.own_rules(entity_id), attributes)) == left
    assert rules.own_rules("light.kitchen") is None


@pytest.mark.parametrize(
    ("coordinates", "latitude"),
    [(Coordinates.KEEP, 52.37403), (Coordinates.ROUND, 52.37), (Coordinates.DROP, None)],
)
def test_coordinates(coordinates: Coordinates, latitude: float | None) -> None:
    """Places are kept, rounded to a kilometre, or dropped, however deep they are."""
    rules = privacy(coordinates=coordinates)
    attributes = {"latitude": 52.37403, "zones": [{"longitude": 4.88969, "name": "home"}]}
    found = rules.attributes(None, attributes)
    assert found.get("latitude") == latitude
    assert found["zones"][0]["name"] == "home"
    assert ("longitude" in found["zones"][0]) is (coordinates is not Coordinates.DROP)


def test_users() -> None:
    """A user has one name in BigQuery, which only this installation can tell."""
    rules = privacy(hash_users=True)
    user = "a" * 32
    assert rules.user(None) is None
    assert rules.user(user) == rules.user(user)
    hashed = rules.user(user)
    assert hashed != user
    assert hashed
    assert len(hashed) == 32
    assert rules.user("b" * 32) != hashed
    assert Privacy(PrivacyChoice(hash_users=True), b"another").user(user) != hashed
    assert rules.data({"user_id": user, "context": [{"context_user_id": user}]}) == {
        "user_id": hashed,
        "context": [{"context_user_id": hashed}],
    }
    assert privacy().user(user) == user


def test_hidden_entities() -> None:
    """A hidden entity has another name wherever it is named, and says nothing of itself."""
    rules = privacy(hidden=("*.bedroom_*", "person.anna"))
    name = rules.entity("light.bedroom_lamp")
    assert name.startswith("light.hidden_")
    assert name == rules.entity("light.bedroom_lamp") != rules.entity("light.bedroom_lamp_2")
    assert rules.entity("light.kitchen") == "light.kitchen"
    assert rules.own_rules("light.bedroom_lamp") == "light.bedroom_lamp"
    attributes = {"friendly_name": "Anna's lamp", "unit_of_measurement": "W", "brightness": 3}
    assert rules.attributes("light.bedroom_lamp", attributes) == {"unit_of_measurement": "W"}
    group = {"entity_id": ["light.kitchen", "light.bedroom_lamp"], "text": "at person.anna, ok."}
    assert rules.attributes(None, group) == {
        "entity_id": ["light.kitchen", name],
        "text": f"at {rules.entity('person.anna')}, ok.",
    }
    values = {"entity_id": "person.anna", "unique_id": "anna", "area_name": "Attic", "domain": "p"}
    assert rules.registry_values("person.anna", values) == {
        "entity_id": rules.entity("person.anna"),
        "area_name": "Attic",
        "domain": "p",
    }
    assert rules.registry_values("light.kitchen", values) is values


def test_capabilities() -> None:
    """What an entity offers is sent without what is dropped of attributes; hidden ones say none."""
    rules = privacy(dropped=("token", "media_player.*:source_list"), hidden=("light.secret",))
    text = '{"members":["light.secret"],"source_list":["Anna"],"token":"x"}'

    def sent(entity_id: str, capabilities: str | None) -> Any:
        values = {"entity_id": entity_id, "capabilities": capabilities}
        return rules.registry_values(entity_id, values).get("capabilities")

    members = {"members": [rules.entity("light.secret")]}
    assert orjson.loads(sent("light.a", text)) == {**members, "source_list": ["Anna"]}
    assert orjson.loads(sent("media_player.a", text)) == members
    assert sent("media_player.a", '{"source_list":["Anna"]}') is None
    assert sent("light.secret", text) is None
    assert sent("light.a", None) is None
    plain = '{"b": 1.0}'
    assert privacy().registry_values("light.a", {"capabilities": plain})["capabilities"] is plain


@pytest.mark.parametrize("hidden", [(), ("*",), ("camera.*",)])
def test_states_in_events(hidden: tuple[str, ...]) -> None:
    """What is dropped of attributes is dropped of the states in an event's data, too."""
    rules = privacy(
        dropped=("secret", "camera.*:brand"), coordinates=Coordinates.ROUND, hidden=hidden
    )

    def state(entity_id: str) -> dict[str, Any]:
        attributes = {"secret": 1, "brand": "x", "latitude": 52.37403, "device_class": "motion"}
        return {"entity_id": entity_id, "state": "on", "attributes": attributes}

    def sent(entity_id: str) -> Any:
        data = {"entity_id": entity_id, "old_state": None, "new_state": state(entity_id)}
        event = rules.event(entity_id, data)
        assert event["old_state"] is None
        assert event["new_state"]["entity_id"] == rules.entity(entity_id) == event["entity_id"]
        assert data["new_state"] == state(entity_id)
        return event["new_state"]["attributes"]

    for entity_id in ("camera.door", "light.hall"):
        own_rules = rules.own_rules(entity_id)
        assert sent(entity_id) == rules.attributes(own_rules, state(entity_id)["attributes"])
        assert "secret" not in sent(entity_id)
    assert "brand" not in sent("camera.door")
    odd = {"new_state": {"attributes": [1]}, "old_state": "on", "secret": 1}
    assert privacy(dropped=("secret",)).event(None, odd) == odd
