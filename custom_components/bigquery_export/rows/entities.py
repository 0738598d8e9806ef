"""The table `entities`: the registries as they were, a row for each change of an entity."""

from dataclasses import dataclass

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, REGISTRY_COLUMNS, SOURCE, Values
from .registry import RegistryValues
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table

ENTITIES = Table(
    name="entities",
    description="What Home Assistant's registries say of each entity: a row for each change",
    partition_by="valid_from",
    cluster_by=("entity_id",),
    columns=(
        Column("entity_id", ColumnType.STRING, Scope.ENTITY, "Id of the entity", Mode.REQUIRED),
        Column(
            "valid_from",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "Since when it is so: when something of it was last changed, or when the export began"
            " that noticed",
            Mode.REQUIRED,
        ),
        Column(
            "removed",
            ColumnType.BOOL,
            Scope.ROW,
            "Whether the entity is gone; then the other columns say what was known last",
            Mode.REQUIRED,
        ),
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
        SOURCE,
        Column(
            "generation",
            ColumnType.INT64,
            Scope.ROW,
            "The snapshot that found the change; later ones have higher numbers",
        ),
        EXPORT_ID,
        EXPORT_TIMESTAMP,
    ),
    id="generation",
    identity=("entity_id", "valid_from"),
    partition_unit=PartitionUnit.MONTH,
    key=("source", "registry_id"),
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
    }


def entity_change_values(before: Values | None, now: Values) -> Values:
    """Return the columns that say how an entity differs from its row before."""
    was = before and before["entity_id"]
    return {"renamed_from": was if was != now["entity_id"] else None}
