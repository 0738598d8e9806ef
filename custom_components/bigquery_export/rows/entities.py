"""The table `entities`: the registries as they were, a row for each change of an entity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.helpers.json import json_encoder_default
import orjson

from .columns import REGISTRY_COLUMNS, Values
from .dimension_table import CHANGED, dimension_table, validity
from .json_objects import json_object
from .registry import RegistryValues
from .table import Column, ColumnType, Mode, Scope

ENTITIES = dimension_table(
    name="entities",
    description="What Home Assistant's registries say of each entity: a row for each change",
    about="entity_id",
    key="registry_id",
    cluster_by=("entity_id",),
    columns=(
        Column("entity_id", ColumnType.STRING, Scope.ENTITY, "Id of the entity", Mode.REQUIRED),
        *validity(CHANGED, "entity"),
        Column(
            "renamed_from",
            ColumnType.STRING,
            Scope.ROW,
            "The entity_id that it had before, if it has another one now",
        ),
        *REGISTRY_COLUMNS,
        Column("domain", ColumnType.STRING, Scope.ENTITY, "The part of entity_id before the dot"),
        Column("name", ColumnType.STRING, Scope.ENTITY, "Its name as people see it"),
        Column("original_name", ColumnType.STRING, Scope.ENTITY, "The name by its integration"),
        Column("device_class", ColumnType.STRING, Scope.ENTITY, "What the entity measures or is"),
        Column("unit_of_measurement", ColumnType.STRING, Scope.ENTITY, "The unit of its states"),
        Column("disabled_by", ColumnType.STRING, Scope.ENTITY, "Who disabled it, if it is"),
        Column("hidden_by", ColumnType.STRING, Scope.ENTITY, "Who hid it, if it is"),
        Column("created", ColumnType.TIMESTAMP, Scope.ENTITY, "When it was registered"),
    ),
    added=(
        Column(
            "capabilities",
            ColumnType.JSON,
            Scope.ENTITY,
            "What it offers, such as the options of a selection or the modes of a light: as it was"
            " at the first export of the day, or when something else of it was changed",
        ),
        Column(
            "supported_features",
            ColumnType.INT64,
            Scope.ENTITY,
            "What it can do: a sum of the flags of its domain; of the same time as capabilities",
        ),
        Column(
            "translation_key",
            ColumnType.STRING,
            Scope.ENTITY,
            "What its integration calls its kind in translations",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as the registries have it."""

    entity_id: str
    registry_values: RegistryValues
    name: str | None
    original_name: str | None
    device_class: str | None
    unit_of_measurement: str | None
    disabled_by: str | None
    hidden_by: str | None
    created: int | None
    """Microseconds since 1970."""
    capabilities: Mapping[str, Any] | None
    supported_features: int | None
    translation_key: str | None
    modified: int
    """When it, or what it is part of, was last changed, in microseconds since 1970."""


def entity_row_values(entity: Entity) -> Values:
    """Return the values of an entity, of which a new row is sent when one of them changes.

    They are JSON values, so that they are equal to those that were read from a file.
    """
    return {
        **entity.registry_values.values,
        "labels": list(entity.registry_values.labels),
        "entity_id": entity.entity_id,
        "domain": entity.entity_id.partition(".")[0],
        "name": entity.name,
        "original_name": entity.original_name,
        "device_class": entity.device_class,
        "unit_of_measurement": entity.unit_of_measurement,
        "disabled_by": entity.disabled_by,
        "hidden_by": entity.hidden_by,
        "created": entity.created,
        "capabilities": _capabilities(entity.capabilities),
        "supported_features": entity.supported_features,
        "translation_key": entity.translation_key,
    }


def _capabilities(values: Mapping[str, Any] | None) -> str | None:
    """Return what an entity offers as JSON text that is equal as long as the values are.

    None where there is nothing, or something that is no JSON: integrations may give anything.
    """
    if not values:
        return None
    try:
        text = orjson.dumps(values, _as_json, orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS)
    except TypeError, ValueError:
        return None
    return json_object(text.decode()).text


def _as_json(value: object) -> object:
    """Return what orjson does not write by itself; a set has another order after each start."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return json_encoder_default(value)


def entity_change_values(before: Values | None, now: Values) -> Values:
    """Return the columns that say how an entity differs from its row before."""
    was = before and before["entity_id"]
    return {"renamed_from": was if was != now["entity_id"] else None}
