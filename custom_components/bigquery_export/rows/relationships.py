"""The table `relationships`: what belongs to what, and what uses what, a row for each change."""

from enum import StrEnum
from typing import NamedTuple

from .columns import Values
from .dimension_table import NOTICED, dimension_table, validity
from .table import Column, ColumnType, Mode, Scope


class NodeType(StrEnum):
    """What an end of an edge is; automations, scripts, groups and the like are entities."""

    AREA = "area"
    AUTOMATION_BLUEPRINT = "automation_blueprint"
    DEVICE = "device"
    ENERGY_FLOW = "energy_flow"
    ENTITY = "entity"
    FLOOR = "floor"
    INTEGRATION = "integration"
    LABEL = "label"
    SCRIPT_BLUEPRINT = "script_blueprint"
    STATISTIC = "statistic"


class EnergyFlow(StrEnum):
    """What the Energy dashboard counts."""

    BATTERY_CHARGE = "battery_charge"
    BATTERY_DISCHARGE = "battery_discharge"
    DEVICE = "device"
    GAS = "gas"
    GRID_EXPORT = "grid_export"
    GRID_IMPORT = "grid_import"
    SOLAR = "solar"
    WATER = "water"
    WATER_DEVICE = "water_device"


class Kind(StrEnum):
    """What an edge says, read between its ends. The thing that it starts at needs the other."""

    ACTS_ON = "acts_on"
    HAS_COST = "has_cost"
    HAS_LABEL = "has_label"
    HAS_MEMBER = "has_member"
    HAS_PRICE = "has_price"
    IN_AREA = "in_area"
    INCLUDED_IN = "included_in"
    MADE_FROM = "made_from"
    MEASURED_BY = "measured_by"
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


RELATIONSHIPS = dimension_table(
    name="relationships",
    description="What belongs to what, and what uses what: a row for each change of an edge",
    about="edge",
    cluster_by=("from_id", "to_id"),
    columns=(
        Column(
            "kind",
            ColumnType.STRING,
            Scope.ENTITY,
            "What it says, read between both ends: part_of (a device), in_area, on_floor,"
            " via_device, provided_by (an integration), has_label, has_member (of a group),"
            " tracked_by (of a person), made_from (of a helper), uses (all that an automation,"
            " script or scene mentions), triggered_by, acts_on (what its actions address),"
            " runs (an automation or script that its actions start), measured_by (of the Energy"
            " dashboard's flows: their meters), has_price, has_cost, or included_in (a meter that"
            " counts this one, too)",
            Mode.REQUIRED,
        ),
        Column(
            "from_type",
            ColumnType.STRING,
            Scope.ENTITY,
            "entity (automations, scripts, scenes, groups and persons, too), device, area,"
            " energy_flow (of the Energy dashboard: grid_import, grid_export, solar,"
            " battery_charge, battery_discharge, gas, water, device, water_device), or statistic"
            " (of no entity)",
            Mode.REQUIRED,
        ),
        Column("from_id", ColumnType.STRING, Scope.ENTITY, "Id of what needs the other"),
        Column("from_name", ColumnType.STRING, Scope.ENTITY, "Its name as people see it"),
        Column(
            "to_type",
            ColumnType.STRING,
            Scope.ENTITY,
            "entity, device, area, floor, label, integration, automation_blueprint,"
            " script_blueprint or statistic",
            Mode.REQUIRED,
        ),
        Column("to_id", ColumnType.STRING, Scope.ENTITY, "Id of what is needed"),
        Column("to_name", ColumnType.STRING, Scope.ENTITY, "Its name as people see it"),
        *validity(NOTICED),
        Column(
            "edge",
            ColumnType.STRING,
            Scope.ENTITY,
            "What the row is about: kind and both ends, in one",
            Mode.REQUIRED,
        ),
    ),
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
