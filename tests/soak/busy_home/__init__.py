"""An integration for tests: entities that change at an even pace, and how Home Assistant bears it.

`busy_home.start` lets them change, so often a second and for so many seconds; `busy_home.stop`
answers how many changes were made. `configuration.yaml` says how many entities there are.
"""

from random import Random

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.typing import ConfigType
import probatio

from tests.home.entities import Entity, make_entities

from .changes import Changes
from .measurements import Measurements

DOMAIN = "busy_home"
MEASUREMENTS = "busy_home.jsonl"
"""The file in the configuration directory that has a line for each second."""

CONFIG_SCHEMA = probatio.Schema(
    {
        DOMAIN: probatio.Schema(
            {
                probatio.Required("entities"): cv.positive_int,
                probatio.Required("seed"): cv.positive_int,
            }
        )
    },
    extra=probatio.ALLOW_EXTRA,
)
_START_SCHEMA = probatio.Schema(
    {
        probatio.Required("changes_per_second"): cv.positive_int,
        probatio.Required("seconds"): cv.positive_float,
    }
)
_NOT_OURS = frozenset({"automation", "input_boolean", "input_number", "person", "sun"})
"""Domains whose integrations run, and would miss what is not theirs."""


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the entities, and the actions."""
    seed: int = config[DOMAIN]["seed"]
    entities = busy_entities(config[DOMAIN]["entities"])
    _register(hass, entities)
    changes = Changes(hass, entities, Random(seed))  # noqa: S311 - repeatable
    measurements = Measurements(hass, hass.config.path(MEASUREMENTS), lambda: changes.made)

    async def start(call: ServiceCall) -> None:
        measurements.start()
        changes.start(call.data["changes_per_second"], call.data["seconds"])

    async def stop(call: ServiceCall) -> ServiceResponse:
        changes.stop()
        measurements.stop()
        return {"changes": changes.made}

    hass.services.async_register(DOMAIN, "start", start, _START_SCHEMA)
    hass.services.async_register(DOMAIN, "stop", stop, supports_response=SupportsResponse.ONLY)
    return True


def busy_entities(number: int) -> list[Entity]:
    """Make that many entities, less those that other integrations have."""
    return [
        entity
        for entity in make_entities(number)
        if entity.entity_id.partition(".")[0] not in _NOT_OURS
    ]


def _register(hass: HomeAssistant, entities: list[Entity]) -> None:
    """Let the registry know the entities, as it knows those that real integrations have."""
    registry = er.async_get(hass)
    for entity in entities:
        domain, _, name = entity.entity_id.partition(".")
        registry.async_get_or_create(domain, DOMAIN, name, suggested_object_id=name)
