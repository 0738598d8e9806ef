"""The golden home: relationships, registry values and entities, compared with tables by hand."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, override
from unittest.mock import patch

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.export.dimensions.snapshot import DimensionReader, Snapshot
from custom_components.bigquery_export.export.dimensions.snapshot_file import SnapshotFile
from custom_components.bigquery_export.export.tables import DIMENSION_TABLES
from custom_components.bigquery_export.home.registries import Registries
from custom_components.bigquery_export.home.relationship_sources import relationship_sources
from custom_components.bigquery_export.home.relationships import async_relationships
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.relationships import RELATIONSHIPS
from tests.bigquery_export.support.exported_rows import arrays_as_text
from tests.bigquery_export.support.golden_home import AUTOMATIONS, GoldenHome
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.registered_home import DimensionsExporter, entity_rows, plain
from tests.bigquery_export.support.warehouse import Warehouse

PLACES = """
area:kitchen on_floor floor:ground_floor
area:hall on_floor floor:ground_floor
area:bedroom on_floor floor:upper_floor
area:bathroom on_floor floor:upper_floor
area:kitchen has_label label:critical
area:bedroom has_label label:night

device:Hub in_area area:hall
device:Bridge in_area area:hall
device:Lamp in_area area:kitchen
device:Station in_area area:garden
device:Fridge in_area area:kitchen
device:Bridge via_device device:Hub
device:Lamp via_device device:Bridge
device:Station via_device device:Hub
device:Freezer part_of device:Fridge
device:Lamp has_label label:night

light.lamp part_of device:Lamp
binary_sensor.motion part_of device:Bridge
sensor.outdoor part_of device:Station
sensor.indoor part_of device:Bridge
sensor.energy part_of device:Fridge
sensor.ice part_of device:Freezer
device_tracker.phone part_of device:Phone
binary_sensor.garden_station_frost part_of device:Station
sensor.kitchen_fridge_daily part_of device:Fridge
light.bed in_area area:bedroom
switch.heater in_area area:bedroom
sensor.indoor in_area area:bathroom
light.bed has_label label:night
sensor.outdoor has_label label:critical
"""
MADE = """
group.lights has_member light.lamp
group.lights has_member light.bed
light.downstairs has_member light.lamp
person.ada tracked_by device_tracker.phone
person.ada tracked_by device_tracker.watch
sensor.mean made_from sensor.outdoor
sensor.mean made_from sensor.indoor
sensor.trend made_from sensor.mean
binary_sensor.garden_station_frost made_from sensor.outdoor
sensor.kitchen_fridge_daily made_from sensor.energy
sensor.feels_like made_from sensor.outdoor
sensor.feels_like made_from sensor.wind
"""
USED = """
scene.night uses light.bed
scene.night acts_on light.bed
scene.night uses switch.heater
scene.night acts_on switch.heater

script.good_night uses scene.night
script.good_night acts_on scene.night
script.good_night uses script.announce
script.good_night acts_on script.announce
script.good_night runs script.announce
script.announce uses device:Phone

automation.motion_light triggered_by binary_sensor.motion
automation.motion_light uses binary_sensor.motion
automation.motion_light uses light.lamp
automation.motion_light acts_on light.lamp

automation.heat_when_lit triggered_by group.lights
automation.heat_when_lit uses group.lights
automation.heat_when_lit uses sensor.outdoor
automation.heat_when_lit uses person.ada
automation.heat_when_lit uses light.bed
automation.heat_when_lit uses switch.heater
automation.heat_when_lit acts_on switch.heater

automation.dim_when_hot triggered_by switch.heater
automation.dim_when_hot uses switch.heater
automation.dim_when_hot uses area:kitchen
automation.dim_when_hot acts_on light.lamp

automation.frost triggered_by binary_sensor.garden_station_frost
automation.frost uses binary_sensor.garden_station_frost
automation.frost triggered_by sensor.trend
automation.frost uses sensor.trend
automation.frost uses person.ada
automation.frost uses script.good_night
automation.frost runs script.good_night
automation.frost uses automation.motion_light
automation.frost acts_on automation.motion_light

automation.party_is_over uses automation.frost
automation.party_is_over acts_on automation.frost
automation.party_is_over runs automation.frost
automation.party_is_over uses group.lights
automation.party_is_over acts_on group.lights
automation.party_is_over acts_on light.lamp
automation.party_is_over acts_on light.bed
automation.party_is_over acts_on switch.heater
automation.party_is_over uses label:night
automation.party_is_over uses floor:upper_floor

automation.dusk uses automation_blueprint:golden/dusk.yaml
automation.dusk triggered_by sun.sun
automation.dusk uses sun.sun
automation.dusk uses light.bed
automation.dusk acts_on light.bed
"""
REGISTERED = """
light.lamp           | thread_bridge | Lamp       | Lux  | L9 | Bridge | Kitchen | Critical Night
light.bed            | thread_bridge |            |      |    |        | Bedroom | Night
switch.heater        | thread_bridge |            |      |    |        | Bedroom | Night
binary_sensor.motion | thread_bridge | Old bridge |      |    | Hub    | Hall    |
sensor.outdoor       | thread_bridge | Station    |      |    | Hub    | Garden  | Critical
sensor.indoor        | thread_bridge | Old bridge |      |    | Hub    | Bathroom|
sensor.energy        | thread_bridge | Fridge     | Cold | F2 |        | Kitchen | Critical
sensor.ice           | thread_bridge | Freezer    | Cold | F2 |        | Kitchen | Critical
device_tracker.phone | thread_bridge | Phone      |      |    |        |         |
device_tracker.watch | thread_bridge |            |      |    |        |         |
sensor.mean          | min_max       |            |      |    |        |         |
sensor.trend         | derivative    |            |      |    |        |         |
sensor.feels_like    | template      |            |      |    |        |         |
light.downstairs     | group         |            |      |    |        |         |
person.ada           | person        |            |      |    |        |         |
person.bob           | person        |            |      |    |        |         |
script.good_night    | script        |            |      |    |        |         |
script.announce      | script        |            |      |    |        |         |
sensor.kitchen_fridge_daily        | utility_meter | Fridge  | Cold | F2 | | Kitchen | Critical
binary_sensor.garden_station_frost | threshold     | Station | | | Hub      | Garden  |
"""
UNREGISTERED = """
group.lights | group
scene.night | homeassistant
sensor.wind | template
zone.home | zone
automation.motion_light | automation
automation.heat_when_lit | automation
automation.dim_when_hot | automation
automation.frost | automation
automation.party_is_over | automation
automation.dusk | automation
automation.broken | automation
"""
FLOORS = {
    **dict.fromkeys(("Kitchen", "Hall"), "Ground floor"),
    **dict.fromkeys(("Bedroom", "Bathroom"), "Upper floor"),
}
REGISTRY_VALUES = (
    "integration, device_name, manufacturer, model, via_device_id, area_name, labels, floor_name,"
    " entity_category, unique_id, registry_id"
)


@dataclass
class GoldenExporter(DimensionsExporter):
    """Exports the dimension tables."""

    @override
    def snapshots(self) -> list[Snapshot]:
        """Return the dimension tables to export."""
        file = SnapshotFile(self.hass, "entry", RELATIONSHIPS.name)
        type_ = DIMENSION_TABLES[RELATIONSHIPS.name]
        read = lambda: async_relationships(self.hass)  # noqa: E731
        return [*super().snapshots(), Snapshot(type_, file, DimensionReader(read))]

    async def export_relationships(self) -> int:
        """Make a run, and return how many rows of `relationships` it sent."""
        return (await self.export()).rows[RELATIONSHIPS.name]


@pytest.fixture
async def home(hass: HomeAssistant) -> AsyncIterator[GoldenHome]:
    """Return the home, furnished."""
    home = GoldenHome(hass)
    await home.async_furnish()
    yield home
    await home.async_close()


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[GoldenExporter]:
    """Return what makes runs into empty tables with views."""
    warehouse.create_table(ENTITIES, RELATIONSHIPS)
    with closing(warehouse.connect()) as connection:
        yield GoldenExporter(hass, connection)


def lines(text: str) -> set[str]:
    """Return the lines of a table."""
    return set(filter(None, text.splitlines()))


def cells(text: str) -> dict[str, list[str | None]]:
    """Return the cells of a table by the first one; those that are empty are NULL."""
    rows = [[cell.strip() or None for cell in line.split("|")] for line in lines(text)]
    return {str(row[0]): row[1:] for row in rows}


def integrations() -> set[str]:
    """Return the edges to integrations."""
    rows = cells(REGISTERED) | cells(UNREGISTERED)
    return {f"{entity_id} provided_by integration:{row[0]}" for entity_id, row in rows.items()}


def registry_values_of(home: GoldenHome, entity_id: str) -> dict[str, Any]:
    """Return the registry values that an entity must have."""
    if unregistered := cells(UNREGISTERED).get(entity_id):
        nothing = dict.fromkeys(REGISTRY_VALUES.split(", "))
        return {**nothing, "integration": unregistered[0], "labels": []}
    integration, device, manufacturer, model, via, area, labels = cells(REGISTERED)[entity_id]
    entry = home.entities.async_get(entity_id)
    assert entry
    return {
        "integration": integration,
        "device_name": device,
        "manufacturer": manufacturer,
        "model": model,
        "via_device_id": home.found(via).id if via else None,
        "area_name": area,
        "labels": (labels or "").split(),
        "floor_name": FLOORS.get(area or ""),
        "entity_category": "diagnostic" if entity_id == "sensor.ice" else None,
        "unique_id": entry.unique_id,
        "registry_id": entry.id,
    }


async def test_edges(home: GoldenHome) -> None:
    """All that is related is known with its kind, and nothing else."""
    expected = lines(PLACES) | lines(MADE) | lines(USED) | integrations()
    assert await home.async_edges() == expected


async def test_registry_values(
    home: GoldenHome, warehouse: Warehouse, exporter: GoldenExporter
) -> None:
    """Entities, and each of their states, have what the registries say of them."""
    await record(home.hass, 0)
    await exporter.export()
    registered = {row["entity_id"]: row for row in entity_rows(warehouse)}
    assert registered.keys() == cells(REGISTERED).keys()
    for entity_id, row in registered.items():
        expected = registry_values_of(home, entity_id)
        assert {name: row[name] for name in expected} == expected
    states = [plain(row) for row in warehouse.rows(f"entity_id, {REGISTRY_VALUES}, state_id")]
    assert {row["entity_id"] for row in states} == {
        *cells(REGISTERED),
        *cells(UNREGISTERED),
    }
    for row in states:
        del row["state_id"]
        assert row == {**registry_values_of(home, row["entity_id"]), "entity_id": row["entity_id"]}


async def test_rows(home: GoldenHome, warehouse: Warehouse, exporter: GoldenExporter) -> None:
    """A row has both ends with their names, since when it is so, and where it comes from."""
    result = await exporter.export()
    edges = await home.async_edges()
    assert result.rows[RELATIONSHIPS.name] == len(edges)
    rows = entity_rows(warehouse, view="relationships", order="edge")
    names = {
        (row["from_id"], row["kind"], row["to_id"]): (row["from_name"], row["to_name"])
        for row in rows
    }
    assert len(names) == len(edges)
    bridge, hub = home.found("Bridge").id, home.found("Hub").id
    expected = {
        ("light.lamp", "part_of", home.found("Lamp").id): ("Lamp Lamp", "Lamp"),
        (bridge, "via_device", hub): ("Old bridge", "Hub"),
        ("kitchen", "on_floor", "ground_floor"): ("Kitchen", "Ground floor"),
        ("kitchen", "has_label", "critical"): ("Kitchen", "Critical"),
        ("person.ada", "provided_by", "person"): ("Ada", "Person"),
        ("sensor.wind", "provided_by", "template"): ("wind", "Template"),
        ("automation.dusk", "uses", "sun.sun"): ("Dusk", None),
        ("automation.dusk", "uses", "golden/dusk.yaml"): ("Dusk", None),
        ("light.bed", "provided_by", "thread_bridge"): ("Bed", None),
    }
    assert {key: names[key] for key in expected} == expected
    (row,) = [row for row in rows if row["edge"] == f"device {bridge} via_device device {hub}"]
    started = str(int(result.started.timestamp() * 1_000_000))
    assert row == row | {
        "from_type": "device",
        "to_type": "device",
        "removed": "false",
        "source": "home",
        "export_id": result.export_id,
    }
    assert abs(int(row["valid_from"]) - int(started)) <= 1


async def test_changes(home: GoldenHome, warehouse: Warehouse, exporter: GoldenExporter) -> None:
    """What is changed, added or gone has a row, and nothing else has."""
    await exporter.export()
    assert await exporter.export_relationships() == 0

    async def changes() -> set[str]:
        before = await home.async_edges()
        sent = await exporter.export_relationships()
        rows = entity_rows(warehouse, view="relationships", order="generation DESC, edge")
        latest = [row for row in rows if row["generation"] == rows[0]["generation"]]
        assert len(latest) == sent
        assert before == await home.async_edges()
        devices = {home.found(name).id: f"device:{name}" for name in ("Lamp", "Bridge")}
        return {
            " ".join(
                (
                    "-" if row["removed"] == "true" else "+",
                    devices.get(row["from_id"], row["from_id"]),
                    row["kind"],
                    row["to_id"],
                )
            )
            for row in latest
        }

    home.devices.async_update_device(home.found("Lamp").id, area_id="hall")
    assert await changes() == {
        "- device:Lamp in_area kitchen",
        "+ device:Lamp in_area hall",
        "- automation.dim_when_hot acts_on light.lamp",
    }
    home.labels.async_update("night", name="Late")
    assert await changes() == {
        "+ bedroom has_label night",
        "+ device:Lamp has_label night",
        "+ light.bed has_label night",
        "+ automation.party_is_over uses night",
    }
    home.entities.async_remove("sensor.ice")
    home.hass.states.async_remove("sensor.ice")
    freezer = home.found("Freezer").id
    assert await changes() == {
        f"- sensor.ice part_of {freezer}",
        "- sensor.ice provided_by thread_bridge",
    }
    await reload_automations(home, *[one for one in AUTOMATIONS if one["alias"] != "Motion light"])
    assert await changes() == {
        "- automation.motion_light provided_by automation",
        "- automation.motion_light triggered_by binary_sensor.motion",
        "- automation.motion_light uses binary_sensor.motion",
        "- automation.motion_light uses light.lamp",
        "- automation.motion_light acts_on light.lamp",
        # What it is called is not known any more.
        "+ automation.frost uses automation.motion_light",
        "+ automation.frost acts_on automation.motion_light",
    }
    latest = entity_rows(warehouse, view="relationships_latest", order="edge")
    assert len(latest) == len(await home.async_edges())


async def test_versions(home: GoldenHome) -> None:
    """Whatever changes a relationship or a name is noticed without reading all of them."""
    hass, helper = home.hass, "min_max"
    registries = Registries(hass)
    await registries.async_open({})

    def version() -> object:
        return registries.version, relationship_sources(hass)

    async def service(name: str, **data: Any) -> None:
        domain, _, action = name.partition(".")
        await hass.services.async_call(domain, action, data, blocking=True)

    async def shorten_helper() -> None:
        (entry,) = hass.config_entries.async_entries(helper)
        options = {**entry.options, "entity_ids": entry.options["entity_ids"][:1]}
        hass.config_entries.async_update_entry(entry, options=options)

    async def name_wind() -> None:
        hass.states.async_set("sensor.wind", "1", {"friendly_name": "Gale"})

    async def leave_watch_at_home() -> None:
        trackers = {"device_trackers": ["device_tracker.phone"]}
        hass.states.async_set("person.ada", "home", trackers)

    async def move_lamp() -> None:
        home.devices.async_update_device(home.found("Lamp").id, area_id="hall")
        await asyncio.sleep(0)
        await registries.async_settle()

    async def remove_motion() -> None:
        home.entities.async_remove("binary_sensor.motion")

    other = {**AUTOMATIONS[0], "actions": [{"action": "light.turn_on", "target": {}}]}
    with patch("custom_components.bigquery_export.home.registries._QUIET", 0):
        for change in (
            move_lamp,
            remove_motion,
            shorten_helper,
            name_wind,
            leave_watch_at_home,
            partial(service, "group.set", object_id="lights", entities=["light.bed"]),
            partial(service, "scene.create", scene_id="day", entities={"light.bed": "on"}),
            partial(service, "group.set", object_id="others", entities=["light.bed"]),
            partial(reload_automations, home, *AUTOMATIONS[1:], other),
        ):
            known, rows = version(), await async_relationships(hass)
            assert version() == known
            await change()
            await hass.async_block_till_done()
            assert await async_relationships(hass) != rows, change
            assert version() != known, change
    registries.async_close()


async def reload_automations(home: GoldenHome, *automations: dict[str, Any]) -> None:
    """Let Home Assistant read other automations from its configuration."""
    config = {"automation": list(automations)}
    with patch("homeassistant.config.load_yaml_config_file", autospec=True, return_value=config):
        await home.hass.services.async_call("automation", "reload", blocking=True)
    await home.hass.async_block_till_done()


async def test_dependents(home: GoldenHome, warehouse: Warehouse, exporter: GoldenExporter) -> None:
    """What depends on a sensor is found by the shortest path."""
    await exporter.export()
    rows = warehouse.server.query(
        "SELECT dependent_id, dependent_name, depth, path FROM home.dependents"
        " WHERE id = 'sensor.outdoor'",
        warehouse.project,
    )
    found = {
        (row["dependent_id"], row["dependent_name"], row["depth"], row["path"])
        for row in map(arrays_as_text, rows)
    }
    outdoor, frost = "sensor.outdoor", "binary_sensor.garden_station_frost"
    assert found == {
        ("sensor.mean", "Mean", "1", f"{outdoor} | sensor.mean"),
        (frost, "Station Frost", "1", f"{outdoor} | {frost}"),
        ("sensor.feels_like", "Feels like", "1", f"{outdoor} | sensor.feels_like"),
        (
            "automation.heat_when_lit",
            "Heat when lit",
            "1",
            f"{outdoor} | automation.heat_when_lit",
        ),
        ("sensor.trend", "Trend", "2", f"{outdoor} | sensor.mean | sensor.trend"),
        ("automation.frost", "Frost", "2", f"{outdoor} | {frost} | automation.frost"),
        (
            "automation.party_is_over",
            "Party is over",
            "3",
            f"{outdoor} | {frost} | automation.frost | automation.party_is_over",
        ),
    }


async def test_circles_and_chains(
    home: GoldenHome, warehouse: Warehouse, exporter: GoldenExporter
) -> None:
    """Automations that trigger each other are found, and so is what leads to them."""
    await exporter.export()

    def query(view: str, columns: str, where: str = "TRUE") -> set[tuple[Any, ...]]:
        rows = warehouse.server.query(
            f"SELECT {columns} FROM home.{view} WHERE {where}",  # noqa: S608
            warehouse.project,
        )
        return {tuple(arrays_as_text(row).values()) for row in rows}

    assert query("automation_circles", "length, path, through") == {
        (
            "2",
            "automation.dim_when_hot | automation.heat_when_lit",
            "light.lamp > group.lights | switch.heater",
        )
    }
    first = "from_id, to_id, through"
    assert query("automation_chains", first, "depth = 1") == {
        ("automation.motion_light", "automation.heat_when_lit", "light.lamp > group.lights"),
        ("automation.heat_when_lit", "automation.dim_when_hot", "switch.heater"),
        ("automation.dim_when_hot", "automation.heat_when_lit", "light.lamp > group.lights"),
        ("automation.dusk", "automation.heat_when_lit", "light.bed > group.lights"),
        ("automation.frost", "script.good_night", ""),
        ("automation.party_is_over", "automation.frost", ""),
        ("automation.party_is_over", "automation.dim_when_hot", "switch.heater"),
        (
            "automation.party_is_over",
            "automation.heat_when_lit",
            "group.lights, light.bed > group.lights, light.lamp > group.lights",
        ),
        ("script.good_night", "script.announce", ""),
        ("script.good_night", "automation.dim_when_hot", "scene.night > switch.heater"),
        (
            "script.good_night",
            "automation.heat_when_lit",
            "scene.night > light.bed > group.lights",
        ),
    }
    frost = "from_id = 'automation.frost' AND depth > 1"
    good_night = "automation.frost | script.good_night"
    assert query("automation_chains", "depth, path", frost) == {
        ("2", f"{good_night} | script.announce"),
        ("2", f"{good_night} | automation.dim_when_hot"),
        ("2", f"{good_night} | automation.heat_when_lit"),
        ("3", f"{good_night} | automation.dim_when_hot | automation.heat_when_lit"),
        ("3", f"{good_night} | automation.heat_when_lit | automation.dim_when_hot"),
    }
