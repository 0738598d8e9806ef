"""The table `relationships`: what belongs to what, and what uses what, a row for each change."""

from enum import StrEnum
from typing import NamedTuple

from .columns import EXPORT_ID, EXPORT_TIMESTAMP, SOURCE, Values
from .table import Column, ColumnType, Mode, PartitionUnit, Scope, Table


class NodeType(StrEnum):
    """What an end of an edge is; automations, scripts, groups and the like are entities."""

    AREA = "area"
    AUTOMATION_BLUEPRINT = "automation_blueprint"
    DEVICE = "device"
    ENTITY = "entity"
    FLOOR = "floor"
    INTEGRATION = "integration"
    LABEL = "label"
    SCRIPT_BLUEPRINT = "script_blueprint"


class Kind(StrEnum):
    """What an edge says, read between its ends. The thing that it starts at needs the other."""

    ACTS_ON = "acts_on"
    HAS_LABEL = "has_label"
    HAS_MEMBER = "has_member"
    IN_AREA = "in_area"
    MADE_FROM = "made_from"
    ON_FLOOR = "on_floor"
    PART_OF = "part_of"
    PROVIDED_BY = "provided_by"
    RUNS = "runs"
    TRACKED_BY = "tracked_by"
    TRIGGERED_BY = "triggered_by"
    USES = "uses"
    VIA_DEVICE = "via_device"


class Node(NamedTuple):
    """One end of an edge."""

    type: NodeType
    id: str


class Edge(NamedTuple):
    """What relates one thing to another."""

    start: Node
    kind: Kind
    end: Node

    @property
    def key(self) -> str:
        """Return the key that identifies it in a home."""
        return " ".join((*self.start, self.kind, *self.end))


RELATIONSHIPS = Table(
    name="relationships",
    description="What belongs to what, and what uses what: a row for each change of an edge",
    partition_by="valid_from",
    cluster_by=("from_id", "to_id"),
    columns=(
        Column(
            "kind",
            ColumnType.STRING,
            Scope.ENTITY,
            "What it says, read between both ends: part_of (a device), in_area, on_floor,"
            " via_device, provided_by (an integration), has_label, has_member (of a group),"
            " tracked_by (of a person), made_from (of a helper), uses (all that an automation,"
            " script or scene mentions), triggered_by, acts_on (what its actions address), or"
            " runs (an automation or script that its actions start)",
            Mode.REQUIRED,
        ),
        Column(
            "from_type",
            ColumnType.STRING,
            Scope.ENTITY,
            "entity (automations, scripts, scenes, groups and persons, too), device or area",
            Mode.REQUIRED,
        ),
        Column("from_id", ColumnType.STRING, Scope.ENTITY, "Id of what needs the other"),
        Column("from_name", ColumnType.STRING, Scope.ENTITY, "Its name as people see it"),
        Column(
            "to_type",
            ColumnType.STRING,
            Scope.ENTITY,
            "entity, device, area, floor, label, integration, automation_blueprint or"
            " script_blueprint",
            Mode.REQUIRED,
        ),
        Column("to_id", ColumnType.STRING, Scope.ENTITY, "Id of what is needed"),
        Column("to_name", ColumnType.STRING, Scope.ENTITY, "Its name as people see it"),
        Column(
            "valid_from",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "Since when it is so: when the export began that noticed",
            Mode.REQUIRED,
        ),
        Column("removed", ColumnType.BOOL, Scope.ROW, "Whether it is so no longer", Mode.REQUIRED),
        Column(
            "edge",
            ColumnType.STRING,
            Scope.ENTITY,
            "What the row is about: kind and both ends, in one",
            Mode.REQUIRED,
        ),
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
    identity=("edge", "valid_from"),
    partition_unit=PartitionUnit.MONTH,
    key=("source", "edge"),
)


def edge_row_values(edge: Edge, from_name: str | None, to_name: str | None) -> Values:
    """Return the values of an edge, of which a new row is sent when one of the names changes."""
    return {
        "kind": str(edge.kind),
        "from_type": str(edge.start.type),
        "from_id": edge.start.id,
        "from_name": from_name,
        "to_type": str(edge.end.type),
        "to_id": edge.end.id,
        "to_name": to_name,
        "edge": edge.key,
    }
