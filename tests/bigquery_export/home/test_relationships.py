"""What is read of relationships in homes that are not as usual."""

import asyncio
from dataclasses import dataclass
from typing import Any

from homeassistant.components import automation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.script import async_validate_actions_config
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.home import (
    relationships as relationships_module,
    steps as steps_module,
)
from custom_components.bigquery_export.home.automation_actions import (
    action_edges,
    async_trigger_edges,
)
from custom_components.bigquery_export.home.helper_entities import helper_edges
from custom_components.bigquery_export.home.relationships import async_relationships
from custom_components.bigquery_export.rows.relationships import (
    RELATIONSHIPS,
    Edge,
    Kind,
    Node,
    NodeType,
    edge_row_values,
)
from custom_components.bigquery_export.rows.table import Scope
from tests.bigquery_export.support.registered_home import Home, furnish


@dataclass
class Steps:
    """Steps of an automation, as Home Assistant has them after the set-up."""

    hass: HomeAssistant

    async def acts(self, *actions: dict[str, Any]) -> set[str]:
        """Return what actions do."""
        steps = await async_validate_actions_config(self.hass, cv.SCRIPT_SCHEMA(list(actions)))
        return sentences(action_edges(self.hass, "automation.a", steps))

    async def triggered(self, *triggers: dict[str, Any], key: str = "triggers") -> set[str]:
        """Return what triggers."""
        config = {key: list(triggers)}
        return sentences(await async_trigger_edges(self.hass, "automation.a", config))


@pytest.fixture
def home(hass: HomeAssistant) -> Home:
    """Return a home with a light in a device, and other things in it."""
    home = Home(hass)
    home.areas.async_create("Kitchen")
    lamp = home.device("Lamp")
    home.devices.async_update_device(lamp.id, area_id="kitchen")
    for domain in ("light", "sensor"):
        home.entities.async_get_or_create(
            domain,
            "thread_bridge",
            domain,
            suggested_object_id="lamp",
            config_entry=home.entry,
            device_id=lamp.id,
        )
    return home


@pytest.fixture
def steps(home: Home) -> Steps:
    """Return what reads steps in that home."""
    return Steps(home.hass)


def sentences(edges: list[Edge]) -> set[str]:
    """Return edges without what they begin at."""
    return {
        " ".join((edge.kind, edge.end.id if edge.end.type == "entity" else ":".join(edge.end)))
        for edge in edges
    }


def test_columns() -> None:
    """The values of an edge are the columns of its scope, and one text tells edges apart."""
    edge = Edge(Node(NodeType.AREA, "a"), Kind.ON_FLOOR, Node(NodeType.FLOOR, "f"))
    values = edge_row_values(edge, "A", None)
    assert values.keys() == RELATIONSHIPS.names(Scope.ENTITY)
    assert values["edge"] == edge.key == "area a on_floor floor f"
    assert RELATIONSHIPS.names(Scope.ROW) == {"valid_from", "removed", "generation"}


async def test_nothing_is_set_up(hass: HomeAssistant) -> None:
    """Where there are no automations, scripts, groups and persons, they have no edges."""
    assert await async_relationships(hass) == {}
    assert not {"automation", "script", "scene", "group", "person"} & hass.config.components
    furnish(Home(hass))
    rows = await async_relationships(hass)
    assert {row.values["kind"] for row in rows.values()} == {
        *("part_of", "in_area", "on_floor", "via_device", "provided_by", "has_label"),
    }
    assert not {"automation", "script", "scene", "group", "person"} & hass.config.components


async def no_integrations(_: HomeAssistant) -> dict[str, Any]:
    """Return nothing, and at once."""
    return {}


async def test_others_get_their_turn(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant runs between steps, and what is removed in between does no harm."""
    home = Home(hass)
    furnish(home)
    monkeypatch.setattr(steps_module, "_STEP", -1.0)
    monkeypatch.setattr(relationships_module, "_async_integrations", no_integrations)
    turns = 0

    async def live() -> None:
        nonlocal turns
        while True:
            turns += 1
            if turns == 3:
                home.entities.async_remove("sensor.alone")
                home.areas.async_delete("attic")
            await asyncio.sleep(0)

    living = hass.async_create_background_task(live(), "living")
    rows = await async_relationships(hass)
    living.cancel()
    # A turn for each of twelve things, and one for each edge.
    assert turns >= 12 + len(rows)
    monkeypatch.undo()
    assert len(await async_relationships(hass)) > 10


async def test_name_that_cannot_be_encoded(hass: HomeAssistant) -> None:
    """A name that is no text, or no Unicode, does not stop its edge."""
    home = Home(hass)
    label = home.labels.async_create("Whole")
    home.areas.async_create("Kitchen", labels={label.label_id})
    object.__setattr__(label, "name", "half \ud800")
    rows = await async_relationships(hass)
    object.__setattr__(label, "name", "Whole")
    assert [row.values["to_name"] for row in rows.values()] == ["half ?"]


async def test_options_of_helpers(hass: HomeAssistant) -> None:
    """Options name entities by id, by the registry's id, deep in lists, and in templates."""
    home = Home(hass)
    known = home.entity("known")
    for name in ("one", "two", "three", "four"):
        home.entity(name)
    options = {
        "name": "sensor.four",
        "source": known.id,
        "entity_ids": ["sensor.one", "sensor.missing"],
        "advanced": {"deep": ["sensor.two"]},
        "state": "{{ states('sensor.three') }}",
        "wrong": "{{ states('sensor.four') | no_such_filter }}",
        "number": "1.5",
        "itself": "sensor.made",
    }
    entry = MockConfigEntry(domain="min_max", options=options)
    entry.add_to_hass(hass)
    home.entities.async_get_or_create(
        "sensor", "min_max", "made", suggested_object_id="made", config_entry=entry
    )
    (edges,) = helper_edges(hass, {"min_max"})
    assert sentences(list(edges)) == {
        *("made_from sensor.known", "made_from sensor.one", "made_from sensor.two"),
        "made_from sensor.three",
    }
    assert {edge.start.id for edge in edges} == {"sensor.made"}


async def test_helpers_of_yaml(hass: HomeAssistant) -> None:
    """Helpers without a config entry say in their attributes what they are made from."""
    home = Home(hass)
    home.entity("known")
    await home.add_unregistered("sensor.made")
    hass.states.async_set("sensor.made", "1", {"source": "sensor.known", "entity_id": 5})
    (edges,) = helper_edges(hass, {"template"})
    assert sentences(list(edges)) == {"made_from sensor.known"}
    assert list(helper_edges(hass, set())) == []


async def test_actions_within_actions(steps: Steps) -> None:
    """Actions are found however deep they are, and not where they are switched off."""

    def turn_on(name: str, **more: Any) -> dict[str, Any]:
        return {"action": "light.turn_on", "target": {"entity_id": f"light.{name}"}, **more}

    condition = {"condition": "state", "entity_id": "light.no", "state": "on"}
    assert await steps.acts(
        {"if": [condition], "then": [turn_on("then")], "else": [turn_on("else")]},
        {
            "choose": [{"conditions": [condition], "sequence": [turn_on("choose")]}],
            "default": [turn_on("default")],
        },
        {"repeat": {"count": 2, "sequence": [turn_on("repeat")]}},
        {"parallel": [turn_on("parallel"), {"sequence": [turn_on("both"), condition]}]},
        {"sequence": [{"sequence": [turn_on("deep")]}]},
        {"wait_for_trigger": [{"trigger": "state", "entity_id": "light.no"}]},
        {"event": "happened", "event_data": {"entity_id": "light.no"}},
        turn_on("no", enabled=False),
        {"if": [condition], "then": [turn_on("no")], "enabled": False},
    ) == {
        f"acts_on light.{name}"
        for name in (*("then", "else", "choose", "default", "repeat", "parallel", "both", "deep"),)
    }


async def test_targets_of_actions(home: Home, steps: Steps) -> None:
    """An action is for entities of its domain or integration, wherever they are named."""
    assert await async_setup_component(home.hass, "homeassistant", {})
    assert await async_setup_component(home.hass, "light", {})
    lamp = home.found("Lamp").id
    light = {"acts_on light.lamp"}
    for target in ({"device_id": lamp}, {"area_id": ["kitchen"]}):
        assert await steps.acts({"action": "light.turn_on", "target": target}) == light
        assert await steps.acts({"action": "light.turn_on", "data": target}) == light
        assert await steps.acts({"action": "homeassistant.turn_on", "target": target}) == light
        assert await steps.acts({"action": "cover.open_cover", "target": target}) == set()
        assert await steps.acts({"action": "thread_bridge.reset", "target": target}) == {
            *light,
            "acts_on sensor.lamp",
        }
    entry = home.entities.async_get("sensor.lamp")
    assert entry
    for named in ("sensor.lamp", entry.id, ["sensor.lamp", "all"]):
        action = {"action": "light.turn_on", "target": {"entity_id": named}}
        assert await steps.acts(action) == {"acts_on sensor.lamp"}
    template = {"action": "{{ 'light.turn_on' }}", "data": {"area_id": "kitchen"}}
    assert await steps.acts(template) == set()
    unknown = {"action": "light.turn_on", "target": {"entity_id": "{{ trigger.entity_id }}"}}
    assert await steps.acts(unknown) == set()
    assert await steps.acts({"scene": "scene.s"}) == {"acts_on scene.s"}


async def test_what_actions_run(home: Home, steps: Steps) -> None:
    """To run something is another thing than to turn an automation on, or a script off."""

    async def runs(action: str, entity_id: str) -> bool:
        done = await steps.acts({"action": action, "target": {"entity_id": entity_id}})
        assert f"acts_on {entity_id}" in done
        return f"runs {entity_id}" in done

    for action in ("turn_on", "toggle", "turn_off", "trigger"):
        expected = action == "trigger"
        assert await runs(f"automation.{action}", "automation.b") == expected
    for action in ("turn_on", "toggle", "turn_off"):
        expected = action != "turn_off"
        assert await runs(f"script.{action}", "script.b") == expected
        assert await runs(f"homeassistant.{action}", "script.b") == expected
    assert not await runs("homeassistant.turn_on", "automation.b")
    assert await steps.acts({"action": "script.reload"}) == set()
    assert await steps.acts({"action": "script.b"}) == {"uses script.b", "runs script.b"}
    home.entities.async_get_or_create("script", "script", "b", suggested_object_id="renamed")
    assert await steps.acts({"action": "script.b"}) == {
        "uses script.renamed",
        "runs script.renamed",
    }


async def test_members_of_groups(hass: HomeAssistant, steps: Steps) -> None:
    """Who acts on a group acts on its members, but the members of a group do not trigger."""
    hass.states.async_set("group.g", "on", {"entity_id": ["light.a", "light.b"]})
    action = {"action": "light.turn_on", "target": {"entity_id": "group.g"}}
    assert await steps.acts(action) == {
        *("acts_on group.g", "acts_on light.a", "acts_on light.b"),
    }
    assert await steps.triggered({"trigger": "state", "entity_id": "group.g"}) == {
        "triggered_by group.g"
    }


@pytest.mark.parametrize(
    "config",
    [
        {"trigger": "state", "entity_id": ["sensor.lamp", "sensor.x"]},
        {"platform": "state", "entity_id": "sensor.lamp, sensor.x"},
        {"trigger": "numeric_state", "entity_id": ["sensor.lamp", "sensor.x"], "above": 1},
        {"triggers": [{"trigger": "state", "entity_id": ["sensor.x", "sensor.lamp"]}]},
        {"trigger": "time", "at": ["10:00", "sensor.lamp", {"entity_id": "sensor.x"}]},
    ],
)
@pytest.mark.parametrize("key", ["triggers", "trigger"])
async def test_ways_to_write_triggers(steps: Steps, config: dict[str, Any], key: str) -> None:
    """Entities in triggers are found in all ways in which triggers are written."""
    assert await steps.triggered(config, key=key) == {
        "triggered_by sensor.lamp",
        "triggered_by sensor.x",
    }


async def test_triggers_by_registry_id(home: Home, steps: Steps) -> None:
    """A trigger may name an entity by the registry's id; switched off, it triggers nothing."""
    entry = home.entities.async_get("sensor.lamp")
    assert entry
    config = {"trigger": "state", "entity_id": entry.id}
    assert await steps.triggered(config) == {"triggered_by sensor.lamp"}
    assert await steps.triggered({**config, "enabled": False}) == set()
    device = home.found("Lamp").id
    event = {"trigger": "event", "event_type": "pressed", "event_data": {"device_id": device}}
    assert await steps.triggered(event) == {f"triggered_by device:{device}"}


async def test_device_that_was_split(
    home: Home, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names a device that Home Assistant has split since names all that it has become."""
    parts = [home.found("Lamp"), home.device("Switch")]
    monkeypatch.setattr(
        dr.DeviceRegistry,
        "async_get_devices_for_composite_device_id",
        lambda _, id_: parts if id_ == "whole" else [],
    )
    event = {"trigger": "event", "event_type": "pressed", "event_data": {"device_id": "whole"}}
    assert await steps.triggered(event) == {f"triggered_by device:{part.id}" for part in parts}


async def test_invalid_triggers(steps: Steps) -> None:
    """An automation whose triggers are not valid any more has none."""
    assert await steps.triggered({"trigger": "no_such_trigger"}) == set()
    assert await steps.triggered({"no": "trigger"}) == set()
    assert await steps.triggered() == set()


@pytest.mark.parametrize(
    "odd", [5, 1.5, True, {"a": 1}, ["light.b"], b"light.b", "light.\ud800", "", None, ...]
)
async def test_odd_members(hass: HomeAssistant, odd: object) -> None:
    """What cannot be an id is no end of an edge, and hides no other."""
    hass.states.async_set("person.anna", "home", {"device_trackers": [odd, "tracker.phone"]})
    hass.states.async_set("group.hall", "on", {"entity_id": [odd, "light.a"]})
    edges = await async_relationships(hass)
    assert {edge.removeprefix("entity ") for edge in edges} == {
        "person.anna tracked_by entity tracker.phone",
        "group.hall has_member entity light.a",
    }


@pytest.mark.parametrize(
    "error", [KeyError("x"), RuntimeError, AttributeError, ValueError, TimeoutError, RecursionError]
)
async def test_anything_raised(
    hass: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    """Whatever is raised for one automation, helper or group, all other edges are read."""
    automations = [
        {
            "id": name,
            "alias": name,
            "triggers": [{"trigger": "state", "entity_id": f"light.{name}"}],
            "actions": [{"action": "light.turn_on", "target": {"entity_id": f"light.{name}"}}],
        }
        for name in "ab"
    ]
    assert await async_setup_component(hass, "automation", {"automation": automations})
    hass.states.async_set("person.anna", "home", {"device_trackers": 5})
    everything = set(await async_relationships(hass))

    def fail(name: str) -> Any:
        original = getattr(automation, name)

        def failing(hass: HomeAssistant, entity_id: str) -> Any:
            if entity_id == "automation.a":
                raise error
            return original(hass, entity_id)

        return failing

    async def validate(*_: object) -> Any:
        raise error

    monkeypatch.setattr(automation, "devices_in_automation", fail("devices_in_automation"))
    monkeypatch.setattr("homeassistant.helpers.trigger.async_validate_trigger_config", validate)
    some = set(await async_relationships(hass))
    lost = everything - some
    assert some < everything
    assert "entity automation.a uses entity light.a" in lost
    assert "entity automation.b triggered_by entity light.b" in lost
    assert "entity automation.b uses entity light.b" in some
    assert "entity automation.a acts_on entity light.a" in some
