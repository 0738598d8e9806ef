"""The table `events`: its columns and how they are computed.

Each scope has one function, which returns the values of all its columns by name.
"""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.const import (
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_SERVICE,
    ATTR_SERVICE_DATA,
    EVENT_CALL_SERVICE,
)

from ..source.statements import as_text
from .columns import EXPORT_ID, EXPORT_TIMESTAMP, SOURCE, Values, local_time_columns
from .event_presets import PRESETS, EventPreset
from .json_objects import JsonObject, as_json
from .table import Column, ColumnType, Mode, Scope, Table

_COLUMNS = (
    Column(
        "event_type", ColumnType.STRING, Scope.ATTRIBUTES, "What kind of event it is", Mode.REQUIRED
    ),
    Column(
        "event_data",
        ColumnType.JSON,
        Scope.ATTRIBUTES,
        "What the event says: all of it, or what a preset sends",
    ),
    Column("time_fired", ColumnType.TIMESTAMP, Scope.ROW, "When it happened", Mode.REQUIRED),
    Column(
        "origin",
        ColumnType.STRING,
        Scope.ROW,
        "LOCAL, or REMOTE when another Home Assistant sent it",
    ),
    Column("context_id", ColumnType.STRING, Scope.ROW, "What caused the event (a ULID)"),
    Column("context_user_id", ColumnType.STRING, Scope.ROW, "The user who caused it"),
    Column("context_parent_id", ColumnType.STRING, Scope.ROW, "What caused the cause (a ULID)"),
    Column(
        "entity_id",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "The entity that event_data names, if it is a single one",
    ),
    Column(
        "domain",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "The domain that event_data names, else the one of entity_id",
    ),
    Column("service", ColumnType.STRING, Scope.ATTRIBUTES, "The action that was called"),
    Column("user_id", ColumnType.STRING, Scope.ATTRIBUTES, "The user that event_data names"),
    *local_time_columns("time_fired"),
    SOURCE,
    Column(
        "event_id",
        ColumnType.INT64,
        Scope.ROW,
        "The recorder's id of the row: neither an order nor unique for ever",
    ),
    EXPORT_ID,
    EXPORT_TIMESTAMP,
)

EVENTS = Table(
    name="events",
    description="Events of the types that the user has chosen, one row each",
    partition_by="time_fired",
    cluster_by=("event_type", "entity_id"),
    columns=_COLUMNS,
    id="event_id",
    identity=("event_type", "time_fired"),
    expires=True,
    filtered=True,
)

DEFAULT_EVENTS = frozenset(
    {"automation_triggered", "script_started", f"{EVENT_CALL_SERVICE}.scene"}
)
"""Events that show what automations, scripts and scenes do. A scene has no event of its own."""

_ORIGINS: Mapping[object, str] = {0: "LOCAL", 1: "REMOTE"}


class EventChoice:
    """The events that a user has chosen.

    A name is an event type, or `call_service.` with the domain of an action: actions of other
    domains may carry codes and messages. A preset is several events, with a part of their data.
    """

    def __init__(
        self, names: frozenset[str] = DEFAULT_EVENTS, presets: frozenset[EventPreset] = frozenset()
    ) -> None:
        """Choose events by their names, and by presets."""
        self.names = names
        self.presets = presets
        self._domains = {
            domain
            for name in names
            for event_type, _, domain in [name.partition(".")]
            if event_type == EVENT_CALL_SERVICE and domain
        }
        self._types = {name for name in names if name.partition(".")[0] != EVENT_CALL_SERVICE}
        if EVENT_CALL_SERVICE in names:
            self._types.add(EVENT_CALL_SERVICE)
        self._rules = [rule for preset in sorted(presets) for rule in PRESETS[preset]]

    @property
    def types(self) -> frozenset[str]:
        """Return the event types to read."""
        calls = {EVENT_CALL_SERVICE} if self._domains else set()
        return frozenset(self._types | calls | {rule.event_type for rule in self._rules})

    def includes(self, event_type: str, domain: object) -> bool:
        """Return whether an event is chosen by its name, and so sent as a whole.

        `domain` is that of an action, from its data.
        """
        return event_type in self._types or (
            event_type == EVENT_CALL_SERVICE and domain in self._domains
        )

    @property
    def tells_users(self) -> bool:
        """Return whether more is sent of what a user has caused."""
        return any(rule.by_users for rule in self._rules)

    def chosen(
        self, event_type: str, data: Mapping[str, Any], *, by_user: bool = False
    ) -> Mapping[str, Any] | None:
        """Return what is sent of an event, the same mapping if that is everything.

        None if it is not chosen. `by_user` says whether a user has caused it.
        """
        if self.includes(event_type, _text(data, ATTR_DOMAIN)):
            return data
        parts: dict[str, Any] | None = None
        for rule in self._rules:
            if rule.event_type != event_type or (rule.by_users and not by_user):
                continue
            if (sent := rule.data(data)) is data:
                return data
            if sent is not None:
                parts = _merged(parts or {}, sent)
        return parts


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return parts of an event that two presets send."""
    named = [event[ATTR_SERVICE_DATA] for event in (one, other) if ATTR_SERVICE_DATA in event]
    together = {ATTR_SERVICE_DATA: {**named[0], **named[-1]}} if named else {}
    return {**one, **other, **together}


def event_values(
    event_type: str,
    recorded: JsonObject,
    allowed: Callable[[str | None, dict[str, Any]], dict[str, Any]] = lambda _, data: data,
) -> Values:
    """Return the values that all events of a type with the same data share.

    `allowed` returns the data that may be sent, given the entity and the data: the same mapping if
    all may.
    """
    text, data, _ = recorded
    entity_id = _entity_id(data)
    if text is not None and (sent := allowed(entity_id, data)) is not data:
        text = as_json(sent)
    return {
        "event_type": event_type,
        "event_data": text,
        "entity_id": entity_id,
        "domain": _text(data, ATTR_DOMAIN) or (entity_id and entity_id.partition(".")[0]),
        "service": _text(data, ATTR_SERVICE),
        "user_id": _text(data, "user_id"),
    }


def origin(index: object, text: object) -> str | None:
    """Return where an event came from: by number, or by name as in rows from before 2022."""
    if index is None:
        return as_text(text)
    return _ORIGINS.get(index) or as_text(index)


def _entity_id(data: Mapping[str, Any]) -> str | None:
    """Return the entity of an event's data, or the target of an action, if there is just one."""
    called_with = data.get(ATTR_SERVICE_DATA)
    for named in (data, called_with if isinstance(called_with, dict) else {}):
        match named.get(ATTR_ENTITY_ID):
            case str(entity_id) | [str(entity_id)]:
                return entity_id
    return None


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None
