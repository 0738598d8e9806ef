"""Registry values of entities in their rows, and the table of entities."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from datetime import timedelta
from typing import Any

from awesomeversion import AwesomeVersion
from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import orjson
import pytest

from custom_components.bigquery_export.rows.columns import REGISTRY_COLUMNS
from custom_components.bigquery_export.rows.entities import (
    ENTITIES,
    Entity,
    entity_change_values,
    entity_row_values,
)
from custom_components.bigquery_export.rows.registry import EmptyRegistry, RegistryValues
from custom_components.bigquery_export.rows.table import Mode, Scope, timestamp
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.registered_home import (
    DimensionsExporter,
    Home,
    entity_rows,
    furnish,
    plain,
)
from tests.bigquery_export.support.warehouse import Warehouse

REGISTRY_VALUES = ", ".join(column.name for column in REGISTRY_COLUMNS)


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[DimensionsExporter]:
    """Return what makes runs into empty tables."""
    warehouse.create_table()
    with closing(warehouse.connect()) as connection:
        yield DimensionsExporter(hass, connection)


@pytest.fixture
def home(hass: HomeAssistant) -> Home:
    """Return a home without anything in it."""
    return Home(hass)


def registry_values_of(warehouse: Warehouse, entity_id: str) -> dict[str, Any]:
    """Return the registry values in the last row of an entity's states."""
    *_, row = warehouse.rows(f"{REGISTRY_VALUES}, state_id", f"entity_id = '{entity_id}'")
    del row["state_id"]
    return plain(row)


def test_columns() -> None:
    """Registry values have the registry's columns, and an entity's values those of its scope."""
    names = [column.name for column in REGISTRY_COLUMNS]
    assert list(RegistryValues().values) == names
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(Entity))
    entity = Entity(**{**nothing, "entity_id": "sensor.a", "registry_values": RegistryValues()})
    assert entity_row_values(entity).keys() == ENTITIES.names(Scope.ENTITY)
    others = {"valid_from", "removed", "generation"} | entity_change_values(
        None, {"entity_id": ""}
    ).keys()
    assert others == ENTITIES.names(Scope.ROW)
    assert EmptyRegistry().of("sensor.a") == RegistryValues()


@pytest.mark.parametrize("odd", [object(), "\ud800", 2**70, {"a": {object()}}])
def test_capabilities_that_are_no_json(odd: object) -> None:
    """What an integration offers that is no JSON is NULL, and fails no export."""
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(Entity))
    values = {"entity_id": "sensor.a", "registry_values": RegistryValues()}
    entity = Entity(**{**nothing, **values, "capabilities": {"a": 1, "b": odd}})
    assert entity_row_values(entity)["capabilities"] is None


def test_registry_values_of_a_row_of_another_version() -> None:
    """What an older or newer version has written of an entity is used as far as it is known."""
    row = {"labels": ["A", "B"], "model": "M", "new": 1}
    assert RegistryValues.of_row(row) == RegistryValues(model="M", labels=("A", "B"))
    assert RegistryValues.of_row({}) == RegistryValues()


async def test_every_fact(
    hass: HomeAssistant, home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """States have the registry values of their entity, however the registries lead to them."""
    furnish(home)
    await home.add_unregistered("sensor.computed")
    names = ("temperature", "elsewhere", "uplink", "inner", "alone", "computed", "unheard")
    for name in names:
        hass.states.async_set(f"sensor.{name}", "1", {"name": name})
    await record(hass, 0)
    await exporter.export()

    nothing: dict[str, Any] = {**dict.fromkeys(RegistryValues().values), "labels": []}
    registered = nothing | {"integration": "thread_bridge"}
    probe = registered | {
        "device_id": home.found("Probe").id,
        "device_name": "Fridge",
        "manufacturer": "Probes & Co",
        "model": "P3",
        "via_device_id": home.found("Bridge").id,
        "area_id": "kitchen",
        "area_name": "Kitchen",
        "floor_id": "ground_floor",
        "floor_name": "Ground floor",
    }
    expected = {
        "temperature": probe | {"labels": ["Critical", "Radio", "Seasonal"]},
        "elsewhere": probe
        | {"area_id": "attic", "area_name": "Attic", "floor_id": None, "floor_name": None}
        | {"labels": ["Radio"]},
        "uplink": registered
        | {"device_id": home.found("Hub").id, "device_name": "Hub"}
        | {"manufacturer": "Acme", "model": "H1"},
        "inner": probe
        | {
            "device_id": home.found("Freezer").id,
            "device_name": "Freezer",
            "labels": ["Radio", "Seasonal"],
        },
        "alone": registered,
    }
    for name, values in expected.items():
        entry = home.entities.async_get(f"sensor.{name}")
        assert entry
        own = {"unique_id": name, "registry_id": entry.id}
        assert registry_values_of(warehouse, entry.entity_id) == values | own
    assert registry_values_of(warehouse, "sensor.computed") == nothing | {"integration": "template"}
    assert registry_values_of(warehouse, "sensor.unheard") == nothing


async def test_what_entities_offer(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """Capabilities are JSON that is equal as long as they are; what is no JSON is NULL."""
    lamp = {"modes": {"rgb", "hs", "ct"}, "effects": ("a", "b"), "max": 6500, 1: Mode.NULLABLE}
    home.entity("lamp", capabilities=lamp, supported_features=44, translation_key="ceiling")
    home.entity("plain")
    assert await exporter.export_entities() == 2
    home.entity("lamp", capabilities={**lamp, "modes": ["ct", "hs", "rgb"]})
    assert await exporter.export_entities() == 0
    offered = {
        row["entity_id"]: (row["capabilities"], row["supported_features"], row["translation_key"])
        for row in entity_rows(warehouse)
    }
    capabilities, *others = offered.pop("sensor.lamp")
    assert orjson.loads(capabilities) == {
        "1": "NULLABLE",
        "effects": ["a", "b"],
        "max": 6500,
        "modes": ["ct", "hs", "rgb"],
    }
    assert others == ["44", "ceiling"]
    assert offered == {"sensor.plain": (None, "0", None)}


async def test_rows_of_entities(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """Each registered entity has a row with its registry values, and all else that is known."""
    furnish(home)
    result = await exporter.export()
    assert result.rows == {"sensor_data": 0, "entities": 6}
    rows = {row["unique_id"]: row for row in entity_rows(warehouse)}
    assert len(rows) == 6
    temperature = rows["temperature"]
    entry = home.entities.async_get("sensor.temperature")
    assert entry
    assert temperature == temperature | {
        "entity_id": "sensor.temperature",
        "domain": "sensor",
        "valid_from": str(timestamp(result.started)),
        "removed": "false",
        "renamed_from": None,
        "area_name": "Kitchen",
        "labels": ["Critical", "Radio", "Seasonal"],
        "entity_category": None,
        "name": "Fridge Temperature",
        "original_name": "Temperature",
        "device_class": "temperature",
        "unit_of_measurement": "°C",
        "disabled_by": None,
        "hidden_by": None,
        "created": str(timestamp(entry.created_at)),
        "source": "home",
        "export_id": result.export_id,
        "export_timestamp": str(timestamp(result.started)),
    }
    signal = rows["signal"]
    assert (signal["entity_category"], signal["disabled_by"], signal["hidden_by"]) == (
        *("diagnostic", "integration", "user"),
    )
    elsewhere = rows["elsewhere"]
    # Since 2026.11, Home Assistant puts the device's name before one that the user gave, too.
    device = "" if AwesomeVersion(HOME_ASSISTANT_VERSION) < "2026.11" else "Fridge "
    assert (elsewhere["name"], elsewhere["original_name"]) == (f"{device}Up there", "Elsewhere")
    assert elsewhere["device_class"] == "humidity"
    assert len({row["generation"] for row in rows.values()}) == 1


async def test_unit_that_the_user_has_chosen(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """The unit is the one that the states have, and not the integration's."""
    home.entity("t", unit_of_measurement="°C")
    home.entities.async_update_entity_options("sensor.t", "sensor", {"unit_of_measurement": "°F"})
    await exporter.export()
    (row,) = entity_rows(warehouse)
    assert row["unit_of_measurement"] == "°F"


async def test_what_integrations_give(
    hass: HomeAssistant, home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """Values that are no text become text, so that no state is refused for them."""
    entry = home.entity("odd")
    object.__setattr__(entry, "unique_id", 5)
    object.__setattr__(entry, "original_name", "half \ud800")
    hass.states.async_set("sensor.odd", "1")
    await record(hass, 0)
    assert (await exporter.export()).rejected == 0
    assert registry_values_of(warehouse, "sensor.odd")["unique_id"] == "5"
    assert entity_rows(warehouse)[0]["original_name"] == "half ?"
    object.__setattr__(entry, "unique_id", "odd")
    object.__setattr__(entry, "original_name", None)


async def test_changes(home: Home, warehouse: Warehouse, exporter: DimensionsExporter) -> None:
    """A row is sent when registry values change, wherever they come from, and none otherwise."""
    furnish(home)
    assert await exporter.export_entities() == 6
    assert await exporter.export_entities() == 0
    home.areas.async_update("kitchen", icon="mdi:fridge")
    assert await exporter.export_entities() == 0

    home.areas.async_update("kitchen", name="Galley")
    assert await exporter.export_entities() == 3
    home.floors.async_update("ground_floor", name="Below")
    assert await exporter.export_entities() == 3
    home.labels.async_update("seasonal", name="Always")
    assert await exporter.export_entities() == 3
    home.labels.async_delete("critical")
    assert await exporter.export_entities() == 1
    home.entities.async_update_entity("sensor.alone", hidden_by=er.RegistryEntryHider.USER)
    assert await exporter.export_entities() == 1
    home.entity("another")
    assert await exporter.export_entities() == 1
    rows = entity_rows(warehouse)
    assert len(rows) == 18
    (latest,) = [row for row in rows if row["entity_id"] == "sensor.temperature"][-1:]
    assert (latest["area_name"], latest["floor_name"], latest["labels"]) == (
        *("Galley", "Below"),
        ["Always", "Radio"],
    )
    generations = [int(row["generation"]) for row in rows]
    assert generations == sorted(generations)
    assert len(set(generations)) == 7


@pytest.mark.parametrize("part", ["entity", "device", "parent", "area", "floor", "label"])
async def test_time_of_a_change(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter, part: str
) -> None:
    """A row is valid since something of the entity was changed, and not since the export."""
    furnish(home)
    await exporter.export()
    before = timestamp(dt_util.utcnow())
    entity_id = "sensor.inner"
    match part:
        case "entity":
            home.entities.async_update_entity(entity_id, name="Inside")
        case "device":
            home.devices.async_update_child_device(home.found("Freezer").id, name_by_user="Ice")
        case "parent":
            home.devices.async_update_device(home.found("Probe").id, model="P4")
        case "area":
            home.areas.async_update("kitchen", name="Galley")
        case "floor":
            home.floors.async_update("ground_floor", name="Below")
        case "label":
            home.labels.async_update("seasonal", name="Always")
    after = timestamp(dt_util.utcnow())
    result = await exporter.export()
    row = next(row for row in entity_rows(warehouse)[6:] if row["entity_id"] == entity_id)
    assert before <= int(row["valid_from"]) <= after < timestamp(result.started)


async def test_time_that_is_not_known(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """A change that left no time, or a time to come, is valid since the export began."""
    home.entity("a")
    home.entity("b")
    await exporter.export()
    for entity_id, days in (("sensor.a", -1), ("sensor.b", 800)):
        home.entities.async_update_entity(entity_id, name="New")
        entry = home.entities.entities[entity_id]
        modified = dt_util.utcnow() + timedelta(days=days)
        object.__setattr__(entry, "modified_at", modified)
    result = await exporter.export()
    assert result.rejected == 0
    rows = entity_rows(warehouse)[2:]
    assert {row["valid_from"] for row in rows} == {str(timestamp(result.started))}


async def test_removed(
    hass: HomeAssistant, home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """An entity that is gone has a last row, and its states keep what was known of it."""
    furnish(home)
    await exporter.export()
    entry = home.entities.async_get("sensor.temperature")
    assert entry
    hass.states.async_set("sensor.temperature", "1")
    home.entities.async_remove("sensor.temperature")
    hass.states.async_set("sensor.temperature", "2")
    await record(hass, 0)
    result = await exporter.export()
    assert result.rows == {"sensor_data": 2, "entities": 1}
    row = entity_rows(warehouse)[-1]
    assert row == row | {
        "entity_id": "sensor.temperature",
        "registry_id": entry.id,
        "removed": "true",
        "area_name": "Kitchen",
        "valid_from": str(timestamp(result.started)),
    }
    hass.states.async_set("sensor.temperature", "3")
    await record(hass, 0)
    assert (await exporter.export()).rows == {"sensor_data": 1, "entities": 0}
    states = warehouse.rows("registry_id, labels, state_id")
    assert {state["registry_id"] for state in states} == {entry.id}
    assert plain(states[-1])["labels"] == ["Critical", "Radio", "Seasonal"]

    # Home Assistant knows it again, and gives it the same id.
    home.entity("temperature")
    assert await exporter.export_entities() == 1
    row = entity_rows(warehouse)[-1]
    assert (row["registry_id"], row["removed"]) == (entry.id, "false")


async def test_renamed(home: Home, warehouse: Warehouse, exporter: DimensionsExporter) -> None:
    """A row says which name an entity had before; two may even have swapped theirs."""
    a, b = home.entity("a"), home.entity("b")
    await exporter.export()
    home.rename("sensor.a", "sensor.x")
    assert await exporter.export_entities() == 1
    home.rename("sensor.b", "sensor.a")
    home.rename("sensor.x", "sensor.b")
    assert await exporter.export_entities() == 2
    assert [
        (row["registry_id"], row["entity_id"], row["renamed_from"], row["removed"])
        for row in entity_rows(warehouse)
    ] == [
        (a.id, "sensor.a", None, "false"),
        (b.id, "sensor.b", None, "false"),
        (a.id, "sensor.x", "sensor.a", "false"),
        (b.id, "sensor.a", "sensor.b", "false"),
        (a.id, "sensor.b", "sensor.x", "false"),
    ]
