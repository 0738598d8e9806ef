"""The views of entities: what holds, until when it held, and under which names."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.rows.entities import ENTITIES
from tests.bigquery_export.support.entity_tables import BEGINNING, Tables
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.registered_home import DimensionsExporter, Home, entity_rows
from tests.bigquery_export.support.warehouse import Warehouse

FOLLOWED = """
    SELECT name.current_entity_id, state.state
    FROM home.sensor_data AS state
    JOIN home.entity_names AS name
    ON state.source = name.source
      AND state.entity_id = name.entity_id
      AND (name.valid_from IS NULL OR state.last_updated >= name.valid_from)
      AND (name.valid_to IS NULL OR state.last_updated < name.valid_to)
    ORDER BY state.last_updated
"""
"""How the history of entities is followed under all their names."""


@pytest.fixture(autouse=True)
def views(warehouse: Warehouse) -> None:
    """Make tables and views with the right to edit data alone."""
    warehouse.create_table(ENTITIES)


@pytest.fixture
def tables(warehouse: Warehouse) -> Tables:
    """Return what fills the tables."""
    return Tables(warehouse)


def is_named(who: str, name: str, **values: Any) -> dict[str, Any]:
    """Return the row of an entity that has a name."""
    return {"registry_id": who, "entity_id": f"sensor.{name}", **values}


def seconds(time: str | None) -> int | None:
    """Return a time as seconds from the beginning."""
    return None if time is None else (int(time) - BEGINNING) // 1_000_000


def names(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    """Return who had which name from when until when, and has which now."""
    return {
        (
            row["registry_id"],
            row["entity_id"].removeprefix("sensor."),
            row["current_entity_id"].removeprefix("sensor."),
            seconds(row["valid_from"]),
            seconds(row["valid_to"]),
        )
        for row in entity_rows(warehouse, view="entity_names")
    }


def followed(warehouse: Warehouse) -> list[tuple[str, str]]:
    """Return the states with the name that their entity has now."""
    rows = warehouse.server.query(FOLLOWED, warehouse.project)
    return [
        (row["current_entity_id"].removeprefix("sensor."), row["state"])
        for row in rows
        if row["state"]  # Else it was removed.
    ]


def test_valid(warehouse: Warehouse, tables: Tables) -> None:
    """Each row holds until the next one of its entity; one that says the same is left out."""
    tables.snapshot(0, is_named("1", "a", labels=["x"]), is_named("2", "b"))
    tables.snapshot(10, is_named("1", "a", labels=["x", "y"]))
    tables.snapshot(20, is_named("1", "a", labels=["x", "y"]), is_named("2", "b"))
    tables.snapshot(30, is_named("2", "b", removed=True))
    tables.snapshot(40, is_named("1", "a", labels=["x", "y"], area_name="Attic"))
    tables.snapshot(50, is_named("1", "a", labels=["x", "y"]))
    tables.send(
        ENTITIES,
        is_named("1", "other", source="b", removed=False, valid_from=BEGINNING, generation=9),
    )

    def spans(view: str, end: str) -> list[tuple[Any, ...]]:
        return [
            (row["registry_id"], seconds(row["valid_from"]), end and seconds(row[end]))
            for row in entity_rows(warehouse, view=view)
            if row["source"] == "home"
        ]

    assert sorted(spans("entities_valid", "valid_to"), key=str) == [
        ("1", 0, 10),
        ("1", 10, 40),
        ("1", 40, 50),
        ("1", 50, None),
        ("2", 0, 30),
        ("2", 30, None),
    ]
    assert spans("entities_latest", "") == [("1", 50, "")]
    (latest,) = [
        row for row in entity_rows(warehouse, view="entities_latest") if row["source"] == "home"
    ]
    assert "removed" not in latest
    assert latest["labels"] == ["x", "y"]
    assert len(entity_rows(warehouse, view="entities_latest")) == 2


def test_one_instant(warehouse: Warehouse, tables: Tables) -> None:
    """Of rows that are valid from the same time the one of the later snapshot holds."""
    tables.snapshot(0, is_named("1", "a", model="old"))
    tables.snapshot(0, is_named("1", "a", model="new"))
    (latest,) = entity_rows(warehouse, view="entities_latest")
    assert latest["model"] == "new"


def test_renamed(warehouse: Warehouse, tables: Tables) -> None:
    """Names that no other entity has had are an entity's at all times."""
    tables.snapshot(0, is_named("1", "a"), is_named("2", "other"))
    tables.snapshot(10, is_named("1", "b"))
    tables.snapshot(20, is_named("1", "c"))
    tables.snapshot(30, is_named("1", "b"))
    assert names(warehouse) == {
        ("1", "a", "b", None, None),
        ("1", "b", "b", None, None),
        ("1", "c", "b", None, None),
        ("2", "other", "other", None, None),
    }
    tables.states(-5, 5, one="a", two="other")
    tables.states(15, one="b", two="other")
    tables.states(2, one="c")  # The recorder gives rows that wait the new name.
    assert sorted(followed(warehouse)) == sorted(
        [("b", f"one at {second}") for second in (-5, 5, 15, 2)]
        + [("other", f"two at {second}") for second in (-5, 5, 15)]
    )


def test_swapped(warehouse: Warehouse, tables: Tables) -> None:
    """Two entities that have swapped their names keep their own histories."""
    tables.snapshot(0, is_named("1", "a"), is_named("2", "b"))
    tables.states(-5, 5, one="a", two="b")
    tables.snapshot(10, is_named("1", "b"))
    tables.snapshot(10, is_named("2", "a"))
    tables.states(15, one="b", two="a")
    assert names(warehouse) == {
        ("1", "a", "b", None, 10),
        ("2", "a", "a", 10, None),
        ("2", "b", "a", None, 10),
        ("1", "b", "b", 10, None),
    }
    expected = [("b", "one"), ("a", "two")]
    assert sorted(followed(warehouse)) == sorted(
        (name, f"{who} at {second}") for name, who in expected for second in (-5, 5, 15)
    )


def test_given_to_another_one(warehouse: Warehouse, tables: Tables) -> None:
    """A new entity that gets the name of one that is gone, or renamed, gets no history of it."""
    tables.snapshot(0, is_named("1", "a"), is_named("2", "b"))
    tables.states(5, one="a", two="b")
    tables.snapshot(10, is_named("1", "a", removed=True), is_named("2", "old_b"))
    tables.snapshot(20, is_named("3", "a"), is_named("4", "b"))
    tables.states(25, three="a", two="old_b", four="b")
    # Its predecessor was found to be gone only after it had got the name.
    tables.snapshot(30, is_named("5", "b"))
    tables.snapshot(31, is_named("4", "b", removed=True))
    tables.states(35, five="b")
    assert names(warehouse) == {
        ("1", "a", "a", None, 20),
        ("3", "a", "a", 20, None),
        ("2", "b", "old_b", None, 20),
        ("2", "old_b", "old_b", None, None),
        ("4", "b", "b", 20, 30),
        ("5", "b", "b", 30, None),
    }
    assert followed(warehouse).count(("old_b", "two at 5")) == 1
    assert len(followed(warehouse)) == 6


def test_given_back(warehouse: Warehouse, tables: Tables) -> None:
    """A name that went to another entity and came back has a row for each time."""
    tables.snapshot(0, is_named("1", "a"))
    tables.snapshot(10, is_named("1", "x"))
    tables.snapshot(20, is_named("2", "a"))
    tables.snapshot(30, is_named("2", "y"))
    tables.snapshot(40, is_named("1", "a"))
    tables.snapshot(50, is_named("1", "a", model="M"))
    assert names(warehouse) == {
        ("1", "a", "a", None, 20),
        ("2", "a", "y", 20, 40),
        ("1", "a", "a", 40, None),
        ("1", "x", "a", None, None),
        ("2", "y", "y", None, None),
    }


def test_other_homes(warehouse: Warehouse, tables: Tables) -> None:
    """Names of another home that shares the dataset are not used here."""
    tables.snapshot(0, is_named("1", "a"))
    tables.snapshot(10, is_named("9", "a", source="elsewhere"))
    assert names(warehouse) == {("1", "a", "a", None, None), ("9", "a", "a", None, None)}


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[DimensionsExporter]:
    """Return what makes runs into empty tables."""
    with closing(warehouse.connect()) as connection:
        yield DimensionsExporter(hass, connection)


async def test_from_the_registry_to_the_view(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """The history of renamed, swapped and replaced entities is followed by their latest names."""
    home = Home(hass)
    for name in "abcd":
        home.entity(name)

    async def live(when: str, **named: str) -> None:
        """Record a state of each, and export."""
        for who, name in named.items():
            hass.states.async_set(f"sensor.{name}", f"{who} {when}")
        await record(hass, 0)
        await exporter.export()

    await live("first", a="a", b="b", c="c", d="d")
    for name in "abcd":
        hass.states.async_remove(f"sensor.{name}")
    home.rename("sensor.a", "sensor.x")
    home.rename("sensor.b", "sensor.a")
    home.rename("sensor.x", "sensor.b")
    home.entities.async_remove("sensor.c")
    home.rename("sensor.d", "sensor.c")
    await live("then", a="b", b="a", d="c")
    found = followed(warehouse)
    assert sorted(found) == sorted(
        [
            *(("b", "a first"), ("b", "a then"), ("a", "b first"), ("a", "b then")),
            *(("c", "c first"), ("c", "d first"), ("c", "d then")),
        ]
    )
