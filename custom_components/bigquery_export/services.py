"""Actions of BigQuery Export."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv, service
import probatio

from .const import DOMAIN
from .coordinator import BigQueryExportConfigEntry, BigQueryExportCoordinator
from .export.session import Result
from .export_status import Trigger

CONF_CONFIG_ENTRY_ID = "config_entry_id"
CONF_FLUSH = "flush"

SERVICE_DISCARD_REJECTED = "discard_rejected"
SERVICE_EXPORT_NOW = "export_now"
SERVICE_PAUSE = "pause"
SERVICE_RESUME = "resume"
SERVICE_RETRY_REJECTED = "retry_rejected"
_SCHEMA = probatio.Schema({probatio.Optional(CONF_CONFIG_ENTRY_ID): str})
_SCHEMAS: Mapping[str, probatio.Schema] = {
    SERVICE_EXPORT_NOW: _SCHEMA.extend({probatio.Optional(CONF_FLUSH, default=False): cv.boolean}),
}


def _coordinator(call: ServiceCall) -> BigQueryExportCoordinator:
    """Return what runs the export that an action is for."""
    entry: BigQueryExportConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data.get(CONF_CONFIG_ENTRY_ID)
    )
    return entry.runtime_data


async def _async_export_now(call: ServiceCall) -> ServiceResponse:
    """Export everything that waits, and return what was done."""
    export = _coordinator(call).async_export(Trigger.ACTION, flush=call.data[CONF_FLUSH])
    return _response(await export)


async def _async_pause(call: ServiceCall) -> None:
    """Let nothing begin by itself any more, and backfills wait."""
    _coordinator(call).async_pause(True)


async def _async_resume(call: ServiceCall) -> None:
    """Go on after a pause."""
    _coordinator(call).async_pause(False)


async def _async_retry_rejected(call: ServiceCall) -> ServiceResponse:
    """Send the rejected rows again, and return what was done."""
    return _response(await _coordinator(call).async_retry_rejected())


async def _async_discard_rejected(call: ServiceCall) -> ServiceResponse:
    """Delete the rejected rows, and return how many there were."""
    return {"discarded": await _coordinator(call).async_discard_rejected()}


def _response(result: Result) -> ServiceResponse:
    return {
        "export_id": result.export_id,
        "rows": {**result.rows},
        "rejected": result.rejected,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
    }


_ACTIONS: Mapping[str, Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]] = {
    SERVICE_DISCARD_REJECTED: _async_discard_rejected,
    SERVICE_EXPORT_NOW: _async_export_now,
    SERVICE_RETRY_REJECTED: _async_retry_rejected,
}
_SILENT_ACTIONS: Mapping[str, Callable[[ServiceCall], Coroutine[Any, Any, None]]] = {
    SERVICE_PAUSE: _async_pause,
    SERVICE_RESUME: _async_resume,
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Set up the actions."""
    for name, action in _ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            action,
            _SCHEMAS.get(name, _SCHEMA),
            supports_response=SupportsResponse.OPTIONAL,
        )
    for name, silent_action in _SILENT_ACTIONS.items():
        hass.services.async_register(DOMAIN, name, silent_action, _SCHEMA)
