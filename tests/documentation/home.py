"""The home that the queries of the documentation are asked of, in the autumn of 2026.

It is a Friday noon, the 30th of October, and the clocks were changed five days ago. What happens is
little enough to work out each answer by hand.
"""

from typing import Any

import orjson

from .history import History
from .home_states import STATES

NOW = "TIMESTAMP '2026-10-30 12:00:00 UTC'"

GUEST = "device_tracker.guest_phone"
"""An entity whose history is deleted."""

REGISTRY_VALUES: dict[str, dict[str, Any]] = {
    "sensor.living_room_temperature": {"area_name": "Living room", "device_name": "Thermometer"},
    "sensor.bedroom_temperature": {"area_name": "Bedroom"},
    "binary_sensor.hall_motion": {"area_name": "Hall"},
    "light.kitchen": {"area_name": "Kitchen"},
    "sensor.garden_soil": {"device_name": "Soil sensor"},
    "sensor.remote_battery": {"device_name": "Remote"},
    "sensor.portable_temperature": {"area_name": "Attic", "registry_id": "portable"},
    "sensor.fridge_energy": {"area_name": "Kitchen"},
    "sensor.tv_energy": {"area_name": "Living room"},
    "sensor.heat_pump_energy": {"area_name": "Utility room"},
}
ENERGY = {"unit_class": "energy", "unit_of_measurement": "kWh", "has_sum": True}


def history() -> History:
    """Return everything that happened."""
    home = History(REGISTRY_VALUES)
    for tell in (
        *STATES,
        _energy,
        _costs,
        _days,
        _heating,
        _fridge,
        _recording,
        _registries,
        _devices,
        _integrations,
        _relations,
        _guest,
    ):
        tell(home)
    return home


def _energy(home: History) -> None:
    """Tell what two rooms used, around the end of a month.

    One row was corrected later, and one deleted: those were exported at the beginning of time.
    """
    in_wh = ENERGY | {"unit_of_measurement": "Wh"}
    home.edge("energy_flow:device measured_by sensor.tv_energy")
    home.edge("energy_flow:device measured_by sensor.fridge_energy")
    home.statistic("sensor.tv_energy", "09-30 22:00", **in_wh, sum=1000.0)
    home.statistic("sensor.tv_energy", "09-30 23:00", **in_wh, sum=1500.0)
    home.statistic("sensor.fridge_energy", "09-30 23:00", **ENERGY, sum=10.0, state=70.0)
    home.statistic("sensor.fridge_energy", "10-01 00:00", **ENERGY, sum=10.5, state=70.5)
    home.statistic("sensor.fridge_energy", "10-01 01:00", **ENERGY, sum=99.0, export_timestamp=0)
    home.statistic("sensor.fridge_energy", "10-01 01:00", **ENERGY, sum=11.5, state=1.0)
    home.statistic("sensor.fridge_energy", "10-01 02:00", **ENERGY, sum=99.0, export_timestamp=0)
    home.statistic("sensor.fridge_energy", "10-01 02:00", **ENERGY, deleted=True)


def _days(home: History) -> None:
    """Tell what days were: of a fridge, of which a day was corrected, and of a living room."""
    for day, change in (("10-24", 1.0), ("10-25", 1.25), ("10-26", 9.0)):
        home.day("sensor.fridge_energy", day, **ENERGY, change=change)
    home.day("sensor.fridge_energy", "10-26", **ENERGY, change=1.5, exported="10-30 06:00")
    room = {"unit_of_measurement": "°C", "mean_type": "arithmetic"}
    for day, low, mean, high in (("10-25", 18.5, 20.25, 22.0), ("10-26", 17.0, 19.5, 21.5)):
        home.day("sensor.living_room_temperature", day, **room, min=low, mean=mean, max=high)


def _costs(home: History) -> None:
    """Tell what electricity cost on a day, and the lowest power of a television."""
    home.edge("energy_flow:grid_import measured_by sensor.grid_energy")
    home.edge("sensor.grid_energy has_price sensor.electricity_price")
    home.edge("sensor.grid_energy has_cost sensor.grid_energy_cost")
    for hour, total, cost, price in (
        ("09", 100, 5, 0.3),
        ("10", 101, 5.25, 0.25),
        ("18", 103, 6.25, 0.5),
    ):
        start = f"10-20 {hour}:00"
        home.statistic("sensor.grid_energy", start, sum=total, unit_of_measurement="kWh")
        home.statistic("sensor.grid_energy_cost", start, sum=cost, unit_of_measurement="EUR")
        home.statistic("sensor.electricity_price", start, mean=price, unit_of_measurement="EUR/kWh")
    for hour, lowest in (("00", 1), ("01", 1), ("20", 90)):
        home.statistic(
            *("sensor.tv_power", f"10-28 {hour}:00"), min=lowest, unit_of_measurement="W"
        )


def _heating(home: History) -> None:
    """Tell how cold three days were, and what heat they took."""
    heat = 100.0
    home.statistic("sensor.heat_pump_energy", "09-09 23:00", **ENERGY, sum=heat)
    for day, outdoors, kwh in (("09-10", 12.0, 0.5), ("09-11", 20.0, 0.0), ("10-10", 8.0, 1.0)):
        for hour in range(24):
            heat += kwh
            start = f"{day} {hour:02}:00"
            mean = outdoors + (1 if hour % 2 else -1)
            home.statistic("sensor.heat_pump_energy", start, **ENERGY, sum=heat)
            home.statistic("sensor.outdoor_temperature", start, mean=mean)


def _fridge(home: History) -> None:
    """Tell what the fridge used on Thursdays: always more at four o'clock than at three."""
    days = ("09-03", "09-10", "09-17", "09-24", "10-01", "10-08", "10-15", "10-22")
    for number, day in enumerate(days):
        little = -1.0 if number % 2 else 1.0
        home.statistic("sensor.fridge_power", f"{day} 03:00", mean=50.0 + little)
        home.statistic("sensor.fridge_power", f"{day} 04:00", mean=80.0 + little)
    for hour, mean in (("03", 80.0), ("04", 82.0), ("05", 80.0)):
        home.statistic("sensor.fridge_power", f"10-29 {hour}:00", mean=mean)


def _recording(home: History) -> None:
    """Tell when Home Assistant was recording, and what was exported."""
    home.run("10-01 00:00", "10-10 12:00")
    home.run("10-10 12:45", "10-20 06:00", crashed=True)
    home.run("10-20 06:00", "10-25 10:00:00")
    home.run("10-25 10:00:20", "10-29 10:00")
    log = {
        "table_name": "sensor_data",
        "rejected": 0,
        "export_id": "night",
        "trigger": "schedule",
        "settings_id": "5e0f",
        "integration_version": "1.0.1",
    }
    said = {"settings": orjson.dumps(_SETTINGS).decode()}
    home.transaction("10-29 03:31", **log, **said, row_count=50_000, byte_count=20_000_000)
    home.transaction("10-29 03:32", **log, row_count=15_000, byte_count=6_000_000)
    later = log | {"export_id": "evening", "rejected": 1, "settings_id": "c1d7"}
    later["rejected_reasons"] = '[{"reason":"the recorder no longer knows its entity","rows":1}]'
    later["settings"] = orjson.dumps(_SETTINGS | {"coordinates": "round"}).decode()
    home.transaction(
        "10-29 21:01", **later, row_count=5_000, byte_count=2_000_000, last_time=_EVENING
    )


_SETTINGS = {
    "tables": ["sensor_data"],
    "columns": ["attributes", "registry"],
    "coordinates": "keep",
    "delivery": "storage_write",
    "exclude": {},
}
_EVENING = 1_793_304_000_000_000
"""The 29th of October at 20:00 UTC, in microseconds since 1970."""


def _registries(home: History) -> None:
    """Tell which entity was where, and had which name."""
    home.entity("sensor.portable_temperature", "06-01", registry_id="portable", area_name="Bedroom")
    home.entity("sensor.portable_temperature", "08-01", registry_id="portable", area_name="Attic")
    home.entity("sensor.balcony_temperature", "06-01", registry_id="outside")
    home.entity("sensor.terrace_temperature", "10-15", registry_id="outside")
    home.entity(
        *("sensor.living_room_temperature", "06-01"),
        registry_id="living_room",
        device_id="thermometer",
        device_name="Thermometer",
        area_name="Living room",
    )
    home.entity(
        *("sensor.old_button", "06-01"),
        registry_id="old_button",
        device_id="remote",
        device_name="Old remote",
    )


def _devices(home: History) -> None:
    """Let the thermometer have an update."""
    home.device("thermometer", "06-01", name="Thermometer", model="T1", sw_version="1.4.2")
    home.device("thermometer", "09-20", name="Thermometer", model="T1", sw_version="1.5.1")
    home.device("remote", "06-01", name="Old remote", model="R2")
    home.device("stick", "06-01", name="Stick", model="S9", sw_version="7.4.3")


def _integrations(home: History) -> None:
    """Let the bridge of the lamps fail for an hour, and the weather since this morning."""
    hue: dict[str, Any] = {
        "domain": "hue",
        "name": "Philips Hue",
        "version": "2026.10.4",
        "entities": 14,
    }
    home.integration("hue", "06-01", **hue)
    home.integration("hue", "10-28 10:00", "setup_retry", **hue, reason="Timeout at …")
    home.integration("hue", "10-28 11:00", **hue)
    met: dict[str, Any] = {
        "domain": "met",
        "name": "Meteorologisk institutt (Met.no)",
        "version": "2026.10.4",
    }
    home.integration("met", "06-01", **met, entities=1)
    home.integration("met", "10-29 07:00", "setup_error", **met, entities=1)


def _relations(home: History) -> None:
    """Tell what needs what; two automations make a circle."""
    for sentence in (
        "sensor.living_room_temperature part_of device:Thermometer",
        "automation.heating uses sensor.living_room_temperature",
        "automation.heating triggered_by sensor.living_room_temperature",
        "switch.washing_machine part_of device:Plug",
        "automation.laundry triggered_by switch.washing_machine",
        "automation.laundry acts_on light.kitchen",
        "automation.night_light triggered_by light.kitchen",
        "automation.night_light acts_on switch.washing_machine",
        "script.welcome acts_on light.kitchen",
        "automation.evening acts_on light.porch",
    ):
        home.edge(sentence)


def _guest(home: History) -> None:
    """Tell of a guest, who is to be forgotten, and of a phone with almost the same name."""
    home.state(GUEST, "07-01", "home")
    home.state(f"{GUEST}_2", "07-01", "home")
    home.event("automation_triggered", "07-01", entity_id=GUEST)
    home.event("automation_triggered", "07-01", entity_id="automation.door", source=[GUEST])
    home.event("automation_triggered", "07-01", entity_id=f"{GUEST}_2")
    home.statistic(GUEST, "07-01", mean=1.0)
    home.day(GUEST, "07-01", mean=1.0)
    home.entity(GUEST, "07-01", registry_id="guest")
    home.edge(f"person.guest tracked_by {GUEST}")
    home.edge(f"{GUEST} in_area area:hall")
