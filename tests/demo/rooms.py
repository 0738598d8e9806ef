"""The rooms of the demonstration: registered sensors in areas on floors, and an automation."""

from tests.home.client import Client

FLOORS = {"Ground floor": ("Kitchen", "Living Room"), "Upstairs": ("Office", "Bedroom")}
SENSORS = {
    "sensor.kitchen_temperature": "Kitchen",
    "sensor.living_room_temperature": "Living Room",
    "sensor.office_temperature": "Office",
    "sensor.bedroom_temperature": "Bedroom",
}
AMBIENT = [
    {"entity_id": "weather.forecast_home", "name": "weather"},
    {"entity_id": "sensor.office_power", "name": "office_power"},
]
AUTOMATION = """\
automation of the demonstration:
  - id: good_night
    alias: Good night at bedtime
    triggers:
      - trigger: event
        event_type: bedtime
    actions:
      - action: script.good_night
script of the demonstration:
  good_night:
    alias: Good night
    sequence:
      - action: homeassistant.turn_off
        target:
          entity_id: light.living_room
"""
"""What runs nothing here, and has relationships."""
SENSORS_WITH_IDS = "template:\n" + "".join(
    f"""\
  - sensor:
      - unique_id: {entity_id.partition(".")[2]}
        default_entity_id: {entity_id}
        name: {entity_id.partition(".")[2].replace("_", " ").capitalize()}
        device_class: temperature
        state_class: measurement
        unit_of_measurement: °C
        state: "{{{{ 20.5 }}}}"
"""
    for entity_id in SENSORS
)
"""Sensors that can be in areas, because they have unique ids."""
CONFIGURATION = SENSORS_WITH_IDS + AUTOMATION


async def furnish(client: Client) -> None:
    """Make floors with areas, and put the sensors there."""
    # A new Home Assistant has some areas already.
    areas = {
        area["name"]: area["area_id"] for area in await client.command("config/area_registry/list")
    }
    for floor, names in FLOORS.items():
        floor_id = (await client.command("config/floor_registry/create", name=floor))["floor_id"]
        for name in names:
            if name not in areas:
                made = await client.command("config/area_registry/create", name=name)
                areas[name] = made["area_id"]
            await client.command(
                "config/area_registry/update", area_id=areas[name], floor_id=floor_id
            )
    for entity_id, name in SENSORS.items():
        await client.command(
            "config/entity_registry/update", entity_id=entity_id, area_id=areas[name]
        )
