"""The attributes of made-up entities, as the integrations of real homes give them.

`step` is how often they have changed: it makes each set of attributes a different one.
"""

import math
from typing import Any

from homeassistant.components.automation import BaseAutomationEntity
from homeassistant.components.climate import ClimateEntity
from homeassistant.components.light import LightEntity
from homeassistant.components.media_player import MediaPlayerEntity
from homeassistant.components.sun.entity import Sun
from homeassistant.helpers.entity import Entity

type Attributes = dict[str, Any]

_CLASSES: dict[str, type[Entity]] = {
    "automation": BaseAutomationEntity,
    "climate": ClimateEntity,
    "light": LightEntity,
    "media_player": MediaPlayerEntity,
    "sun": Sun,
}


def recorded(entity_id: str, attributes: Attributes) -> Attributes:
    """Return those attributes of an entity that today's Home Assistant records."""
    class_ = _CLASSES.get(entity_id.partition(".")[0], Entity)
    # Home Assistant has no other name for them.
    left_out = class_._entity_component_unrecorded_attributes | class_._unrecorded_attributes
    return {name: value for name, value in attributes.items() if name not in left_out}


def sensor(name: str, device_class: str, unit: str, state_class: str) -> Attributes:
    """Return the attributes of a sensor that has a unit."""
    return {
        "state_class": state_class,
        "unit_of_measurement": unit,
        "device_class": device_class,
        "friendly_name": name,
    }


def classed(name: str, device_class: str) -> Attributes:
    """Return the attributes of an entity with a device class and nothing else."""
    return {"device_class": device_class, "friendly_name": name}


def named(name: str, **attributes: Any) -> Attributes:
    """Return the given attributes and a name."""
    return attributes | {"friendly_name": name}


def light(name: str, step: int) -> Attributes:
    """Return the attributes of a light that changes brightness and colour."""
    return {
        "min_color_temp_kelvin": 2000,
        "max_color_temp_kelvin": 6535,
        "effect_list": ["colorloop", "candle", "Polarlicht"],
        "supported_color_modes": ["color_temp", "xy"],
        "effect": None,
        "color_mode": "color_temp",
        "brightness": step * 7 % 256,
        "color_temp_kelvin": 2000 + step * 131 % 4500,
        "hs_color": [round(28.3 + step * 0.7, 3), 65.204],
        "rgb_color": [255, 166, 87 + step % 100],
        "xy_color": [0.526, 0.387],
        "friendly_name": name,
    }


def climate(name: str, step: int) -> Attributes:
    """Return the attributes of a thermostat; the target is sometimes null."""
    return {
        "hvac_modes": ["off", "heat", "auto"],
        "min_temp": 7,
        "max_temp": 35,
        "target_temp_step": 0.5,
        "preset_modes": ["none", "away", "eco"],
        "current_temperature": round(17 + step * 0.1, 1),
        "temperature": 21.5 if step % 3 else None,
        "current_humidity": 40 + step % 30,
        "hvac_action": ("heating", "idle")[step % 2],
        "preset_mode": "none",
        "friendly_name": name,
    }


def weather(name: str, step: int) -> Attributes:
    """Return the attributes of a weather entity, some with many decimals."""
    return {
        "temperature": round(8 + 9 * math.sin(step / 20), 1),
        "dew_point": 5.5,
        "temperature_unit": "°C",
        "humidity": 40 + step % 55,
        "cloud_coverage": 40.6,
        "pressure": 1013.2 + step / 1000,
        "pressure_unit": "hPa",
        "wind_bearing": step * 11 % 360,
        "wind_speed": 11.2345678901,
        "wind_speed_unit": "km/h",
        "visibility_unit": "km",
        "precipitation_unit": "mm",
        "friendly_name": name,
    }


def media_player(name: str, step: int) -> Attributes:
    """Return the attributes of a speaker with titles in several scripts."""
    return {
        "source_list": ["Spotify", "TV", "AirPlay"],
        "volume_level": step % 100 / 100,
        "is_volume_muted": False,
        "media_content_id": f"spotify:track:{step:022d}",
        "media_duration": 180 + step % 200,
        "media_title": f'"Für Elise", Nr. {step} — live',
        "media_artist": ("Björk", "Дельфин", "坂本龍一")[step % 3],
        "shuffle": False,
        "repeat": "off",
        "device_class": "speaker",
        "friendly_name": name,
    }


def device_tracker(name: str, step: int) -> Attributes:
    """Return the attributes of a phone on the move."""
    return {
        "source_type": "gps",
        "battery_level": 100 - step % 100,
        "latitude": 52.37 + step * 0.000123456,
        "longitude": 4.89 - step * 0.000123456,
        "gps_accuracy": step % 40,
        "friendly_name": name,
    }


def sun(name: str, step: int) -> Attributes:
    """Return the attributes of the sun."""
    return {
        "elevation": round(-40 + step * 0.13, 2),
        "azimuth": round(step * 0.6, 2),
        "rising": step % 2 == 0,
        "friendly_name": name,
    }


def cover(name: str, step: int) -> Attributes:
    """Return the attributes of a blind on its way up."""
    return {
        "current_position": step * 5 % 101,
        "device_class": "blind",
        "friendly_name": name,
    }


def automation(name: str, step: int) -> Attributes:
    """Return the attributes of an automation that is triggered once a day."""
    return {
        "id": "1700000000000",
        "last_triggered": f"2026-01-{step % 28 + 1:02d}T17:30:00+00:00",
        "mode": "single",
        "current": 0,
        "friendly_name": name,
    }
