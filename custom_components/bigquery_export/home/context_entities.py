"""Surroundings as a user names them: the form's values, what is wrong with them, and a proposal."""

from collections.abc import Callable, Iterable, Iterator, Mapping
import re
from typing import Any

from homeassistant.components.recorder import is_entity_recorded  # type: ignore[attr-defined]
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_UNIT_OF_MEASUREMENT,
    CONF_ENTITY_ID,
    CONF_NAME,
    Platform,
)
from homeassistant.core import HomeAssistant, State, callback, split_entity_id
from homeassistant.helpers import entity_registry as er

from ..rows.ambient import ContextEntity

MAX_CONTEXT_ENTITIES = 50
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
"""What needs no quotes in SQL: `ambient.electricity_price`."""
_PRICE_UNIT = re.compile(r"([A-Z]{3}|[^\w\s/]|ct|cents?|kr|[øö]re|zł|[cp])\s*/\s*[kM]Wh")
"""Money by energy, like EUR/kWh, €/MWh and ct/kWh, and not km/kWh."""
_CARBON_UNIT = re.compile(r"g\s*CO2(eq|e)?\s*/\s*kWh", re.IGNORECASE)
_OUTDOORS = re.compile(r"outdoor|outside|exterior|exterieur|esterna|aussen|buiten|utomhus")
_SOLAR = re.compile(r"solar|photovolt|(^|[._])pv(_|$)")
_PRICE = re.compile(r"price|tariff|preis|tarif|prijs|prix")


class ContextEntityError(Exception):
    """What a user has named cannot be used."""

    def __init__(self, key: str, context_entity: str) -> None:
        """Say why, by the key of a text, and what it is about."""
        super().__init__(key, context_entity)
        self.key = key
        self.context_entity = context_entity


def context_entities_from(items: Iterable[Mapping[str, str]]) -> tuple[ContextEntity, ...]:
    """Return surroundings as the options hold them."""
    return tuple(ContextEntity(item[CONF_ENTITY_ID], item[CONF_NAME]) for item in items)


@callback
def checked_context_entities(
    hass: HomeAssistant, items: Iterable[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return what a form brought as the options hold it, each with a name.

    Raises WrongSurroundingError.
    """
    checked: dict[str, dict[str, str]] = {}
    for item in items:
        entity_id = er.async_resolve_entity_id(er.async_get(hass), item[CONF_ENTITY_ID].lower())
        if entity_id is None:
            raise ContextEntityError("surrounding_unknown", item[CONF_ENTITY_ID])
        name = item.get(CONF_NAME, "").strip() or split_entity_id(entity_id)[1][:64]
        if not _NAME.fullmatch(name):
            raise ContextEntityError("surrounding_name_invalid", name)
        if name in checked:
            raise ContextEntityError("surrounding_name_twice", name)
        if entity_id in (other[CONF_ENTITY_ID] for other in checked.values()):
            raise ContextEntityError("surrounding_twice", entity_id)
        if not is_entity_recorded(hass, entity_id):
            raise ContextEntityError("surrounding_not_recorded", entity_id)
        checked[name] = {CONF_ENTITY_ID: entity_id, CONF_NAME: name}
    if len(checked) > MAX_CONTEXT_ENTITIES:
        raise ContextEntityError("surroundings_too_many", str(MAX_CONTEXT_ENTITIES))
    return list(checked.values())


@callback
def default_context_entities(hass: HomeAssistant) -> list[dict[str, str]]:
    """Return what of this home says most about the rest, as the options hold it."""
    states = sorted(hass.states.async_all(), key=lambda state: state.entity_id)
    recorded = [state for state in states if is_entity_recorded(hass, state.entity_id)]
    proposal: dict[str, str] = {}
    for name, entity_id in _defaults(recorded):
        proposal.setdefault(name, entity_id)
    return [{CONF_ENTITY_ID: entity_id, CONF_NAME: name} for name, entity_id in proposal.items()]


def _defaults(states: list[State]) -> Iterator[tuple[str, str]]:
    """Yield names and entity ids, of those with the same name the best first."""
    for name, kinds in _KINDS.items():
        for is_kind in kinds:
            found = [state.entity_id for state in states if is_kind(state)]
            # Sensors of prices are for yesterday and tomorrow, too.
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
            # Money alone may as well be in a bank.
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
"""What to look for, by the name that it gets; what comes first is better."""
