"""The views of relationships: what holds, what depends on what, and what leads to what."""

from itertools import pairwise
from typing import Any

import pytest

from custom_components.bigquery_export.rows.relationships import (
    RELATIONSHIPS,
    Edge,
    Kind,
    Node,
    NodeType,
    edge_row_values,
)
from tests.bigquery_export.support.entity_tables import BEGINNING, Tables
from tests.bigquery_export.support.exported_rows import arrays_as_text
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture(autouse=True)
def views(warehouse: Warehouse) -> None:
    """Make tables and views with the right to edit data alone."""
    warehouse.create_table(RELATIONSHIPS)


def edge(sentence: str) -> Edge:
    """Return the edge of a sentence: `automation.a runs script.b`, `area:kitchen ...`."""
    start, kind, end = sentence.split()
    return Edge(node(start), Kind(kind), node(end))


def node(text: str) -> Node:
    """Return an end of an edge; one without a type is an entity."""
    type_, _, id_ = text.rpartition(":")
    return Node(NodeType(type_ or "entity"), id_)


def send(warehouse: Warehouse, *sentences: str, generation: int = 1, **values: Any) -> None:
    """Send edges as an export would; their ends are named by their ids in capitals."""
    rows = []
    for sentence in sentences:
        one = edge(sentence)
        row = edge_row_values(one, one.start.id.upper(), one.end.id.upper())
        when = {"valid_from": BEGINNING + generation, "generation": generation, "removed": False}
        rows.append({**row, **when, **values})
    Tables(warehouse).send(RELATIONSHIPS, *rows)


def query(warehouse: Warehouse, view: str, where: str = "TRUE") -> list[dict[str, Any]]:
    """Return rows of a view, with arrays as texts."""
    rows = warehouse.server.query(
        f"SELECT * FROM home.{view} WHERE {where}",  # noqa: S608
        warehouse.project,
    )
    return [arrays_as_text(row) for row in rows]


def dependents(warehouse: Warehouse, where: str) -> set[tuple[str, str, str]]:
    """Return what depends on something, how far away, and the kinds of edges in between."""
    return {
        (row["dependent_id"], row["depth"], row["kinds"])
        for row in query(warehouse, "dependents", where)
    }


def circles(warehouse: Warehouse) -> list[tuple[str, str]]:
    """Return the circles, and the entities through which they go."""
    rows = query(warehouse, "automation_circles")
    assert all(int(row["length"]) == row["path"].count(" | ") + 1 for row in rows)
    return sorted((row["path"].replace("automation.", ""), row["through"]) for row in rows)


def test_what_holds(warehouse: Warehouse) -> None:
    """Edges hold until they are removed, or their ends get other names; homes are kept apart."""
    send(warehouse, "light.a in_area area:hall", "light.b in_area area:hall")
    send(warehouse, "light.a in_area area:hall", generation=2, removed=True)
    send(warehouse, "light.a in_area area:attic", generation=2)
    send(warehouse, "light.b in_area area:hall", generation=2, to_name="Lobby")
    send(warehouse, "light.a in_area area:cellar", source="elsewhere")
    rows = query(warehouse, "relationships_latest")
    assert {(row["source"], row["from_id"], row["to_name"]) for row in rows} == {
        ("home", "light.a", "ATTIC"),
        ("home", "light.b", "Lobby"),
        ("elsewhere", "light.a", "CELLAR"),
    }
    assert len(query(warehouse, "relationships_valid")) == 6
    assert dependents(warehouse, "id = 'hall'") == {("light.b", "1", "in_area")}
    assert dependents(warehouse, "id = 'cellar'") == {("light.a", "1", "in_area")}


def test_dependents(warehouse: Warehouse) -> None:
    """Dependents are found through others, each once, and things of other types are others."""
    send(
        warehouse,
        "area:hall on_floor floor:hall",
        "area:d on_floor floor:attic",
        "device:d in_area area:hall",
        "sensor.a part_of device:d",
        "sensor.a has_label label:d",
        "sensor.b made_from sensor.a",
        "automation.x uses sensor.b",
        "automation.x triggered_by sensor.b",
        "automation.x uses area:hall",
        "automation.x uses automation.x",
        "automation.x uses automation.y",
        "automation.y uses automation.x",
    )
    send(warehouse, "automation.z uses sensor.b", source="elsewhere")
    assert dependents(warehouse, "type = 'floor' AND id = 'hall'") == {
        ("hall", "1", "on_floor"),
        ("d", "2", "on_floor | in_area"),
        ("automation.x", "2", "on_floor | uses"),
        ("sensor.a", "3", "on_floor | in_area | part_of"),
        ("automation.y", "3", "on_floor | uses | uses"),
        ("sensor.b", "4", "on_floor | in_area | part_of | made_from"),
    }
    assert dependents(warehouse, "type = 'label' AND depth < 3") == {
        ("sensor.a", "1", "has_label"),
        ("sensor.b", "2", "has_label | made_from"),
    }
    assert dependents(warehouse, "id = 'attic'") == {("d", "1", "on_floor")}
    (row,) = query(warehouse, "dependents", "id = 'sensor.a' AND depth = 2")
    assert row == {
        "source": "home",
        "type": "entity",
        "id": "sensor.a",
        "name": "SENSOR.A",
        "dependent_type": "entity",
        "dependent_id": "automation.x",
        "dependent_name": "AUTOMATION.X",
        "depth": "2",
        "path": "sensor.a | sensor.b | automation.x",
        "kinds": "made_from | triggered_by, uses",
    }
    assert dependents(warehouse, "id = 'automation.x'") == {("automation.y", "1", "uses")}


def test_depth(warehouse: Warehouse) -> None:
    """Nothing is followed further than eight edges, or eight automations."""
    names = "abcdefghijkl"
    pairs = list(pairwise(names))
    send(warehouse, *(f"sensor.{b} made_from sensor.{a}" for a, b in pairs))
    send(warehouse, *(f"script.{a} runs script.{b}" for a, b in pairs))
    for view, where in (
        ("dependents", "id = 'sensor.a'"),
        ("automation_chains", "from_id = 'script.a'"),
    ):
        depths = sorted(int(row["depth"]) for row in query(warehouse, view, where))
        assert depths == list(range(1, 9))


def test_ways_to_trigger(warehouse: Warehouse) -> None:
    """An automation leads to those that it runs, and that what it acts on triggers."""
    send(
        warehouse,
        "automation.a runs automation.b",
        "automation.a acts_on automation.b",
        "automation.a acts_on light.x",
        "automation.c triggered_by light.x",
        "light.group has_member light.x",
        "automation.d triggered_by light.group",
        "sensor.h made_from light.group",
        "automation.e triggered_by sensor.h",
        "automation.a acts_on scene.s",
        "scene.s acts_on cover.y",
        "automation.f triggered_by cover.y",
        "automation.g uses light.x",
        "automation.h triggered_by device:light.x",
        "automation.i triggered_by automation.b",
        # What turns it off does not run it.
        "automation.j acts_on automation.k",
        # That the group acts does not mean that what it is made of does.
        "automation.l acts_on light.group",
        "automation.m triggered_by sensor.elsewhere",
    )
    send(warehouse, "sensor.elsewhere made_from light.x", source="elsewhere")
    send(warehouse, "automation.n triggered_by light.x", source="elsewhere")
    rows = query(warehouse, "automation_chains")
    assert {(row["from_id"][-1], row["to_id"][-1], row["through"]) for row in rows} == {
        ("a", "b", ""),
        ("a", "c", "light.x"),
        ("a", "d", "light.x > light.group"),
        ("a", "e", "light.x > light.group > sensor.h"),
        ("a", "f", "scene.s > cover.y"),
        ("a", "i", "automation.b"),
        ("l", "d", "light.group"),
        ("l", "e", "light.group > sensor.h"),
    }


def test_circles(warehouse: Warehouse) -> None:
    """Each circle is found once, whatever its length and wherever one enters it."""
    send(
        warehouse,
        "automation.self acts_on light.s",
        "automation.self triggered_by light.s",
        # Three in a row, and a shorter way between two of them.
        *("automation.b runs automation.c", "automation.c runs automation.a"),
        *("automation.a runs automation.b", "automation.a runs automation.c"),
        # Two ways from one to the other are one circle.
        *("automation.x acts_on light.x", "automation.x acts_on light.z"),
        *("automation.y triggered_by light.x", "automation.y triggered_by light.z"),
        *("automation.y acts_on light.y", "automation.x triggered_by light.y"),
        # These lead into a circle, and out of one.
        *("automation.in runs automation.a", "automation.a runs automation.out"),
    )
    send(warehouse, "automation.out runs automation.a", source="elsewhere")
    assert circles(warehouse) == [
        ("a | b | c", " |  | "),
        ("a | c", " | "),
        ("self", "light.s"),
        ("x | y", "light.x, light.z | light.y"),
    ]


def test_groups_within_groups(warehouse: Warehouse) -> None:
    """Groups that have each other as members do not go on for ever."""
    send(
        warehouse,
        "group.a has_member group.b",
        "group.b has_member group.a",
        "automation.x acts_on group.a",
        "automation.y triggered_by group.b",
    )
    assert [row["through"] for row in query(warehouse, "automation_chains")] == [
        "group.a > group.b"
    ]
    assert circles(warehouse) == []
    assert dependents(warehouse, "id = 'group.a' AND dependent_id = 'group.b'") == {
        ("group.b", "1", "has_member")
    }
