"""A small home for views and table functions: little enough to work out each answer by hand.

Times are those of the home's clock: an hour ahead of UTC, from the 25th of October on. Before that
there are two years with a row of each kind at noon of each day.
"""

from datetime import date, timedelta
from typing import Any

import orjson

from tests.documentation.history import History

FIRST_DAY = date(2024, 10, 1)
DAYS = 730
"""Days of the two years, all of the same rows, which end with September."""
_REGISTRIES: dict[str, dict[str, Any]] = {
    "light.hall": {"area_name": "Hall", "device_id": "lamp"},
    "binary_sensor.hall_motion": {"area_name": "Hall", "device_id": "sensor"},
    "binary_sensor.hall_dark": {"area_name": "Hall", "device_id": "sensor"},
    "switch.attic": {"area_name": "Attic"},
}


def _states(home: History) -> None:
    """Tell of a thermometer that is unavailable, repeats itself and is removed."""
    home.state("sensor.warmth", "10-27 23:00", 18, unit_of_measurement="°C")
    home.state("sensor.warmth", "10-28 01:30", 19, unit_of_measurement="°C")
    home.state("sensor.warmth", "10-28 02:00", "unavailable")
    home.state("sensor.warmth", "10-28 02:10", 20, unit_of_measurement="°C")
    home.state(
        "sensor.warmth", "10-28 02:40", 20, changed="10-28 02:10", unit_of_measurement="°C", n=1
    )
    home.state("sensor.warmth", "10-29 00:30", 22, unit_of_measurement="°C")
    home.state("sensor.gone", "10-28 03:00", 1)
    home.state("sensor.gone", "10-28 04:00", None)
    # Written on the day after, of a state that began before.
    home.state("sensor.warmth", "10-29 01:30", 22, changed="10-29 00:30", n=2)


def _attributes(home: History) -> None:
    """Tell of attributes of each type."""
    home.state(
        "sensor.odd",
        "10-28 05:00",
        "on",
        **{"text": 'a "b"', "number": -1.5, "yes": True, "nothing": None, "list": [1, "a"]},
        **{"inner": {"x": 1}, "with.dot": "2"},
    )
    home.state("sensor.odd", "10-28 06:00", "off", number=3)


def _rooms(home: History) -> None:
    """Tell where a person was."""
    home.state("light.hall", "10-28 07:10", "on")
    home.state("light.hall", "10-28 07:20", "off")
    home.state("binary_sensor.hall_motion", "10-28 07:30", "on", device_class="motion")
    home.state("binary_sensor.hall_motion", "10-28 08:00", "off", device_class="motion")
    home.state("binary_sensor.hall_dark", "10-28 07:40", "on", device_class="light")
    home.state("light.hall", "10-28 07:45", "off", changed="10-28 07:20", brightness=0)
    home.state("switch.attic", "10-28 09:00", "on")
    home.state("switch.attic", "10-28 09:05", "unavailable")


def _runs(home: History) -> None:
    """Tell of an automation that turned two things on, and of one that did nothing."""
    one = {"context_id": "01A", "context_user_id": "anna"}
    home.state("sensor.before", "10-28 09:59:59", "on", columns=one)
    home.event("script_started", "10-28 10:00:00.5", entity_id="script.s", columns=one)
    home.event(
        "automation_triggered", "10-28 10:00", entity_id="automation.a", source="time", columns=one
    )
    home.state("light.hall", "10-28 10:00:01", "on", columns=one)
    home.state("switch.attic", "10-28 10:00:03", "on", columns=one)
    home.state("automation.a", "10-28 10:00:04", "on", columns=one)
    home.event(
        "automation_triggered",
        "10-28 11:00",
        entity_id="automation.b",
        columns={"context_id": "01B"},
    )


def _registries(home: History) -> None:
    """Tell what the registries know."""
    hub = {"device_id": "hub", "device_name": "Hub", "manufacturer": "M", "integration": "zha"}
    hall = {"area_id": "hall", "area_name": "Hall", "floor_name": "Ground"}
    home.entity("sensor.warmth", "06-01", registry_id="1", **hub, **hall)
    home.entity("sensor.c", "06-01", registry_id="6", **hub, **hall)
    home.entity("sensor.a", "06-01", registry_id="2", **hub, area_id="attic", area_name="Attic")
    home.entity("sensor.b", "06-01", registry_id="3", **hub, disabled_by="user")
    home.entity("sensor.alone", "06-01", registry_id="4", **hall)
    home.entity("sensor.used", "06-01", registry_id="5")
    home.edge("automation.a triggered_by sensor.used")
    # Of a device that is not used only what is diagnostic changes; the others are used.
    spare = {"device_id": "spare", "device_name": "Spare", "model": "S"}
    home.entity("sensor.spare", "06-01", registry_id="7", **spare)
    home.entity(
        "sensor.spare_signal", "06-01", registry_id="8", **spare, entity_category="diagnostic"
    )
    home.state("sensor.spare", "11-03 02:00", 1)
    home.state("sensor.spare_signal", "11-03 02:00", 1)
    home.state("sensor.spare_signal", "11-03 03:00", 2)
    home.entity("button.named", "06-01", registry_id="9", device_id="named", device_name="Named")
    home.edge("automation.a uses device:named")
    home.edge("button.named part_of device:named")
    home.edge("sensor.spare part_of device:spare")
    home.entity("button.parent", "06-01", registry_id="10", device_id="parent")
    home.edge("device:child via_device device:parent")
    home.device("hub", "06-01", name="Hub", manufacturer="M", sw_version="1.9")
    home.device("hub", "10-01", name="The hub", manufacturer="M", sw_version="2.0")
    home.device(
        *("lonely", "06-01"),
        name="Lonely",
        area_name="Attic",
        integrations=["met", "zha"],
        connections=["bluetooth", "mac"],
    )
    home.device("gone", "06-01", name="Gone")
    home.device("gone", "07-01", name="Gone", removed=True)


def _chains(home: History) -> None:
    """Tell what led to what, as Home Assistant's contexts say it."""

    def context(own: str, parent: str | None = None, user: str | None = None) -> dict[str, Any]:
        return {"context_id": own, "context_parent_id": parent, "context_user_id": user}

    # A person turns a switch on, an automation runs a script in a script, and that a lamp.
    home.state("input_boolean.movie", "11-01 20:00:00", "on", columns=context("A", user="anna"))
    caused = context("B", "A", "anna")
    home.event(
        *("automation_triggered", "11-01 20:00:01"),
        entity_id="automation.movie",
        source="state of input_boolean.movie",
        columns=caused,
    )
    home.event("script_started", "11-01 20:00:02", entity_id="script.outer", columns=caused)
    home.event("script_started", "11-01 20:00:03", entity_id="script.inner", columns=caused)
    home.state("light.lamp", "11-01 20:00:04", "on", columns=caused)
    home.event("script_started", "11-01 20:00:06", entity_id="script.late", columns=caused)
    home.state("light.other", "11-01 20:00:05", "on", columns=caused)
    # Motion triggers an automation; its group and template change in contexts of the same chain.
    home.state("binary_sensor.motion", "11-01 21:00:00", "on", columns=context("C"))
    home.state("binary_sensor.group", "11-01 21:00:00.5", "on", columns=context("C"))
    home.event(
        *("automation_triggered", "11-01 21:00:01"),
        entity_id="automation.stairs",
        source="state of binary_sensor.group",
        columns=context("D", "C"),
    )
    home.state("light.stairs", "11-01 21:00:02", "on", columns=context("D", "C"))
    home.state("light.stairs", "11-01 21:00:09", "on", changed="11-01 21:00:02", brightness=1)
    # By hand on the wall: the device itself.
    home.state("light.lamp", "11-01 22:00:00", "off", columns=context("E"))
    # By a person in the app.
    home.state("light.lamp", "11-01 23:00:00", "on", columns=context("F", user="bert"))
    # An automation runs another one.
    home.state("switch.plug", "11-02 06:00:00", "on", columns=context("G"))
    home.event(
        *("automation_triggered", "11-02 06:00:01"),
        entity_id="automation.first",
        source="state of switch.plug",
        columns=context("H", "G"),
    )
    home.state("input_boolean.second", "11-02 06:00:02", "on", columns=context("H", "G"))
    home.state("light.beside", "11-02 06:00:02.5", "on", columns=context("H", "G"))
    home.event(
        *("automation_triggered", "11-02 06:00:03"),
        entity_id="automation.second",
        source="state of input_boolean.second",
        columns=context("I", "H"),
    )
    home.state("light.end", "11-02 06:00:04", "on", columns=context("I", "H"))


def _meters(home: History) -> None:
    """Tell what meters of the Energy dashboard have counted; its day has no hours from 4 to 6."""
    home.edge("energy_flow:grid_import measured_by sensor.bought")
    home.edge("sensor.bought has_cost sensor.bought_cost")
    home.edge("energy_flow:gas measured_by statistic:utility:gas")
    bought = {"unit_of_measurement": "Wh", "has_sum": True}
    for hour, total in (("10-27 23", 1000), ("10-28 00", 1500), ("10-28 03", 2000)):
        home.statistic("sensor.bought", f"{hour}:00", sum=total, **bought)
    # What was sent of the month is no longer true, but for the last two hours.
    home.statistic("sensor.bought", "10-28 07:00", sum=9000, **bought)
    home.deletion("sensor.bought", "10-28 07:00", "10-28 08:00", "10-31")
    home.statistic("sensor.bought", "10-28 07:00", sum=6000, exported="10-31", **bought)
    home.statistic("sensor.bought", "10-28 08:00", sum=6500, **bought)
    home.statistic("sensor.bought", "10-29 00:00", sum=9999, **bought)
    for hour, halves in (("10-27 23", 2), ("10-28 08", 3)):
        paid, gas = halves / 2, 2 * halves
        home.statistic("sensor.bought_cost", f"{hour}:00", sum=paid, unit_of_measurement="EUR")
        home.statistic("utility:gas", f"{hour}:00", sum=gas, unit_of_measurement="m³")
    home.statistic("sensor.not_on_it", "10-27 23:00", sum=1, unit_of_measurement="kWh")
    home.statistic("sensor.not_on_it", "10-28 00:00", sum=2, unit_of_measurement="kWh")


def _prices(home: History) -> None:
    """Tell what a day has cost: by a statistic of costs that differs from the price, and by it."""
    home.edge("energy_flow:grid_import measured_by sensor.import")
    home.edge("sensor.import has_cost sensor.import_cost")
    home.edge("sensor.import has_price sensor.price")
    home.edge("energy_flow:grid_import measured_by statistic:utility:village")
    home.edge("statistic:utility:village has_price sensor.price")
    home.edge("energy_flow:device measured_by sensor.oven")
    home.edge("energy_flow:device measured_by sensor.hob")
    home.edge("sensor.hob included_in sensor.oven")
    home.edge("energy_flow:device measured_by sensor.fan_energy")
    home.statistic("sensor.price", "11-03 23:00", mean=9.0, unit_of_measurement="EUR/MWh")
    for number, price in enumerate((250, 500, 125, 125)):
        start = f"11-04 0{number}:00"
        home.statistic("sensor.price", start, mean=price, unit_of_measurement="EUR/MWh")
    for number, intensity in enumerate((100, 200, 500)):
        home.statistic(
            *("sensor.carbon", f"11-04 0{number}:00"),
            mean=intensity,
            unit_of_measurement="gCO2eq/kWh",
        )
    for statistic_id, unit, *sums in (
        ("sensor.import", "kWh", 100, 101, 103, 103, 104),
        ("sensor.import_cost", "EUR", 10, 10.25, 11, 11, 11.125),
        ("utility:village", "Wh", 0, 1000, 1000, 3000),
        ("sensor.oven", "kWh", 5, 5.5, 8, None, None, 8.75),
        ("sensor.hob", "Wh", 0, 250, 2250),
        ("sensor.fan_energy", "kWh", 10, 11.25),
    ):
        hours = ("11-03 23", *(f"11-04 0{number}" for number in range(5)))
        for hour, total in zip(hours, sums, strict=False):
            if total is not None:
                home.statistic(statistic_id, f"{hour}:00", sum=total, unit_of_measurement=unit)


def _powers(home: History) -> None:
    """Tell the lowest power of hours: of a television, a pump, and a battery that gives some."""
    for hour, lowest in enumerate((0, 90, 2, 1, 3, 3, 3, 3, 3, 3, 3, 3)):
        home.statistic(
            *("sensor.tv_power", f"11-05 {hour:02}:00"), min=lowest, unit_of_measurement="W"
        )
    home.statistic("sensor.pump_power", "11-05 00:00", min=0.003, unit_of_measurement="kW")
    home.statistic("sensor.battery_power", "11-05 00:00", min=-5, unit_of_measurement="W")
    home.statistic("sensor.battery_power", "11-05 01:00", min=5, unit_of_measurement="W")
    home.statistic("sensor.cellar", "11-05 00:00", min=5, unit_of_measurement="°C")


def _weeks(home: History) -> None:
    """Tell of Wednesdays, of which the last is unusual; the clock was set back in between."""
    weeks = ("10-07", "10-14", "10-21", "10-28", "11-04")
    for day, four, five, water, wind in (
        (weeks[0], 10, 10, 0, 1),
        (weeks[1], 12, 12, 0, 1),
        (weeks[2], 10, 10, 0, 1),
        (weeks[3], 12, 12, 0, 1),
        (weeks[4], 15, 14, 5, 9),
    ):
        home.statistic("sensor.cellar", f"{day} 04:00", mean=four, mean_type="arithmetic")
        home.statistic("sensor.cellar", f"{day} 05:00", mean=five, mean_type="arithmetic")
        home.statistic("sensor.steady", f"{day} 04:00", mean=0.1, mean_type="arithmetic")
        home.statistic("sensor.wind", f"{day} 04:00", mean=wind, mean_type="circular")
        home.statistic("sensor.water", f"{day} 03:00", sum=100)
        home.statistic("sensor.water", f"{day} 04:00", sum=100 + water)
    # A statistic that has three weeks before it.
    for day, mean in zip(weeks[1:], (1, 1, 1, 9), strict=True):
        home.statistic("sensor.new", f"{day} 04:00", mean=mean, mean_type="arithmetic")


def _failures(home: History) -> None:
    """Tell of a bridge that failed with two devices, of one that failed alone, and of a device."""

    def fail(entity_id: str, time: str, device: str | None = None, by: str = "hue") -> None:
        columns = {"device_id": device, "device_name": device and device.title(), "integration": by}
        home.state(entity_id, f"11-06 {time}", "unavailable", columns=columns)

    fail("light.desk", "06:00:30", "desk")
    fail("light.shelf", "06:01:30", "shelf")
    fail("light.all", "06:01:30.5", None, "group")
    fail("light.alone", "06:02:31", "alone")
    fail("switch.pump", "07:00:00", "pump", "zwave")
    fail("sensor.pump", "07:00:02", "pump", "zwave")
    home.state("sensor.pump", "11-06 07:00:30", "unavailable", changed="11-06 07:00:02")
    home.edge("light.all has_member light.desk")
    home.edge("automation.desk acts_on light.desk")
    home.edge("automation.desk uses device:shelf")
    home.edge("light.shelf part_of device:shelf")
    home.edge("light.shelf in_area area:attic")


def _targets(home: History) -> None:
    """Tell on what automations, a script and a scene act."""
    for sentence in (
        "automation.dusk acts_on light.porch",
        "script.leave acts_on light.porch",
        "scene.film acts_on light.porch",
        "scene.film acts_on light.couch",
        "automation.dusk acts_on light.couch",
        "automation.desk uses light.porch",
    ):
        home.edge(sentence)


def _habits(home: History) -> None:
    """Tell what Anna does after motion: three times of four, within five minutes, by hand."""

    def person(name: str, context: str, parent: str | None = None) -> dict[str, Any]:
        return {"context_id": context, "context_parent_id": parent, "context_user_id": name}

    for day, minutes in (("08", 1), ("09", 2), ("10", 5), ("11", 6)):
        home.state("binary_sensor.desk", f"11-{day} 18:00", "on")
        home.state("binary_sensor.door", f"11-{day} 18:00", "on")
        # The group changes just before its member, by the same click.
        click = person("anna", f"01{day}")
        home.state("light.group", f"11-{day} 18:0{minutes - 1}:59", "on", columns=click)
        home.state("light.reading", f"11-{day} 18:0{minutes}:00", "on", columns=click)
        home.state("light.hallway", f"11-{day} 18:0{minutes}:00", "on", columns=click)
        # An automation that Anna's click triggers.
        caused = person("anna", f"02{day}", f"01{day}")
        home.state("switch.radio", f"11-{day} 18:0{minutes}:01", "on", columns=caused)
        for entity_id in ("binary_sensor.desk", "binary_sensor.door", "light.group"):
            home.state(entity_id, f"11-{day} 20:00", "off")
        for entity_id in ("light.reading", "light.hallway", "switch.radio"):
            home.state(entity_id, f"11-{day} 20:30", "off")
    home.state("binary_sensor.desk", "11-12 18:00", "unavailable")
    home.state("binary_sensor.desk", "11-12 18:01", "on")
    # What an automation does already.
    home.edge("automation.door triggered_by binary_sensor.door")
    home.edge("automation.door acts_on light.reading")
    home.edge("automation.door acts_on light.hallway")
    home.edge("automation.desk triggered_by binary_sensor.desk")
    home.edge("automation.other acts_on light.group")


def _years(home: History) -> None:
    """Tell the same of each day of two years."""
    for number in range(DAYS):
        noon = f"{FIRST_DAY + timedelta(days=number)} 12:00"
        home.state("sensor.daily", noon, 1)
        home.event("automation_triggered", noon, entity_id="automation.daily")
        home.statistic("sensor.daily", noon, mean=1)


def _integrations(home: History) -> None:
    """Let integrations fail, and recover, or not: by the clock of the home, an hour ahead."""
    hue: dict[str, Any] = {"domain": "hue", "name": "Philips Hue", "entities": 12}
    home.integration("hub", "10-01", **hue)
    home.integration("hub", "10-28 03:00", "setup_retry", **hue, reason="timeout", reason_key="t")
    home.integration("hub", "10-28 03:30", "setup_retry", **{**hue, "entities": 11}, reason="other")
    home.integration("hub", "10-28 04:00", "setup_error", **hue)
    home.integration("hub", "10-28 05:00", **hue)
    home.integration("hub", "10-28 07:00", **hue, version="2")
    home.integration("hub", "10-29 01:00", "setup_retry", **hue, reason="the day after")
    zha: dict[str, Any] = {"domain": "zha", "name": "Zigbee", "entities": 3}
    home.integration("stick", "10-20", "setup_error", **zha)
    home.integration("stick", "10-28 06:00", "not_loaded", **zha, disabled_by="user")
    home.integration("stick", "10-28 08:00", "not_loaded", **zha)
    home.integration("stick", "10-28 09:00", "not_loaded", **zha, removed=True)
    met: dict[str, Any] = {"domain": "met", "name": "Met.no", "entities": 1}
    home.integration("weather", "10-20", "setup_retry", **met, reason="before")
    home.integration("weather", "10-28 01:00", **met)
    home.integration("weather", "10-28 23:00", "setup_retry", **met, reason="still")


def _days(home: History) -> None:
    """Tell of days of statistics: of a meter that was corrected, and of one that was deleted."""
    meter = {"unit_of_measurement": "kWh", "has_sum": True}
    # The 25th has 25 hours.
    for day, total, change in (("10-25", 5, 5), ("10-26", 7, 2), ("10-27", 8, 1)):
        home.day("sensor.water_meter", day, sum=total, change=change, **meter)
    home.deleted_days("sensor.water_meter", "10-26", "10-28", "10-31")
    home.day("sensor.water_meter", "10-27", sum=9, change=4, exported="10-31", **meter)
    home.day("sensor.water_meter", "10-28", sum=10, change=1, exported="11-01", **meter)
    home.day("sensor.bath", "10-26", mean=21, min=20, max=22, unit_of_measurement="°C")
    home.deleted_days("sensor.bath", "10-26", "10-27", "10-31")
    for number in range(DAYS):
        # A day begins on the one before in UTC.
        home.day("sensor.daily", str(FIRST_DAY + timedelta(days=number + 1)), mean=1)


def _recorder(home: History) -> None:
    """Tell when Home Assistant was recording: not for two days."""
    home.run("10-26 01:00", "10-26 13:00")
    home.run("10-28 19:00", "10-28 22:00", crashed=True)
    home.run("10-28 22:00", "10-29 01:00")


def _exports(home: History) -> None:
    """Tell by which settings four exports made their rows, after one that does not say it."""
    all_columns = {
        "tables": ["sensor_data", "statistics"],
        "columns": ["ambient", "time"],
        "events": [],
        "context_entities": [{"entity_id": "sensor.price", "name": "price"}],
        "include": {},
        "exclude": {"domains": ["sun"]},
        "dropped_attributes": ["token"],
        "hidden_entities": [],
        "coordinates": "keep",
        "hash_users": False,
        "delivery": "storage_write",
    }
    hidden = all_columns | {
        "columns": ["time"],
        "hidden_entities": ["person.hidden_12"],
        "hash_users": True,
    }
    sent = {"trigger": "schedule", "integration_version": "1.2", "row_count": 10, "rejected": 0}
    states, statistics = sent | {"table_name": "sensor_data"}, sent | {"table_name": "statistics"}
    first, second = ({"settings_id": "first"}, {"settings_id": "second"})
    said = first | {"settings": orjson.dumps(all_columns).decode()}
    home.transaction("10-27 04:00", export_id="old", **states)
    home.transaction("10-28 04:00", export_id="one", **states, **said)
    home.transaction("10-28 04:01", export_id="one", **statistics | {"rejected": 2}, **first)
    # After a start nothing is another, but it is said again.
    home.transaction("10-29 04:00", export_id="two", **states, **said)
    home.transaction("10-29 05:00", export_id="query", **states | {"trigger": "query"})
    other = second | {"settings": orjson.dumps(hidden).decode()}
    home.transaction("10-30 04:00", export_id="three", **states, **other)
    updated = states | {"integration_version": "1.3"}
    home.transaction("10-31 04:00", export_id="four", **updated, **said)


def _rejections(home: History) -> None:
    """Tell of rows that could not be sent, of which some were tried again."""
    log = {"table_name": "events", "row_count": 5}

    def rejected(export: str, time: str, trigger: str, *reasons: tuple[str, int]) -> None:
        by_reason = [{"reason": reason, "rows": rows} for reason, rows in reasons]
        home.transaction(
            time,
            export_id=export,
            trigger=trigger,
            rejected=sum(rows for _, rows in reasons),
            rejected_reasons=orjson.dumps(by_reason).decode(),
            **log,
        )

    rejected("r1", "11-15 04:00", "schedule", ("bad …", 2), ("no. 1", 1))
    rejected("r1", "11-15 04:01", "schedule", ("bad …", 3))
    rejected("r2", "11-16 00:30", "action", ("bad …", 4))
    rejected("r3", "11-16 12:00", "retry_rejected", ("bad …", 9))
    rejected("r4", "11-16 13:00", "force", ("bad …", 9))
    home.transaction("11-17 04:00", export_id="r5", trigger="schedule", rejected=7, **log)
    home.transaction("11-17 05:00", export_id="r6", trigger="schedule", rejected=0, **log)


def small_home() -> History:
    """Return everything that happened."""
    home = History(_REGISTRIES)
    for tell in (
        _states,
        _attributes,
        _rooms,
        _runs,
        _registries,
        _chains,
        _meters,
        _prices,
        _powers,
        _weeks,
        _failures,
        _targets,
        _habits,
        _years,
        _integrations,
        _days,
        _recorder,
        _exports,
        _rejections,
    ):
        tell(home)
    return home
