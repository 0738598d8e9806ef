"""What automations, scripts and scenes use, trigger and control.

What they use comes from the functions of Home Assistant's own search for related items.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial

from homeassistant.components import automation, script
from homeassistant.components.homeassistant import scene
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_component import EntityComponent
from homeassistant.helpers.script import Script

from ..rows.relationships import Edge, Kind, NodeType
from .automation_actions import action_edges, async_trigger_edges, device_ids, entity_ids
from .edges import entity_edges, readable_edges


async def async_automation_edges(hass: HomeAssistant) -> AsyncIterator[Iterable[Edge]]:
    """Yield the edges of each automation."""
    for entity in entities_of(hass, "automation"):
        id_ = entity.entity_id
        yield readable_edges(id_, partial(_automation_uses, hass, id_))
        if isinstance(entity, automation.AutomationEntity):
            sequence = entity.action_script.sequence
            yield readable_edges(id_, partial(action_edges, hass, id_, sequence))
            yield await async_trigger_edges(hass, id_, entity.raw_config or {})


def script_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    """Yield the edges of each script."""
    for entity in entities_of(hass, "script"):
        id_ = entity.entity_id
        yield readable_edges(id_, partial(_script_uses, hass, id_))
        # An invalid script has none; the module of the class of valid ones depends on the version.
        if isinstance(actions := getattr(entity, "script", None), Script):
            yield readable_edges(id_, partial(action_edges, hass, id_, actions.sequence))


def scene_edges(hass: HomeAssistant) -> Iterator[Iterable[Edge]]:
    """Yield the edges of each scene."""
    for id_ in hass.states.async_entity_ids("scene"):
        yield readable_edges(id_, partial(_scene_edges, hass, id_))


@callback
def _automation_uses(hass: HomeAssistant, id_: str) -> list[Edge]:
    return _uses(
        hass,
        id_,
        entities=automation.entities_in_automation(hass, id_),
        devices=automation.devices_in_automation(hass, id_),
        areas=automation.areas_in_automation(hass, id_),
        floors=automation.floors_in_automation(hass, id_),
        labels=automation.labels_in_automation(hass, id_),
        blueprint=automation.blueprint_in_automation(hass, id_),
        blueprints=NodeType.AUTOMATION_BLUEPRINT,
    )


@callback
def _script_uses(hass: HomeAssistant, id_: str) -> list[Edge]:
    return _uses(
        hass,
        id_,
        entities=script.entities_in_script(hass, id_),
        devices=script.devices_in_script(hass, id_),
        areas=script.areas_in_script(hass, id_),
        floors=script.floors_in_script(hass, id_),
        labels=script.labels_in_script(hass, id_),
        blueprint=script.blueprint_in_script(hass, id_),
        blueprints=NodeType.SCRIPT_BLUEPRINT,
    )


@callback
def _scene_edges(hass: HomeAssistant, id_: str) -> list[Edge]:
    entities = scene.entities_in_scene(hass, id_)
    return entity_edges(
        id_, (Kind.USES, NodeType.ENTITY, entities), (Kind.ACTS_ON, NodeType.ENTITY, entities)
    )


def entities_of(hass: HomeAssistant, domain: str) -> list[Entity]:
    """Return the entities of automations or scripts, from the component in `hass.data[domain]`."""
    component: EntityComponent[Entity] | None = hass.data.get(domain)
    return list(component.entities) if component else []


@callback
def _uses(
    hass: HomeAssistant,
    id_: str,
    *,
    entities: Iterable[str],
    devices: Iterable[str],
    areas: Iterable[str],
    floors: Iterable[str],
    labels: Iterable[str],
    blueprint: str | None,
    blueprints: NodeType,
) -> list[Edge]:
    """Return edges to all that an automation or script refers to."""
    return entity_edges(
        id_,
        (Kind.USES, NodeType.ENTITY, entity_ids(hass, entities)),
        (Kind.USES, NodeType.DEVICE, device_ids(hass, devices)),
        (Kind.USES, NodeType.AREA, areas),
        (Kind.USES, NodeType.FLOOR, floors),
        (Kind.USES, NodeType.LABEL, labels),
        (Kind.USES, blueprints, [blueprint]),
    )
