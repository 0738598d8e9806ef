"""The default context entities, such as the weather and the price of electricity."""

from collections.abc import Callable, Iterator
import re

from homeassistant.components.recorder import is_entity_recorded  # type: ignore[attr-defined]
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_UNIT_OF_MEASUREMENT,
    CONF_ENTITY_ID,
    CONF_NAME,
    Platform,
)
from homeassistant.core import HomeAssistant, State, callback

_PRICE_UNIT = re.compile(r"([A-Z]{3}|[^\w\s/]|ct|cents?|kr|[øö]re|zł|[cp])\s*/\s*[kM]Wh")
"""Money by energy, like EUR/kWh, €/MWh and ct/kWh, and not km/kWh."""
_CARBON_UNIT = re.compile(r"g\s*CO2(eq|e)?\s*/\s*kWh", re.IGNORECASE)
_OUTDOORS = re.compile(r"outdoor|outside|exterior|exterieur|esterna|aussen|buiten|utomhus")
_SOLAR = re.compile(r"solar|photovolt|(^|[._])pv(_|$)")
_PRICE = re.compile(r"price|tariff|preis|tarif|prijs|prix")


@callback
def default_context_entities(hass: HomeAssistant) -> list[dict[str, str]]:
    """Return the default context entities of this home, as the options store them."""
    states = sorted(hass.states.async_all(), key=lambda state: state.entity_id)
    recorded = [state for state in states if is_entity_recorded(hass, state.entity_id)]
    defaults: dict[str, str] = {}
    for name, entity_id in _defaults(recorded):
        defaults.setdefault(name, entity_id)
    return [{CONF_ENTITY_ID: entity_id, CONF_NAME: name} for name, entity_id in defaults.items()]


def _defaults(states: list[State]) -> Iterator[tuple[str, str]]:
    """Yield names and entity ids; of those with the same name the best comes first."""
    for name, kinds in _KINDS.items():
        for is_kind in kinds:
            found = [state.entity_id for state in states if is_kind(state)]
            # There may also be price sensors for yesterday and tomorrow.
            found.sort(key=lambda entity_id: "current" not in entity_id)
            yield from ((name, entity_id) for entity_id in found)
    for state in states:
        if state.domain == "person":
            yield state.object_id[:64], state.entity_id


def _is_sensor(state: State, *device_classes: SensorDeviceClass) -> bool:
    return (
        state.domain == Platform.SENSOR
        and state.attributes.get(ATTR_DEVICE_CLASS) in device_classes
    )


def _has_unit(state: State, unit: re.Pattern[str]) -> bool:
    own = str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
    return state.domain == Platform.SENSOR and unit.fullmatch(own) is not None


_KINDS: dict[str, tuple[Callable[[State], bool], ...]] = {
    "weather": (lambda state: state.domain == Platform.WEATHER,),
    "sun": (lambda state: state.domain == "sun",),
    "outdoor_temperature": (
        lambda state: (
            _is_sensor(state, SensorDeviceClass.TEMPERATURE)
            and _OUTDOORS.search(state.entity_id) is not None
        ),
    ),
    "electricity_price": (
        lambda state: _has_unit(state, _PRICE_UNIT),
        lambda state: (
            # A unit of money alone may as well be a bank balance.
            _is_sensor(state, SensorDeviceClass.MONETARY)
            and _PRICE.search(state.entity_id) is not None
        ),
    ),
    "carbon_intensity": (lambda state: _has_unit(state, _CARBON_UNIT),),
    "solar_power": (
        lambda state: (
            _is_sensor(state, SensorDeviceClass.POWER)
            and _SOLAR.search(state.entity_id) is not None
        ),
    ),
    "air_quality": (
        lambda state: _is_sensor(state, SensorDeviceClass.AQI),
        lambda state: _is_sensor(state, SensorDeviceClass.PM25),
    ),
}
"""Functions that find candidates, by the name that these get; better ones come first."""
