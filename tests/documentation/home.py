"""The home that the queries of the documentation are asked of, in the autumn of 2026.

It is a Friday noon, the 30th of October, and the clocks were changed five days ago. What happens is
little enough to work out each answer by hand.
"""

from typing import Any

from .history import History
from .home_states import STATES

NOW = "TIMESTAMP '2026-10-30 12:00:00 UTC'"

GUEST = "device_tracker.guest_phone"
"""An entity whose history is deleted."""

REGISTRY_VALUES: dict[str, dict[str, Any]] = {
    "sensor.living_room_temperature": {"area_name": "Living room", "device_name": "Thermometer"},
    "sensor.bedroom_temperature": {"area_name": "Bedroom"},
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
        _heating,
        _fridge,
        _recording,
        _registries,
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
    home.statistic("sensor.tv_energy", "09-30 22:00", **in_wh, sum=1000.0)
    home.statistic("sensor.tv_energy", "09-30 23:00", **in_wh, sum=1500.0)
    home.statistic("sensor.fridge_energy", "09-30 23:00", **ENERGY, sum=10.0, state=70.0)
    home.statistic("sensor.fridge_energy", "10-01 00:00", **ENERGY, sum=10.5, state=70.5)
    home.statistic("sensor.fridge_energy", "10-01 01:00", **ENERGY, sum=99.0, export_timestamp=0)
    home.statistic("sensor.fridge_energy", "10-01 01:00", **ENERGY, sum=11.5, state=1.0)
    home.statistic("sensor.fridge_energy", "10-01 02:00", **ENERGY, sum=99.0, export_timestamp=0)
    home.statistic("sensor.fridge_energy", "10-01 02:00", **ENERGY, deleted=True)


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
    log = {"table_name": "sensor_data", "rejected": 0, "export_id": "night"}
    home.transaction("10-29 03:31", **log, row_count=50_000, byte_count=20_000_000)
    home.transaction("10-29 03:32", **log, row_count=15_000, byte_count=6_000_000)
    later = log | {"export_id": "evening", "rejected": 1}
    home.transaction(
        "10-29 21:01", **later, row_count=5_000, byte_count=2_000_000, last_time=_EVENING
    )


_EVENING = 1_793_304_000_000_000
"""The 29th of October at 20:00 UTC, in microseconds since 1970."""


def _registries(home: History) -> None:
    """Tell which entity was where, and had which name."""
    home.entity("sensor.portable_temperature", "06-01", registry_id="portable", area_name="Bedroom")
    home.entity("sensor.portable_temperature", "08-01", registry_id="portable", area_name="Attic")
    home.entity("sensor.balcony_temperature", "06-01", registry_id="outside")
    home.entity("sensor.terrace_temperature", "10-15", registry_id="outside")
    home.entity("sensor.living_room_temperature", "06-01", registry_id="living_room")


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
    home.entity(GUEST, "07-01", registry_id="guest")
    home.edge(f"person.guest tracked_by {GUEST}")
    home.edge(f"{GUEST} in_area area:hall")
