"""What relationships are made of besides the registries, in a form that is quick to compare.

To read all relationships takes a tenth of a second of the event loop in a large home, and they
hardly ever change.
"""

from collections.abc import Iterator
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import entity_sources
from homeassistant.helpers.group import get_group_entities

from .automations import entities_of
from .energy import energy_settings
from .relationships import TRACKERS

_MEMBERS = ("group", "scene")
"""Domains whose states name the entities that belong to them."""
_SOURCE = "source"


@callback
def relationship_sources(hass: HomeAssistant) -> tuple[object, ...] | None:
    """Return values that are equal as long as the relationships are the same.

    None if an integration's own code fails. What a template of a helper refers to may change with
    any state, and is not among them.
    """
    try:
        return tuple(_sources(hass))
    except Exception:  # `readable_edges` tells of which entity.
        return None


def _sources(hass: HomeAssistant) -> Iterator[object]:
    for entry in hass.config_entries.async_entries():
        yield entry.entry_id, entry.modified_at, entry.state
    # Objects are compared by identity first: what was not reloaded is the same one.
    for automation in entities_of(hass, "automation"):
        yield automation.entity_id, getattr(automation, "raw_config", None)
    for script in entities_of(hass, "script"):
        yield script.entity_id, getattr(script, "script", None)
    for entity_id, entity in get_group_entities(hass).items():
        group = entity.group
        yield entity_id, None if group is None else list(group.member_entity_ids)
    for domain in _MEMBERS:
        for state in hass.states.async_all(domain):
            yield state.entity_id, state.attributes.get(ATTR_ENTITY_ID)
    for state in hass.states.async_all("person"):
        yield state.entity_id, state.attributes.get(TRACKERS)
    yield energy_settings(hass)
    yield from _unregistered(hass)


def _unregistered(hass: HomeAssistant) -> Iterator[tuple[Any, ...]]:
    """Yield what is shown of entities without an id, such as helpers that are set up in YAML."""
    registered = er.async_get(hass).entities
    for entity_id in entity_sources(hass):
        if entity_id not in registered and (state := hass.states.get(entity_id)):
            attributes = state.attributes
            yield entity_id, state.name, attributes.get(ATTR_ENTITY_ID), attributes.get(_SOURCE)
