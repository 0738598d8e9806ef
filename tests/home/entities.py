"""The entities of a made-up home."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

from . import attributes as of
from .attributes import Attributes
from .states import ODD_STATES, NextState, cycle, daily, meter, seldom

ROOMS = (
    ("kitchen", "Küche"),
    ("living_room", "Living room"),
    ("salon", "Salon d'été"),
    ("bedroom", "寝室"),
    ("bathroom", "Łazienka"),
    ("office", "Office"),
    ("garage", "Гараж"),
    ("garden", "Garden 🌳"),
)


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity, and how it behaves."""

    entity_id: str
    share: float
    """How often it changes, relative to the others."""
    next_state: NextState
    attributes: tuple[Attributes, ...]
    """The attributes that it has in turn; most entities have one set that never changes."""


def changing(
    make: Callable[[str, int], Attributes], name: str, number: int
) -> tuple[Attributes, ...]:
    """Return that many different sets of attributes."""
    return tuple(make(name, step) for step in range(number))


def _of_the_house(variety: int) -> Iterator[Entity]:
    yield Entity(
        "weather.forecast_home",
        2,
        seldom("cloudy", "sunny", "rainy", "partlycloudy"),
        changing(of.weather, "Forecast Home", 400 * variety),
    )
    yield Entity(
        "sun.sun",
        4,
        seldom("above_horizon", "below_horizon"),
        changing(of.sun, "Sun", 600 * variety),
    )
    yield Entity(
        "lock.front_door",
        0.5,
        cycle("locked", "unlocking", "unlocked", "locking"),
        (of.named("Front door"),),
    )
    yield Entity(
        "automation.lights_at_dusk",
        0.3,
        seldom("on", "off", chance=0.01),
        changing(of.automation, "Lights at dusk", 28),
    )
    yield Entity(
        "input_number.target_temperature",
        0.3,
        daily(20, 2, 1),
        (of.named("Solltemperatur", min=5.0, max=30.0, step=0.5, unit_of_measurement="°C"),),
    )
    yield Entity(
        "input_boolean.guest_mode", 0.1, cycle("on", "off"), (of.named("Guest mode", icon=None),)
    )
    yield Entity("sensor.last_message", 0.5, cycle(*ODD_STATES), (of.named("Letzte Nachricht 📬"),))
    yield Entity(
        "sensor.wind_direction",
        2,
        daily(180, 120, 40, digits=0),
        (of.sensor("Wind direction", "wind_direction", "°", "measurement_angle"),),
    )
    for slug, name in (("anna", "Anna"), ("jurgen", "Jürgen")):
        yield from _of_a_person(slug, name, variety)


def _of_a_person(slug: str, name: str, variety: int) -> Iterator[Entity]:
    tracker = f"device_tracker.{slug}_phone"
    places = ("home", "not_home", "Büro")
    moves = changing(of.device_tracker, f"{name}'s phone", 300 * variety)
    yield Entity(tracker, 4, seldom(*places), moves)
    yield Entity(f"person.{slug}", 1, cycle(*places), (of.named(name, id=slug, source=tracker),))


def _of_a_room(slug: str, name: str, variety: int) -> Iterator[Entity]:
    def sensor(
        key: str, share: float, unit: str, next_state: NextState, state_class: str = "measurement"
    ) -> Entity:
        attributes = of.sensor(f"{name} {key}", key, unit, state_class)
        return Entity(f"sensor.{slug}_{key}", share, next_state, (attributes,))

    def switched(domain: str, key: str, share: float) -> Entity:
        attributes = of.classed(f"{name} {key}", key)
        return Entity(f"{domain}.{slug}_{key}", share, cycle("on", "off"), (attributes,))

    yield sensor("temperature", 6, "°C", daily(20.5, 2.5, 0.6))
    yield sensor("humidity", 4, "%", daily(50, -12, 4, digits=0))
    yield sensor("power", 12, "W", daily(180, 140, 90))
    yield sensor("energy", 5, "kWh", meter(0.05), "total_increasing")
    yield sensor("illuminance", 3, "lx", daily(400, 390, 20, digits=0))
    yield sensor("battery", 0.2, "%", daily(80, 5, 1, digits=0))
    yield switched("binary_sensor", "motion", 3)
    yield switched("binary_sensor", "window", 0.3)
    yield switched("switch", "outlet", 0.5)
    yield Entity(
        f"light.{slug}",
        1.5,
        seldom("on", "off", chance=0.4),
        changing(of.light, name, 60 * variety),
    )
    yield Entity(
        f"climate.{slug}",
        2,
        seldom("heat", "off", "auto"),
        changing(of.climate, name, 80 * variety),
    )
    yield Entity(
        f"cover.{slug}", 0.4, seldom("open", "closed", chance=0.3), changing(of.cover, name, 20)
    )
    yield Entity(
        f"media_player.{slug}",
        1,
        seldom("playing", "paused", "idle"),
        changing(of.media_player, name, 150 * variety),
    )


def _of_all_rooms(variety: int) -> Iterator[Entity]:
    yield from chain.from_iterable(_of_a_room(*room, variety) for room in ROOMS)
    for storey in count(2):
        for slug, name in ROOMS:
            yield from _of_a_room(f"{slug}_{storey}", f"{name} {storey}", variety)


def make_entities(number: int, variety: int = 1) -> list[Entity]:
    """Make that many entities: those of the house first, then room by room, storey by storey.

    Those whose attributes change have so many times as many different ones as `variety` says.
    """
    return list(islice(chain(_of_the_house(variety), _of_all_rooms(variety)), number))
