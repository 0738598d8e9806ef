"""The table `sensor_data`, one row per recorded state: its columns and how they are computed.

Each scope has one function, which returns the values of all its columns by name.
"""

from collections.abc import Callable, Mapping, Sequence
import math
from typing import Any

from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_FRIENDLY_NAME,
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)

from .columns import (
    EXPORT_ID,
    EXPORT_TIMESTAMP,
    REGISTRY_COLUMNS,
    SOURCE,
    Values,
    local_time_columns,
    quarter_values,
    run_values,
    season,
    time_of_day,
)
from .json_objects import JsonObject, as_json
from .table import Column, ColumnType, Mode, Scope, Table

__all__ = [
    "SENSOR_DATA",
    "attributes_columns",
    "entity_values",
    "is_available",
    "quarter_values",
    "run_values",
    "season",
    "sent_attributes",
    "state_columns",
    "state_numeric",
    "time_of_day",
]

_COLUMNS = (
    Column("entity_id", ColumnType.STRING, Scope.ENTITY, "Id of the entity", Mode.REQUIRED),
    Column(
        "state",
        ColumnType.STRING,
        Scope.ROW,
        "The state word for word; NULL when the entity was removed",
    ),
    Column(
        "attributes",
        ColumnType.JSON,
        Scope.ATTRIBUTES,
        "The attributes that the recorder kept",
    ),
    Column(
        "last_changed",
        ColumnType.TIMESTAMP,
        Scope.ROW,
        "When the state last became another one",
        Mode.REQUIRED,
    ),
    Column(
        "last_updated",
        ColumnType.TIMESTAMP,
        Scope.ROW,
        "When this row was written: the state or an attribute became another one",
        Mode.REQUIRED,
    ),
    Column("context_id", ColumnType.STRING, Scope.ROW, "What caused the change (a ULID)"),
    Column("context_user_id", ColumnType.STRING, Scope.ROW, "The user who caused it"),
    Column("domain", ColumnType.STRING, Scope.ENTITY, "The part of entity_id before the dot"),
    Column(
        "friendly_name",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "The entity's name when the state was written",
    ),
    Column(
        "unit_of_measurement",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "The state's unit when the state was written",
    ),
    EXPORT_TIMESTAMP,
    Column("context_parent_id", ColumnType.STRING, Scope.ROW, "What caused the cause (a ULID)"),
    Column(
        "state_numeric",
        ColumnType.FLOAT64,
        Scope.ROW,
        "The state as a finite number, if it is one; spaces around it do not matter",
    ),
    Column(
        "state_changed",
        ColumnType.BOOL,
        Scope.ROW,
        "Whether the state itself became another one, and not only an attribute",
    ),
    Column(
        "is_available",
        ColumnType.BOOL,
        Scope.ROW,
        "Whether the state is neither NULL nor unavailable nor unknown",
    ),
    Column("device_class", ColumnType.STRING, Scope.ATTRIBUTES, "What the entity measures or is"),
    Column(
        "state_class",
        ColumnType.STRING,
        Scope.ATTRIBUTES,
        "How a sensor's numbers add up: measurement, total or total_increasing",
    ),
    *REGISTRY_COLUMNS,
    *local_time_columns("last_updated"),
    Column(
        "ambient",
        ColumnType.JSON,
        Scope.ROW,
        "Values of the context entities at last_updated",
    ),
    SOURCE,
    Column(
        "state_id",
        ColumnType.INT64,
        Scope.ROW,
        "The recorder's id of the row: neither an order nor unique for ever",
    ),
    EXPORT_ID,
)

SENSOR_DATA = Table(
    name="sensor_data",
    description="Every state that Home Assistant's recorder kept, one row each",
    partition_by="last_changed",
    cluster_by=("entity_id", "domain", "source"),
    columns=_COLUMNS,
    id="state_id",
    identity=("entity_id", "last_updated"),
    expires=True,
    filtered=True,
    renamed=True,
)

_UNAVAILABLE = (None, STATE_UNAVAILABLE, STATE_UNKNOWN)
_ATTRIBUTE_COLUMNS = (
    ATTR_FRIENDLY_NAME,
    ATTR_UNIT_OF_MEASUREMENT,
    ATTR_DEVICE_CLASS,
    "state_class",
)


def entity_values(entity_id: str) -> Values:
    """Return the values that all rows of an entity share."""
    return {"entity_id": entity_id, "domain": entity_id.partition(".")[0]}


def sent_attributes(
    recorded: Sequence[JsonObject], allowed: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[JsonObject]:
    """Return sets of attributes as they are sent.

    `allowed` returns those attributes that may be sent: the same mapping if all may.
    """
    sent = []
    for one in recorded:
        if one.text is not None and (values := allowed(one.values)) is not one.values:
            one = JsonObject(as_json(values), values)
        sent.append(one)
    return sent


def attributes_columns(sent: Sequence[JsonObject]) -> Mapping[str, Sequence[str | None]]:
    """Return the columns of sets of attributes, with a value for each set."""
    return {"attributes": [text for text, _, _ in sent]} | {
        name: [
            value
            if (value := attributes.get(name)) is None or isinstance(value, str)
            else as_json(value)
            for _, attributes, _ in sent
        ]
        for name in _ATTRIBUTE_COLUMNS
    }


def state_columns(states: Sequence[str | None], *, changed: bool) -> Mapping[str, Sequence[Any]]:
    """Return the columns of states, all of which have just changed or have not."""
    return {
        "state": states,
        "state_numeric": list(map(state_numeric, states)),
        "state_changed": [changed] * len(states),
        "is_available": list(map(is_available, states)),
    }


def state_numeric(state: str | None) -> float | None:
    """Return a state as a finite number, or None.

    `float` accepts more than plain numbers: `nan`, `inf`, `1_000` and digits of other scripts.
    """
    if state is None:
        return None
    try:
        number = float(state)
    except ValueError:
        return None
    if not math.isfinite(number) or "_" in state or not state.isascii():
        return None
    return number


def is_available(state: str | None) -> bool:
    """Return whether a state is a value, neither unknown nor unavailable."""
    return state not in _UNAVAILABLE
