"""What triggers an automation, what its actions address, and what they run.

Home Assistant says what an automation refers to, but not where. So the triggers and the steps of
the actions are read here, by the functions with which Home Assistant reads them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
import logging
from typing import Any

from homeassistant.const import (
    ATTR_AREA_ID,
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    ATTR_FLOOR_ID,
    ATTR_LABEL_ID,
    CONF_ACTION,
    CONF_CHOOSE,
    CONF_DEFAULT,
    CONF_ELSE,
    CONF_ENABLED,
    CONF_PARALLEL,
    CONF_PLATFORM,
    CONF_REPEAT,
    CONF_SCENE,
    CONF_SEQUENCE,
    CONF_SERVICE_DATA,
    CONF_SERVICE_DATA_TEMPLATE,
    CONF_TARGET,
    CONF_THEN,
    CONF_TRIGGER,
    CONF_TRIGGERS,
    SERVICE_RELOAD,
    SERVICE_TOGGLE,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
)
from homeassistant.core import DOMAIN as HOME_ASSISTANT, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    trigger,
)
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
from homeassistant.helpers.typing import ConfigType
import probatio

from ..rows.relationships import Edge, Kind, NodeType
from .edges import entity_edges, readable_edges

_LOGGER = logging.getLogger(__name__)

_TARGETS = (ATTR_ENTITY_ID, ATTR_DEVICE_ID, ATTR_AREA_ID, ATTR_FLOOR_ID, ATTR_LABEL_ID)
_DATA = (CONF_TARGET, CONF_SERVICE_DATA, CONF_SERVICE_DATA_TEMPLATE)
"""Where a step that calls an action names its targets, besides the step itself."""
_NESTED = (
    *(CONF_SEQUENCE, CONF_CHOOSE, CONF_DEFAULT, CONF_THEN, CONF_ELSE, CONF_REPEAT, CONF_PARALLEL),
)
"""Keys of a step that contain further steps."""
_CALLS = (
    *(cv.SCRIPT_ACTION_CALL_SERVICE, cv.SCRIPT_ACTION_DEVICE_AUTOMATION),
    cv.SCRIPT_ACTION_ACTIVATE_SCENE,
)
"""Steps that act on something."""
_SCRIPT = "script"
_RUN = {
    "automation.trigger": "automation",
    f"{_SCRIPT}.{SERVICE_TURN_ON}": _SCRIPT,
    f"{_SCRIPT}.{SERVICE_TOGGLE}": _SCRIPT,
    f"{HOME_ASSISTANT}.{SERVICE_TURN_ON}": _SCRIPT,
    f"{HOME_ASSISTANT}.{SERVICE_TOGGLE}": _SCRIPT,
}
"""Actions that run their targets, by domain. To turn an automation on does not run it."""
_OF_ALL_SCRIPTS = (SERVICE_TURN_ON, SERVICE_TURN_OFF, SERVICE_TOGGLE, SERVICE_RELOAD)
"""Actions of the domain `script` that are not the name of a script."""


@callback
def action_edges(hass: HomeAssistant, id_: str, sequence: Sequence[ConfigType]) -> list[Edge]:
    """Return edges to the entities that a sequence of actions addresses, and to what it runs."""
    edges: list[Edge] = []
    for step in _calls(sequence):
        action = _action(step)
        named = _named(step, *(step.get(key) for key in _DATA))
        named[ATTR_ENTITY_ID] += _texts(step.get(CONF_SCENE))
        addressed = _addressed(hass, named, action, groups=True)
        # Home Assistant does not list a script that is called by its name as referenced.
        called = _called_script(hass, action)
        runs = [one for one in addressed if one.partition(".")[0] == _RUN.get(action)]
        edges += entity_edges(
            id_,
            (Kind.ACTS_ON, NodeType.ENTITY, addressed),
            (Kind.USES, NodeType.ENTITY, [called]),
            (Kind.RUNS, NodeType.ENTITY, [called, *runs]),
        )
    return edges


async def async_trigger_edges(hass: HomeAssistant, id_: str, config: ConfigType) -> list[Edge]:
    """Return edges to what triggers an automation.

    Only the triggers as they were written are public, so they are validated once more.
    """
    try:
        written = cv.TRIGGER_SCHEMA(config.get(CONF_TRIGGERS) or config.get(CONF_TRIGGER) or [])
        triggers = await trigger.async_validate_trigger_config(hass, written)
    except Exception as err:  # An integration validates it, and may raise anything.
        if not isinstance(err, probatio.Invalid | HomeAssistantError):
            _LOGGER.debug("The triggers of %s cannot be read", id_, exc_info=True)
        return []
    return [
        edge
        for one in triggers
        if one.get(CONF_ENABLED) is not False
        for edge in readable_edges(id_, partial(_trigger_edges, hass, id_, one))
    ]


def _trigger_edges(hass: HomeAssistant, id_: str, one: ConfigType) -> list[Edge]:
    """Return edges to what one trigger names."""
    named = _named(one.get(CONF_TARGET))
    named[ATTR_ENTITY_ID] = _texts(trigger.async_extract_entities(one))
    # Members of a group do not trigger: only the group itself does.
    entities = _addressed(hass, named, one[CONF_PLATFORM], groups=False)
    devices = device_ids(hass, _texts(trigger.async_extract_devices(one)))
    return entity_edges(
        id_,
        (Kind.TRIGGERED_BY, NodeType.ENTITY, entities),
        (Kind.TRIGGERED_BY, NodeType.DEVICE, devices),
    )


def entity_ids(hass: HomeAssistant, texts: Iterable[str]) -> list[str]:
    """Return the entity ids that texts name, directly or by the registry's id."""
    registry = er.async_get(hass)
    found = (er.async_resolve_entity_id(registry, text) for text in texts)
    return [entity_id for entity_id in found if entity_id]


def device_ids(hass: HomeAssistant, ids: Iterable[str]) -> list[str]:
    """Return ids of devices; a composite device that was split gives those of all its parts."""
    split = dr.async_get(hass).async_get_devices_for_composite_device_id
    return [one for id_ in ids for one in ([part.id for part in split(id_)] or [id_])]


def _calls(steps: Iterable[Any]) -> Iterator[ConfigType]:
    """Yield the steps that act on something, however deep they are; not those switched off."""
    for step in steps:
        if not isinstance(step, dict) or step.get(CONF_ENABLED) is False:
            continue
        nested = [step[key] for key in _NESTED if key in step]
        for part in nested:
            yield from _calls([part] if isinstance(part, dict) else part)
        if not nested and cv.determine_script_action(step) in _CALLS:
            yield step


def _action(step: ConfigType) -> str:
    """Return the action that a step calls; empty if it is a template."""
    if CONF_SCENE in step:
        return f"{CONF_SCENE}.{SERVICE_TURN_ON}"
    action = step.get(CONF_ACTION)
    return action if isinstance(action, str) else ""


def _called_script(hass: HomeAssistant, action: str) -> str | None:
    """Return the current entity_id of the script that an action calls by name, if it does."""
    domain, _, name = action.partition(".")
    if domain != _SCRIPT or name in _OF_ALL_SCRIPTS:
        return None
    return er.async_get(hass).async_get_entity_id(_SCRIPT, _SCRIPT, name) or action


def _addressed(
    hass: HomeAssistant, named: Mapping[str, list[str]], key: str, *, groups: bool
) -> list[str]:
    """Return the entities that are named, and those of named devices, areas, floors and labels.

    Of the latter only those that the action or trigger with this key is for.
    """
    entities = entity_ids(hass, named[ATTR_ENTITY_ID])
    selection = TargetSelection({**named, ATTR_ENTITY_ID: entities})
    found = async_extract_referenced_entity_ids(hass, selection, expand_group=groups)
    inside = {one for one in found.indirectly_referenced if _is_for(hass, key, one)}
    return sorted({*entities, *found.referenced, *inside})


def _is_for(hass: HomeAssistant, key: str, entity_id: str) -> bool:
    """Return whether an action or trigger is for an entity: for its domain or integration."""
    domain, _, name = key.partition(".")
    of = entity_id.partition(".")[0]
    if domain == HOME_ASSISTANT:
        return hass.services.has_service(of, name)
    entry = er.async_get(hass).async_get(entity_id)
    return domain == of or (entry is not None and domain == entry.platform)


def _named(*configs: object) -> dict[str, list[str]]:
    """Return the ids in parts of a configuration, by kind; templates are left out."""
    parts = [config for config in configs if isinstance(config, Mapping)]
    return {key: [text for part in parts for text in _texts(part.get(key))] for key in _TARGETS}


def _texts(value: object) -> list[str]:
    """Return one or several texts as a list, without what is no text."""
    if isinstance(value, str):
        return [value]
    several = value if isinstance(value, list | tuple | set) else ()
    return [one for one in several if isinstance(one, str)]
