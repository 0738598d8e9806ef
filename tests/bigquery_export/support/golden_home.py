"""A home in which everything is related, set up as Home Assistant does it.

floors     Ground floor: Kitchen, Hall      Upper floor: Bedroom, Bathroom      none: Garden
devices    Hub <- Bridge <- Lamp, Hub <- Station, Fridge with its part Freezer, Phone
automations
    motion -> motion_light -> light.lamp -> heat_when_lit -> switch.heater -> dim_when_hot
    -> the lights of the kitchen -> heat_when_lit: a circle
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from homeassistant.const import EntityCategory
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.home.relationships import async_relationships
from tests.bigquery_export.support.registered_home import Home

BLUEPRINT = """\
blueprint:
  name: Lamp at dusk
  domain: automation
  input:
    lamp:
triggers:
  - trigger: sun
    event: sunset
actions:
  - action: light.turn_on
    target:
      entity_id: !input lamp
"""
AUTOMATIONS: tuple[dict[str, Any], ...] = (
    {
        # It waits for what triggers it, which is no circle.
        "alias": "Motion light",
        "triggers": [{"trigger": "state", "entity_id": "binary_sensor.motion", "to": "on"}],
        "actions": [
            {"action": "light.turn_on", "target": {"entity_id": "light.lamp"}},
            {
                "wait_for_trigger": [
                    {"trigger": "state", "entity_id": "binary_sensor.motion", "to": "off"}
                ]
            },
        ],
    },
    {
        "alias": "Heat when lit",
        "triggers": [
            {"trigger": "state", "entity_id": "group.lights"},
            {"trigger": "state", "entity_id": "sensor.outdoor", "enabled": False},
        ],
        "actions": [
            {
                "choose": [
                    {
                        "conditions": [
                            {"condition": "state", "entity_id": "person.ada", "state": "home"}
                        ],
                        "sequence": [
                            {
                                "parallel": [
                                    {"action": "switch.turn_on", "entity_id": "switch.heater"}
                                ]
                            }
                        ],
                    }
                ],
                "default": [
                    {
                        "action": "light.turn_on",
                        "target": {"entity_id": "light.bed"},
                        "enabled": False,
                    }
                ],
            }
        ],
    },
    {
        "alias": "Dim when hot",
        "triggers": [{"trigger": "state", "entity_id": "switch.heater"}],
        "actions": [{"action": "light.turn_off", "target": {"area_id": "kitchen"}}],
    },
    {
        "alias": "Frost",
        "triggers": [
            {"trigger": "state", "entity_id": "binary_sensor.garden_station_frost"},
            {"trigger": "numeric_state", "entity_id": ["sensor.trend"], "above": 3},
        ],
        "conditions": [{"condition": "state", "entity_id": "person.ada", "state": "home"}],
        "actions": [
            {"action": "script.good_night"},
            {"action": "automation.turn_off", "target": {"entity_id": "automation.motion_light"}},
        ],
    },
    {
        "alias": "Party is over",
        "triggers": [{"trigger": "event", "event_type": "party_over"}],
        "actions": [
            {"action": "automation.trigger", "target": {"entity_id": "automation.frost"}},
            {"action": "light.turn_off", "target": {"entity_id": "group.lights"}},
            {"action": "homeassistant.turn_off", "target": {"label_id": "night"}},
            {"action": "homeassistant.turn_off", "target": {"floor_id": "upper_floor"}},
            {"action": "{{ 'light.turn_off' }}", "data": {"entity_id": "{{ trigger.event }}"}},
        ],
    },
    {
        "alias": "Dusk",
        "use_blueprint": {"path": "golden/dusk.yaml", "input": {"lamp": "light.bed"}},
    },
    {"alias": "Broken", "triggers": [{"trigger": "no_such_trigger"}], "actions": []},
)
SCRIPTS: dict[str, dict[str, Any]] = {
    "good_night": {
        "sequence": [
            {"if": [{"condition": "sun", "after": "sunset"}], "then": [{"scene": "scene.night"}]},
            {"action": "script.turn_on", "target": {"entity_id": "script.announce"}},
        ]
    },
    "announce": {
        "sequence": [{"action": "notify.send_message", "target": {"device_id": "$Phone"}}]
    },
}
SCENES = [{"name": "Night", "entities": {"light.bed": "on", "switch.heater": "off"}}]
HELPERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Mean": (
        "min_max",
        {"entity_ids": ["sensor.outdoor", "$sensor.indoor"], "type": "mean", "round_digits": 2},
    ),
    "Trend": (
        "derivative",
        {"source": "sensor.mean", "time_window": {"hours": 1}, "unit_time": "h", "round": 1.0},
    ),
    "Frost": (
        "threshold",
        {"entity_id": "sensor.outdoor", "lower": 0.0, "upper": None, "hysteresis": 1.5},
    ),
    "Daily": (
        "utility_meter",
        {
            "source": "sensor.energy",
            "cycle": "daily",
            "offset": 0,
            "tariffs": [],
            "net_consumption": False,
            "delta_values": False,
            "periodically_resetting": True,
        },
    ),
    "Feels like": (
        "template",
        {
            "template_type": "sensor",
            "state": "{{ states('sensor.outdoor') | float(0) - states('sensor.wind') | float(0) }}",
        },
    ),
    "Downstairs": (
        "group",
        {"group_type": "light", "entities": ["light.lamp"], "hide_members": False, "all": False},
    ),
}
"""Helpers by their names: integration and options. `$` stands before what has a registry's id."""


@dataclass
class GoldenHome(Home):
    """The home, and what is known of it."""

    async def async_furnish(self) -> None:
        """Register all devices and entities, and set up what uses them."""
        # Frost is announced where the trend is steep, which depends on how fast the machine is.
        self.hass.services.async_register("notify", "send_message", Mock())
        self._name_places()
        self._add_devices()
        self._add_entities()
        await self.add_unregistered("sensor.wind")
        for entity_id in [*self.entities.entities, "sensor.wind"]:
            self.hass.states.async_set(entity_id, "1")
        await self._async_set_up()
        await self.hass.async_block_till_done()

    async def async_close(self) -> None:
        """Stop what waits for a time."""
        await self.hass.services.async_call("automation", "turn_off", {"entity_id": "all"})
        for domain, _ in HELPERS.values():
            for entry in self.hass.config_entries.async_entries(domain):
                await self.hass.config_entries.async_unload(entry.entry_id)
        await self.hass.async_block_till_done()

    def _name_places(self) -> None:
        ground = self.floors.async_create("Ground floor").floor_id
        upper = self.floors.async_create("Upper floor").floor_id
        critical, night = (
            self.labels.async_create(name).label_id for name in ("Critical", "Night")
        )
        self.areas.async_create("Kitchen", floor_id=ground, labels={critical})
        self.areas.async_create("Hall", floor_id=ground)
        self.areas.async_create("Bedroom", floor_id=upper, labels={night})
        self.areas.async_create("Bathroom", floor_id=upper)
        self.areas.async_create("Garden")

    def _add_devices(self) -> None:
        hub = self._place(self.device("Hub", manufacturer="Acme", model="H1"), "hall")
        bridge = self._place(self.device("Bridge", via_device_id=hub), "hall", name="Old bridge")
        lamp = self.device("Lamp", manufacturer="Lux", model="L9", via_device_id=bridge)
        self._place(lamp, "kitchen", labels={"night"})
        self._place(self.device("Station", via_device_id=hub), "garden")
        fridge = self._place(self.device("Fridge", manufacturer="Cold", model="F2"), "kitchen")
        self.devices.async_get_or_create_child(
            config_entry_id=self.entry.entry_id,
            identifiers={("thread_bridge", "Freezer")},
            name="Freezer",
            parent_device_id=fridge,
        )
        self.device("Phone")

    def _place(
        self,
        device: dr.DeviceEntry,
        area: str,
        *,
        name: str | None = None,
        labels: set[str] | None = None,
    ) -> str:
        self.devices.async_update_device(
            device.id, area_id=area, name_by_user=name, labels=labels or set()
        )
        return device.id

    def _add_entities(self) -> None:
        self._add("light.lamp", "Lamp", has_entity_name=True)
        self._add("light.bed", area="bedroom", labels={"night"})
        self._add("switch.heater", area="bedroom")
        self._add("binary_sensor.motion", "Bridge", original_device_class="motion")
        self._add("sensor.outdoor", "Station", labels={"critical"}, unit_of_measurement="°C")
        self._add("sensor.indoor", "Bridge", area="bathroom", unit_of_measurement="°C")
        self._add("sensor.energy", "Fridge", unit_of_measurement="kWh")
        self._add(
            "sensor.ice", "Freezer", entity_category=EntityCategory.DIAGNOSTIC, has_entity_name=True
        )
        self._add("device_tracker.phone", "Phone")
        self._add("device_tracker.watch")

    def _add(
        self,
        entity_id: str,
        device: str | None = None,
        *,
        area: str | None = None,
        labels: set[str] | None = None,
        **values: Any,
    ) -> None:
        domain, _, name = entity_id.partition(".")
        self.entities.async_get_or_create(
            domain,
            "thread_bridge",
            name,
            suggested_object_id=name,
            config_entry=self.entry,
            device_id=self.found(device).id if device else None,
            original_name=name.capitalize(),
            **values,
        )
        self.entities.async_update_entity(entity_id, area_id=area, labels=labels or set())

    async def _async_set_up(self) -> None:
        """Set up groups, persons, helpers, scenes, scripts and automations."""
        hass = self.hass
        blueprint = Path(hass.config.path("blueprints/automation/golden/dusk.yaml"))
        await hass.async_add_executor_job(_write, blueprint, BLUEPRINT)
        persons = [
            {
                "id": "ada",
                "name": "Ada",
                "device_trackers": ["device_tracker.phone", "device_tracker.watch"],
            },
            {"id": "bob", "name": "Bob"},
        ]
        scripts = {name: self.with_ids(one) for name, one in SCRIPTS.items()}
        lights = {"lights": {"name": "Lights", "entities": ["light.lamp", "light.bed"]}}
        for domain in ("homeassistant", "switch"):
            await self._async_set_up_one(domain, {})
        await self._async_set_up_one("group", lights)
        await self._async_set_up_one("person", persons)
        for name, (domain, options) in HELPERS.items():
            await self.async_add_helper(domain, name, options)
        await self._async_set_up_one("scene", SCENES)
        await self._async_set_up_one("script", scripts)
        await self._async_set_up_one("automation", list(AUTOMATIONS))

    async def _async_set_up_one(self, domain: str, config: object) -> None:
        assert await async_setup_component(self.hass, domain, {domain: config})

    async def async_add_helper(self, domain: str, name: str, options: Mapping[str, Any]) -> None:
        """Set up a helper."""
        entry = MockConfigEntry(
            domain=domain, title=name, options={"name": name, **self.with_ids(options)}
        )
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await self.hass.async_block_till_done()

    def with_ids(self, value: Any) -> Any:
        """Return a configuration with the registries' ids of devices and entities after a `$`."""
        if isinstance(value, dict):
            return {key: self.with_ids(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.with_ids(part) for part in value]
        if isinstance(value, str) and value.startswith("$"):
            return self.id_of(value.removeprefix("$"))
        return value

    def id_of(self, name: str) -> str:
        """Return the registry's id of an entity, or of a device by its name."""
        entry: er.RegistryEntry | None = self.entities.async_get(name)
        return entry.id if entry else self.found(name).id

    async def async_edges(self) -> set[str]:
        """Return all edges as sentences, with devices by their first names."""
        devices = {
            device.id: device.name
            for device in [*self.devices.devices, *self.devices.child_devices]
        }
        return {
            " ".join(
                (
                    _end(values["from_type"], values["from_id"], devices),
                    values["kind"],
                    _end(values["to_type"], values["to_id"], devices),
                )
            )
            for row in (await async_relationships(self.hass)).values()
            for values in [row.values]
        }


def _end(type_: str, id_: str, devices: Mapping[str, str | None]) -> str:
    if type_ == "device":
        return f"device:{devices[id_]}"
    return id_ if type_ == "entity" else f"{type_}:{id_}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
