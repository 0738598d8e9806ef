"""A home whose entities are registered, and exports of what the registries say."""

from dataclasses import dataclass, field
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.entity import Entity
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockEntityPlatform

from custom_components.bigquery_export.export.dimensions.snapshot import (
    DimensionReader,
    Snapshot,
    last_known,
)
from custom_components.bigquery_export.export.dimensions.snapshot_file import SnapshotFile
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.export.session import Result
from custom_components.bigquery_export.export.tables import DIMENSION_TABLES
from custom_components.bigquery_export.home.registries import Registries
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.entities import ENTITIES
from tests.bigquery_export.support.exporter import PLACE, Exporter
from tests.bigquery_export.support.warehouse import Warehouse


@dataclass
class DimensionsExporter(Exporter):
    """Exports states and entities as the coordinator does, with registry values."""

    registries: Registries = field(init=False)

    @override
    def __post_init__(self) -> None:
        """Read nothing yet."""
        super().__post_init__()
        self.registries = Registries(self.hass)
        self.snapshot_file = SnapshotFile(self.hass, "entry", ENTITIES.name)

    @override
    def new_run(
        self, batch_rows: int = 1_000, *, flush: bool = False, backfill: bool = True
    ) -> Run:
        """Return a run that continues from the files, as after a restart."""
        session = self.new_session(batch_rows)
        row_context = RowContext(session.run_values, PLACE, registry=self.registries)
        sources = [
            RECORDER_TABLES[table].open(
                self.hass, session.delivery.encoding(RECORDER_TABLES[table].table), row_context
            )
            for table in self.tables
        ]
        return Run(session, sources, self.snapshots(), flush=flush, backfill=backfill)

    def snapshots(self) -> list[Snapshot]:
        """Return the dimension tables to export."""
        entities = DIMENSION_TABLES[ENTITIES.name]
        return [
            Snapshot(entities, self.snapshot_file, DimensionReader(self.registries.async_entities))
        ]

    @override
    async def export(self, batch_rows: int = 1_000) -> Result:
        """Make a run."""
        known = last_known(self.hass, "entry", ENTITIES.name, "entity_id")
        await self.registries.async_open(known)
        try:
            return await self.new_run(batch_rows).async_run()
        finally:
            self.registries.async_close()

    async def export_entities(self) -> int:
        """Make a run, and return how many rows of `entities` it sent."""
        return (await self.export()).rows[ENTITIES.name]


@dataclass
class Home:
    """Registries to fill."""

    hass: HomeAssistant

    def __post_init__(self) -> None:
        """Add an integration to the home."""
        self.entry = MockConfigEntry(domain="thread_bridge")
        self.entry.add_to_hass(self.hass)
        self.entities = er.async_get(self.hass)
        self.devices = dr.async_get(self.hass)
        self.areas = ar.async_get(self.hass)
        self.floors = fr.async_get(self.hass)
        self.labels = lr.async_get(self.hass)

    def device(self, name: str, **values: Any) -> dr.DeviceEntry:
        """Register a device."""
        return self.devices.async_get_or_create(
            config_entry_id=self.entry.entry_id,
            identifiers={("thread_bridge", name)},
            name=name,
            **values,
        )

    def found(self, name: str) -> dr.DeviceEntry | dr.ChildDeviceEntry:
        """Return a device, or a part of one, by its name when it was registered."""
        key = (("thread_bridge", name), self.entry.entry_id)
        device = self.devices.async_get_device_by_identifier(
            *key
        ) or self.devices.async_get_child_device_by_identifier(*key)
        assert device
        return device

    def entity(self, unique_id: str, **values: Any) -> er.RegistryEntry:
        """Register a sensor whose entity_id follows from its unique id."""
        entry: ConfigEntry = self.entry
        return self.entities.async_get_or_create(
            "sensor",
            "thread_bridge",
            unique_id,
            suggested_object_id=unique_id,
            config_entry=entry,
            **values,
        )

    def rename(self, old: str, new: str) -> None:
        """Give an entity another entity_id."""
        self.entities.async_update_entity(old, new_entity_id=new)

    async def add_unregistered(self, entity_id: str) -> None:
        """Add an entity that has no unique id, and so is not in the registry."""
        entity = Entity()
        entity.entity_id = entity_id
        domain = entity_id.partition(".")[0]
        platform = MockEntityPlatform(self.hass, domain=domain, platform_name="template")
        await platform.async_add_entities([entity])


def furnish(home: Home) -> None:
    """Fill a home: floors with areas, devices behind devices, labels on everything."""
    ground = home.floors.async_create("Ground floor")
    critical, radio, seasonal = (
        home.labels.async_create(name).label_id for name in ("Critical", "Radio", "Seasonal")
    )
    home.labels.async_create("Unused")
    kitchen = home.areas.async_create("Kitchen", floor_id=ground.floor_id, labels={seasonal, radio})
    attic = home.areas.async_create("Attic")
    hub = home.device("Hub", manufacturer="Acme", model="H1")
    bridge = home.device("Bridge", manufacturer="Acme", model="B2", via_device_id=hub.id)
    probe = home.device("Probe", manufacturer="Probes & Co", model="P3", via_device_id=bridge.id)
    home.devices.async_update_device(
        probe.id, area_id=kitchen.id, name_by_user="Fridge", labels={radio}
    )
    part = home.devices.async_get_or_create_child(
        config_entry_id=home.entry.entry_id,
        identifiers={("thread_bridge", "Freezer")},
        name="Freezer",
        parent_device_id=probe.id,
    )
    temperature = home.entity(
        "temperature",
        device_id=probe.id,
        original_name="Temperature",
        has_entity_name=True,
        original_device_class="temperature",
        unit_of_measurement="°C",
    )
    home.entities.async_update_entity(temperature.entity_id, labels={critical})
    home.entity(
        "signal",
        device_id=probe.id,
        entity_category=EntityCategory.DIAGNOSTIC,
        disabled_by=er.RegistryEntryDisabler.INTEGRATION,
        hidden_by=er.RegistryEntryHider.USER,
    )
    elsewhere = home.entity("elsewhere", device_id=probe.id, original_name="Elsewhere")
    home.entities.async_update_entity(
        elsewhere.entity_id, name="Up there", area_id=attic.id, device_class="humidity"
    )
    home.entity("uplink", device_id=hub.id, original_name="Uplink")
    home.entity("inner", device_id=part.id, original_name="Inner", has_entity_name=True)
    home.entity("alone", original_name="Alone")


def entity_rows(
    warehouse: Warehouse, *, view: str = "entities", columns: str = "*", order: str = ""
) -> list[Any]:
    """Return the rows of the table, or of a view of it, in the order in which they were sent."""
    order = order or (
        "entity_id, valid_from" if view == "entity_names" else "generation, entity_id"
    )
    rows = warehouse.server.query(
        f"SELECT {columns} FROM home.{view} ORDER BY {order}",  # noqa: S608
        warehouse.project,
    )
    return [plain(row) for row in rows]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its labels as a list, which the REST API wraps."""
    return row | {"labels": [item["v"] for item in row["labels"]]} if "labels" in row else row
