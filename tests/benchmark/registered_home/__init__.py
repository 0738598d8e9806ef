"""An integration for the benchmark: registered entities, and what a look at the backlog costs.

`configuration.yaml` says how many entities there are: three on each device, in eight areas.
`registered_home.look` looks at what waits, as a loaded export does every five minutes.
"""

import time

from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from tests.home.entities import make_entities

DOMAIN = "registered_home"
_EXPORTS = "bigquery_export"
_AREAS = 8
_ON_A_DEVICE = 3

CONFIG_SCHEMA = probatio.Schema(
    {DOMAIN: probatio.Schema({probatio.Required("entities"): cv.positive_int})},
    extra=probatio.ALLOW_EXTRA,
)
_LOOK_SCHEMA = probatio.Schema({probatio.Required("times"): cv.positive_int})


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the entities, and the action."""
    entry = ConfigEntry(
        version=1,
        minor_version=1,
        domain=DOMAIN,
        title=DOMAIN,
        data={"entities": config[DOMAIN]["entities"]},
        options={},
        source=SOURCE_IMPORT,
        unique_id=None,
        discovery_keys={},  # type: ignore[arg-type]
        subentries_data=None,
    )
    hass.async_create_task(hass.config_entries.async_add(entry))

    async def look(call: ServiceCall) -> ServiceResponse:
        (export,) = hass.config_entries.async_entries(_EXPORTS)
        coordinator = export.runtime_data.coordinator
        seconds = []
        for _ in range(call.data["times"]):
            began = time.process_time()
            await coordinator.async_refresh()
            seconds.append(time.process_time() - began)
        return {"seconds": seconds, "rows": coordinator.backlog.total}

    hass.services.async_register(
        DOMAIN, "look", look, _LOOK_SCHEMA, supports_response=SupportsResponse.ONLY
    )
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Let the registries know the entities, as they know those that real integrations have."""
    floor = fr.async_get(hass).async_create("Ground floor")
    areas = [
        ar.async_get(hass).async_create(f"Room {number}", floor_id=floor.floor_id)
        for number in range(_AREAS)
    ]
    for number, entity in enumerate(make_entities(entry.data["entities"])):
        domain, _, name = entity.entity_id.partition(".")
        on = number // _ON_A_DEVICE
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, str(on))},
            name=f"Device {on}",
            manufacturer="Maker",
            model="Model X",
        )
        dr.async_get(hass).async_update_device(device.id, area_id=areas[on % _AREAS].id)
        er.async_get(hass).async_get_or_create(
            domain,
            DOMAIN,
            f"unique-{number}",
            suggested_object_id=name,
            config_entry=entry,
            device_id=device.id,
        )
    return True
