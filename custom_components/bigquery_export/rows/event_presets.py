"""Presets of events that people ask for, each with as much of its data as says what happened.

Data of events may be codes, messages and names. So a rule names the parts that are sent, and what
it does not name stays at home, also when an integration adds to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
import re
from typing import Any

from homeassistant.const import (
    ATTR_AREA_ID,
    ATTR_DEVICE_ID,
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_FLOOR_ID,
    ATTR_LABEL_ID,
    ATTR_SERVICE,
    ATTR_SERVICE_DATA,
    EVENT_CALL_SERVICE,
    EVENT_COMPONENT_LOADED,
    EVENT_HOMEASSISTANT_START,
    EVENT_HOMEASSISTANT_STARTED,
    EVENT_HOMEASSISTANT_STOP,
)

from .addresses import without_addresses

type _Part = Callable[[object], object]
"""Returns what may be sent of a value, None if nothing."""

_ID = re.compile(r"[\w.-]{1,255}")


class EventPreset(StrEnum):
    """What a user may want to know of."""

    AUTOMATIONS = "automations"
    LIFECYCLE = "lifecycle"
    LOG = "log"
    REGISTRATIONS = "registrations"
    USER_ACTIONS = "user_actions"


@dataclass(frozen=True, slots=True)
class EventRule:
    """Which events of a type are meant, and what of them is sent."""

    event_type: str
    parts: Mapping[str, _Part] | None = field(default_factory=dict)
    """By their names in the data; None sends all of them."""
    actions: frozenset[str] = frozenset()
    """For `call_service`: `domain` or `domain.action`; all where there are none."""
    levels: frozenset[str] = frozenset()
    """For the log; all where there are none."""
    by_users: bool = False
    """Whether only those are meant that a user has caused."""

    def data(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what is sent of an event of the type, or None if it is not meant."""
        domain, action = data.get(ATTR_DOMAIN), data.get(ATTR_SERVICE)
        if self.actions and self.actions.isdisjoint((domain, f"{domain}.{action}")):
            return None
        if self.levels and data.get("level") not in self.levels:
            return None
        if self.parts is None:
            return data
        sent = {name: part(data[name]) for name, part in self.parts.items() if name in data}
        return {name: value for name, value in sent.items() if value is not None}


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _ids(value: object) -> list[str] | None:
    """Return ids, of which Home Assistant takes one, several with commas, or a list."""
    values = value.split(",") if isinstance(value, str) else value
    if not isinstance(values, list):
        return None
    return [id_ for one in values if isinstance(one, str) and (id_ := _id(one.strip()))] or None


def _keys(value: object) -> list[str] | None:
    """Return the names of what has changed, and not what it was."""
    return sorted(filter(_id, value)) if isinstance(value, dict) else None


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) else None


def _said(value: object) -> object:
    """Return texts without addresses."""
    match value:
        case str():
            return without_addresses(value)
        case list():
            return [without_addresses(one) if isinstance(one, str) else one for one in value]
    return None


def _service_data(*more: str) -> _Part:
    """Return what sends the targets of an action, and further parts of its data that are ids."""
    targets = (ATTR_ENTITY_ID, ATTR_DEVICE_ID, ATTR_AREA_ID, ATTR_FLOOR_ID, ATTR_LABEL_ID)
    parts: dict[str, _Part] = {**dict.fromkeys(targets, _ids), **dict.fromkeys(more, _id)}

    def part(value: object) -> dict[str, object] | None:
        if not isinstance(value, dict):
            return None
        sent = {name: parts[name](value[name]) for name in parts if name in value}
        return {name: one for name, one in sent.items() if one is not None}

    return part


_ACTION: Mapping[str, _Part] = {
    ATTR_DOMAIN: _id,
    ATTR_SERVICE: _id,
    ATTR_SERVICE_DATA: _service_data(),
}
PRESETS: Mapping[EventPreset, tuple[EventRule, ...]] = {
    EventPreset.AUTOMATIONS: (
        EventRule("automation_triggered", None),
        EventRule("script_started", None),
        EventRule(EVENT_CALL_SERVICE, _ACTION, frozenset({"automation", "scene", "script"})),
        EventRule("automation_reloaded"),
        EventRule("scene_reloaded"),
    ),
    EventPreset.LIFECYCLE: (
        EventRule(str(EVENT_HOMEASSISTANT_START)),
        EventRule(str(EVENT_HOMEASSISTANT_STARTED)),
        EventRule(str(EVENT_HOMEASSISTANT_STOP)),
        EventRule(
            EVENT_CALL_SERVICE,
            {**_ACTION, ATTR_SERVICE_DATA: _service_data("entry_id", "version")},
            frozenset(
                {
                    "backup",
                    "hassio.addon_restart",
                    "hassio.host_reboot",
                    "hassio.host_shutdown",
                    "homeassistant.reload_all",
                    "homeassistant.reload_config_entry",
                    "homeassistant.reload_core_config",
                    "homeassistant.restart",
                    "homeassistant.stop",
                    "update",
                }
            ),
        ),
    ),
    EventPreset.LOG: (
        EventRule(
            "system_log_event",
            {
                "name": _id,
                "level": _id,
                "message": _said,
                "source": _said,
                "exception": _said,
                "count": _number,
                "first_occurred": _number,
            },
            levels=frozenset({"CRITICAL", "ERROR"}),
        ),
    ),
    EventPreset.REGISTRATIONS: (
        EventRule(
            "entity_registry_updated",
            {"action": _id, ATTR_ENTITY_ID: _id, "old_entity_id": _id, "changes": _keys},
        ),
        EventRule(
            "device_registry_updated", {"action": _id, ATTR_DEVICE_ID: _id, "changes": _keys}
        ),
        EventRule("area_registry_updated", {"action": _id, ATTR_AREA_ID: _id}),
        EventRule("floor_registry_updated", {"action": _id, ATTR_FLOOR_ID: _id}),
        EventRule("label_registry_updated", {"action": _id, ATTR_LABEL_ID: _id}),
        EventRule("config_entry_discovered"),
        EventRule(EVENT_COMPONENT_LOADED, {"component": _id}),
    ),
    EventPreset.USER_ACTIONS: (EventRule(EVENT_CALL_SERVICE, _ACTION, by_users=True),),
}
"""What each preset sends."""
