"""Devices that are updated, moved and removed, beside a table by hand."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import CONF_TABLES
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.devices import DEVICES
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.exported_rows import arrays_as_text
from tests.bigquery_export.support.flaky_home import DimensionExporter
from tests.bigquery_export.support.registered_home import Home
from tests.bigquery_export.support.warehouse import Warehouse

SECRET = b"a secret of thirty-two characters"
HISTORY = """
Bridge  | Acme | B2 | b2.1 | 1.0 | A   |               | Hub   |        | thread_bridge |
Bridge  | Acme | B2 | b2.1 | 1.1 | A   |               | Hub   |        | thread_bridge |
Bridge  | Acme | B2 | b2.1 | 1.1 | B   |               | Hub   | Attic  | thread_bridge |
Freezer | Cold | F2 |      |     |     |               |       |        | thread_bridge |
Freezer | Cold | F2 |      |     |     |               |       | Attic  | thread_bridge |
Fridge  | Cold | F2 |      |     |     | bluetooth mac |       |        | thread_bridge |
Fridge  | Cold | F2 |      |     |     | bluetooth mac |       | Attic  | thread_bridge |
Hub     | Acme | H1 |      | 7   |     | zigbee      |     |     | template thread_bridge |
Hub     | Acme | H1 |      | 7   |     | zigbee      |     |     | template thread_bridge | gone
"""
"""What was true of each device, one after another."""
SHOWN = ("name", "manufacturer", "model", "model_id", "sw_version", "hw_version", "connections")


@pytest.fixture
def home(hass: HomeAssistant) -> Home:
    """Return a home with a hub behind which a bridge is, and a fridge with a part."""
    home = Home(hass)
    hub = home.device(
        *("Hub",), manufacturer="Acme", model="H1", sw_version="7", connections={("zigbee", "0x1")}
    )
    home.device(
        "Bridge",
        manufacturer="Acme",
        model="B2",
        model_id="b2.1",
        sw_version="1.0",
        hw_version="A",
        serial_number="SN-4711",
        via_device_id=hub.id,
    )
    fridge = home.device(
        "Fridge",
        manufacturer="Cold",
        model="F2",
        connections={("mac", "aa:bb:cc:dd:ee:ff"), ("bluetooth", "AA:BB"), ("bluetooth", "CC:DD")},
    )
    home.devices.async_get_or_create_child(
        config_entry_id=home.entry.entry_id,
        identifiers={("thread_bridge", "Freezer")},
        name="Freezer",
        parent_device_id=fridge.id,
    )
    home.entities.async_get_or_create(
        *("sensor", "template", "1"), suggested_object_id="helper", device_id=hub.id
    )
    return home


@pytest.fixture
async def exporter(hass: HomeAssistant, warehouse: Warehouse) -> AsyncIterator[DimensionExporter]:
    """Return what makes runs into empty tables with views."""
    await hass.async_add_executor_job(warehouse.create_table, ENTITIES, DEVICES)
    connection = await hass.async_add_executor_job(warehouse.connect)
    yield DimensionExporter(hass, connection, table="devices", privacy=Privacy(secret=SECRET))
    await hass.async_add_executor_job(connection.close)


async def asked(hass: HomeAssistant, warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    """Return the answer to a query, arrays as text."""
    rows = await hass.async_add_executor_job(warehouse.server.query, sql, warehouse.project)
    return [arrays_as_text(row) for row in rows]


async def test_history(
    hass: HomeAssistant, home: Home, warehouse: Warehouse, exporter: DimensionExporter
) -> None:
    """Each change of a device is a row with its time, and no other is."""
    assert await exporter.export_rows() == 4
    assert await exporter.export_rows() == 0
    ids = {home.found(name).id: name for name in ("Hub", "Bridge", "Fridge", "Freezer")}
    bridge, fridge = home.found("Bridge").id, home.found("Fridge").id
    home.devices.async_update_device(bridge, sw_version="1.1")
    updated = home.found("Bridge").modified_at
    assert await exporter.export_rows() == 1
    attic = ar.async_get(hass).async_create("Attic").id
    home.devices.async_update_device(bridge, area_id=attic, hw_version="B")
    home.devices.async_update_device(fridge, area_id=attic)
    assert await exporter.export_rows() == 3
    home.devices.async_remove_device(home.found("Hub").id)
    assert await exporter.export_rows() == 2
    rows = await asked(
        hass, warehouse, "SELECT * FROM home.devices_valid ORDER BY device_id, valid_from"
    )
    found = sorted(
        (
            ids[row["device_id"]],
            int(row["valid_from"]),
            [
                *((row[name] or "").replace(" | ", " ") for name in SHOWN),
                ids.get(row["via_device_id"] or "", ""),
                row["area_name"] or "",
                row["integrations"].replace(" | ", " "),
                "gone" if row["removed"] == "true" else "",
            ],
        )
        for row in rows
    )
    expected = [[cell.strip() for cell in line.split("|")] for line in HISTORY.strip().splitlines()]
    # The bridge has another row: what it is connected through is gone.
    lost = [*expected[2][:7], "", *expected[2][8:]]
    assert [cells for _, _, cells in found] == [*expected[:3], lost, *expected[3:]]
    times = [time for name, time, _ in found if name == "Bridge"]
    assert times[1] == int(updated.timestamp() * 1_000_000 + 0.5)
    serial_numbers = {row["serial_number"] for row in rows}
    assert serial_numbers == {None, exporter.privacy.serial_number("SN-4711")}
    everything = str(await asked(hass, warehouse, "SELECT * FROM home.devices"))
    for private in ("SN-4711", "aa:bb", "AA:BB", "0x1"):
        assert private not in everything
    parts = {row["device_id"]: row["parent_device_id"] for row in rows if row["parent_device_id"]}
    assert parts == {home.found("Freezer").id: fridge}
    assert {row["entry_id"] for row in rows} == {home.entry.entry_id}
    latest = await asked(hass, warehouse, "SELECT * FROM home.devices_latest ORDER BY device_name")
    assert {row["device_name"]: row["sw_version"] for row in latest} == {
        **{"Bridge": "1.1", "Freezer": None, "Fridge": None}
    }
    assert {(row["areas"], row["entities"]) for row in latest} == {("Attic", "0")}


async def test_privacy(
    hass: HomeAssistant, home: Home, warehouse: Warehouse, exporter: DimensionExporter
) -> None:
    """A device whose entities are all hidden or excluded is not there, nor named by others."""

    def add(name: str, device: str) -> None:
        home.entity(name, device_id=home.found(device).id)

    add("secret", "Fridge")
    add("no", "Fridge")
    add("shown", "Bridge")
    add("secret_2", "Bridge")
    home.entities.async_update_entity("sensor.helper", new_entity_id="sensor.no_helper")
    choice = PrivacyChoice(hidden=("sensor.secret*",))
    exporter.privacy = Privacy(choice, SECRET)
    exporter.choice = Choice(entities=EntityFilter(exclude=Selection(globs=("sensor.no*",))))
    assert await exporter.export_rows() == 2
    rows = await asked(hass, warehouse, "SELECT * FROM home.devices ORDER BY name")
    assert [(row["name"], row["via_device_id"], row["parent_device_id"]) for row in rows] == [
        *(("Bridge", None, None), ("Freezer", None, None)),
    ]
    area = ar.async_get(hass).async_create("Attic").id
    home.devices.async_update_child_device(home.found("Freezer").id, area_id=area)
    exporter.choice = Choice(entities=EntityFilter(exclude=Selection(areas=frozenset({area}))))
    # Helper and fridge have an entity that is not excluded any more; a part in an excluded area
    # is gone.
    assert await exporter.export_rows() == 4
    latest = await asked(hass, warehouse, "SELECT * FROM home.devices_latest")
    names = {row["device_name"] for row in latest if row["created"]}
    assert names == {"Hub", "Bridge", "Fridge"}


async def test_without_a_secret() -> None:
    """A serial number that anyone could try out is not sent."""
    assert Privacy().serial_number("SN-4711") is None
    pseudonym = Privacy(secret=SECRET).serial_number("SN-4711")
    assert pseudonym != Privacy(secret=b"another").serial_number("SN-4711")
    assert Privacy(secret=SECRET).serial_number(None) is None


@pytest.mark.all_tables
async def test_secret(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse, hass_storage: dict[str, Any]
) -> None:
    """The home has a secret of its own as soon as devices are exported, and not before."""
    await export_now(hass)
    assert "bigquery_export.secret" not in hass_storage
    hass.config_entries.async_update_entry(loaded, options={CONF_TABLES: ["devices"]})
    await hass.config_entries.async_reload(loaded.entry_id)
    devices = dr.async_get(hass)
    (own,) = dr.async_entries_for_config_entry(devices, loaded.entry_id)
    devices.async_update_device(own.id, serial_number="SN-4711")
    assert (await export_now(hass))["rows"]["devices"] == 1
    (row,) = await asked(hass, warehouse, "SELECT * FROM home.devices")
    secret = bytes.fromhex(hass_storage["bigquery_export.secret"]["data"]["secret"])
    assert row["serial_number"] == Privacy(secret=secret).serial_number("SN-4711")
    assert len(row["serial_number"]) == 32
    entity = er.async_entries_for_device(er.async_get(hass), own.id)[0]
    er.async_get(hass).async_update_entity(entity.entity_id, name="Other")
    assert (await export_now(hass))["rows"]["devices"] == 0
