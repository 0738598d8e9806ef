"""What the states of the home were that the queries of the documentation are asked of."""

from typing import Any

from .history import History

TEMPERATURE = {"device_class": "temperature", "unit_of_measurement": "°C"}
BATTERY = {"device_class": "battery", "unit_of_measurement": "%"}


def _states(home: History, entity_id: str, *states: tuple[str, object], **attributes: Any) -> None:
    for time, state in states:
        home.state(entity_id, time, state, **attributes)


def _rooms(home: History) -> None:
    """Tell how warm it was: 20 for nine hours, 23 for three, nothing for six, 18 for six."""
    _states(
        home,
        "sensor.living_room_temperature",
        ("10-28 00:00", 20),
        ("10-28 09:00", 23),
        ("10-28 12:00", "unavailable"),
        ("10-28 18:00", 18),
        ("10-29 00:00", 19),
        **TEMPERATURE,
    )
    _states(
        home,
        "sensor.bedroom_temperature",
        ("10-28 00:00", 17),
        ("10-28 10:00", 19),
        ("10-28 12:00", 18),
        **TEMPERATURE,
    )
    _states(
        home,
        "sensor.portable_temperature",
        ("06-10 12:00", 20),
        ("06-11 12:00", 22),
        ("08-10 12:00", 30),
        **TEMPERATURE,
    )
    for name, *states in (
        ("balcony", ("10-14 08:00", 10), ("10-14 14:00", 12)),
        ("terrace", ("10-16 08:00", 14)),
    ):
        _states(home, f"sensor.{name}_temperature", *states, **TEMPERATURE)


def _people(home: History) -> None:
    """Tell who was at home: on two Mondays, the first in summer time, and never in between."""
    _states(
        home,
        "zone.home",
        ("10-19 08:00", 1),
        ("10-19 09:00", 0),
        ("10-26 00:00", 2),
        ("10-26 08:30", 0),
        ("10-26 17:00", 1),
        ("10-27 00:00", 2),
    )
    motion = ("10-28 06:40", "on"), ("10-28 06:42", "off"), ("10-28 23:10", "on")
    _states(
        home,
        "binary_sensor.hall_motion",
        *motion,
        ("10-28 23:12", "off"),
        device_class="motion",
    )
    home.state("binary_sensor.hall_motion", "10-28 23:55", "on", changed="10-28 23:10", level=2)


def _openings(home: History) -> None:
    """Tell when the heating was on, of which only the attributes tell, and when the window was."""
    for time, action in (
        ("10-28 06:00", "heating"),
        ("10-28 08:00", "idle"),
        ("10-28 09:00", "heating"),
        ("10-28 10:00", "idle"),
    ):
        home.state("climate.living_room", time, "heat", changed="09-01", hvac_action=action)
    _states(
        home,
        "binary_sensor.living_room_window",
        ("10-28 07:30", "on"),
        ("10-28 08:15", "off"),
        ("10-28 09:50", "on"),
        ("10-28 10:30", "off"),
    )


def _lights(home: History) -> None:
    """Tell when the light was on: past midnight, and while it was dimmed."""
    _states(
        home,
        "light.kitchen",
        ("10-27 23:00", "on"),
        ("10-28 01:30", "off"),
        ("10-28 20:00", "on"),
    )
    home.state("light.kitchen", "10-28 21:00", "on", changed="10-28 20:00", brightness=50)
    home.state("light.kitchen", "10-28 22:00", "off")


def _alarm(home: History) -> None:
    """Tell of water on the floor, and of what came before it."""
    _states(
        home, "switch.washing_machine", ("10-29 13:30", "on"), ("10-29 14:15", "off"), icon="mdi:w"
    )
    home.state("light.kitchen", "10-29 14:18", "off", changed="10-28 22:00", brightness=0)
    _states(home, "binary_sensor.water_leak", ("10-29 14:20", "on"), ("10-29 14:25", "off"))
    for automation, time in (
        ("laundry", "10-29 14:16"),
        ("night_light", "10-28 22:05"),
        ("night_light", "10-29 22:10"),
    ):
        home.event("automation_triggered", time, entity_id=f"automation.{automation}")
    motion = {"context_id": "01MOTION"}
    home.state("binary_sensor.stairs_motion", "10-29 02:59:59", "on", columns=motion)
    caused = {"context_id": "01LIGHT", "context_parent_id": "01MOTION"}
    home.event(
        *("automation_triggered", "10-29 03:00"),
        entity_id="automation.night_light",
        source="state of binary_sensor.stairs_motion",
        columns=caused,
    )
    home.state("light.stairs", "10-29 03:00:01", "on", columns=caused)
    home.event("script_started", "10-29 09:00", entity_id="script.welcome")


def _unavailable(home: History) -> None:
    """Tell of a sensor that was away for 150 minutes, and for 30."""
    _states(
        home,
        "sensor.garden_soil",
        ("10-20 09:00", 40),
        ("10-20 10:00", "unavailable"),
        ("10-20 12:30", 41),
        ("10-21 08:00", "unavailable"),
        ("10-21 08:30", 40),
    )


def _habit(home: History) -> None:
    """Tell what Anna mostly does two minutes after she has come home."""
    for day in ("09-01", "09-02", "09-03", "09-04"):
        home.state("person.anna", f"{day} 08:00", "not_home")
        home.state("person.anna", f"{day} 18:00", "home")
        if day != "09-03":
            click = {"context_id": f"01{day}", "context_user_id": "anna"}
            home.state("light.entrance", f"{day} 18:02", "on", columns=click)
            home.state("light.entrance", f"{day} 23:00", "off")


def _failure(home: History) -> None:
    """Tell of two lights that failed together."""
    for second, light in (("00", "porch"), ("30", "garden")):
        columns = {"device_id": light, "integration": "hue"}
        home.state(f"light.{light}", f"09-15 08:00:{second}", "unavailable", columns=columns)


def _batteries(home: History) -> None:
    """Tell of a battery that loses 1 % a day, one that hardly loses, and one that was changed."""
    for name, *levels in (("remote", 80, 70, 60), ("lock", 95, 95, 94), ("door", 5, 100, 99)):
        times = ("10-01 12:00", "10-11 12:00", "10-21 12:00")
        _states(home, f"sensor.{name}_battery", *zip(times, levels, strict=True), **BATTERY)


def _price(home: History) -> None:
    """Tell what electricity cost, with a meter that was replaced and one that was not there."""
    for time, reading, price in (
        ("10-29 10:00", 100, 0.3),
        ("10-29 10:30", 101, 0.3),
        ("10-29 11:10", 103, 0.2),
        ("10-29 11:40", 1, 0.2),
        ("10-29 12:00", "unavailable", 0.1),
        ("10-29 12:10", 2, 0.1),
    ):
        ambient = {"electricity_price": price}
        home.state("sensor.grid_import", time, reading, ambient=ambient)
    for time, warmth, price in (("10-29 10:00", 20, 0.3), ("10-29 11:00", 22, 0.2)):
        ambient = {"electricity_price": price}
        home.state("sensor.kitchen_temperature", time, warmth, ambient=ambient, **TEMPERATURE)


def _chatter(home: History) -> None:
    """Tell of an entity that says something each minute, and mostly nothing new."""
    for minute in range(40):
        home.state("sensor.router", f"10-29 08:{minute:02}", "up", changed="10-29 08:00", packets=9)


STATES = (
    _rooms,
    _people,
    _openings,
    _lights,
    _alarm,
    _unavailable,
    _habit,
    _failure,
    _batteries,
    _price,
    _chatter,
)
"""All that there is to tell of states."""
