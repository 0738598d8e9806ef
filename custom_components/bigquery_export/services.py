"""Actions of BigQuery Export."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from homeassistant.const import CONF_METHOD
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, service
import probatio

from .actions.responses import export_response, verify_response
from .const import CONF_TABLES, DOMAIN
from .coordinator import BigQueryExportConfigEntry
from .errors import ExportError
from .estimate.estimate import async_estimate
from .runner.requests import (
    CONF_DRY_RUN,
    CONF_END,
    CONF_END_DATE,
    CONF_ENTITIES,
    CONF_FLUSH,
    CONF_FORCE,
    CONF_START,
    CONF_START_DATE,
    METHOD_LIST,
    METHODS,
    ExportRequest,
    VerifyRequest,
)
from .settings.options import options_from
from .status.export_status import Trigger
from .translation import translated

CONF_CONFIG_ENTRY_ID = "config_entry_id"

SERVICE_DISCARD_REJECTED = "discard_rejected"
SERVICE_ESTIMATE = "estimate"
SERVICE_EXPORT_NOW = "export_now"
SERVICE_PAUSE = "pause"
SERVICE_RESUME = "resume"
SERVICE_RETRY_REJECTED = "retry_rejected"
SERVICE_VERIFY = "verify"
_SCHEMA = probatio.Schema({probatio.Optional(CONF_CONFIG_ENTRY_ID): str})
_TABLES = {probatio.Optional(CONF_TABLES): probatio.All(cv.ensure_list, [cv.string])}
_SCHEMAS: Mapping[str, probatio.Schema] = {
    SERVICE_EXPORT_NOW: _SCHEMA.extend(
        {
            **_TABLES,
            probatio.Optional(CONF_FLUSH, default=False): cv.boolean,
            probatio.Optional(CONF_FORCE, default=False): cv.boolean,
            probatio.Optional(CONF_ENTITIES): cv.entity_ids,
            probatio.Optional(CONF_START): cv.datetime,
            probatio.Optional(CONF_END): cv.datetime,
        }
    ),
    SERVICE_VERIFY: _SCHEMA.extend(
        {
            **_TABLES,
            probatio.Optional(CONF_START_DATE): cv.date,
            probatio.Optional(CONF_END_DATE): cv.date,
            probatio.Optional(CONF_METHOD, default=METHOD_LIST): probatio.In(METHODS),
            probatio.Optional(CONF_DRY_RUN, default=False): cv.boolean,
        }
    ),
}
"""The fields of those actions that have others than all have."""


def _entry(call: ServiceCall) -> BigQueryExportConfigEntry:
    """Return the config entry that an action is for. Raises ServiceValidationError."""
    entry: BigQueryExportConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data.get(CONF_CONFIG_ENTRY_ID)
    )
    return entry


async def _async_export_now(call: ServiceCall) -> ServiceResponse:
    """Export what waits, and return what was done."""
    entry = _entry(call)
    wanted = ExportRequest.of(call, options_from(entry.options))
    return export_response(await entry.runtime_data.async_export(Trigger.ACTION, wanted))


async def _async_estimate(call: ServiceCall) -> ServiceResponse:
    """Return what an export of everything takes and costs."""
    entry = _entry(call)
    try:
        estimate = await async_estimate(call.hass, options_from(entry.options))
    except ExportError as err:
        raise translated(HomeAssistantError, err) from err
    return estimate.as_dict()


async def _async_verify(call: ServiceCall) -> ServiceResponse:
    """Compare the recorder with BigQuery, and return how they differ."""
    entry = _entry(call)
    wanted = VerifyRequest.of(call.hass, call, options_from(entry.options))
    return {**verify_response(call.hass, wanted, await entry.runtime_data.async_verify(wanted))}


async def _async_pause(call: ServiceCall) -> None:
    """Let nothing begin by itself any more, and backfills wait."""
    _entry(call).runtime_data.async_pause(True)


async def _async_resume(call: ServiceCall) -> None:
    """Go on after a pause."""
    _entry(call).runtime_data.async_pause(False)


async def _async_retry_rejected(call: ServiceCall) -> ServiceResponse:
    """Send the rejected rows again, and return what was done."""
    return export_response(await _entry(call).runtime_data.async_retry_rejected())


async def _async_discard_rejected(call: ServiceCall) -> ServiceResponse:
    """Delete the rejected rows, and return how many there were."""
    return {"discarded": await _entry(call).runtime_data.async_discard_rejected()}


type _Action = Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]

_ACTIONS: Mapping[str, _Action] = {
    SERVICE_DISCARD_REJECTED: _async_discard_rejected,
    SERVICE_EXPORT_NOW: _async_export_now,
    SERVICE_RETRY_REJECTED: _async_retry_rejected,
}
_QUESTIONS: Mapping[str, _Action] = {
    SERVICE_ESTIMATE: _async_estimate,
    SERVICE_VERIFY: _async_verify,
}
"""Actions that do nothing but answer."""
_SILENT_ACTIONS: Mapping[str, Callable[[ServiceCall], Coroutine[Any, Any, None]]] = {
    SERVICE_PAUSE: _async_pause,
    SERVICE_RESUME: _async_resume,
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Set up the actions."""
    for actions, supports_response in (
        (_ACTIONS, SupportsResponse.OPTIONAL),
        (_QUESTIONS, SupportsResponse.ONLY),
    ):
        for name, action in actions.items():
            hass.services.async_register(
                DOMAIN,
                name,
                action,
                _SCHEMAS.get(name, _SCHEMA),
                supports_response=supports_response,
            )
    for name, silent_action in _SILENT_ACTIONS.items():
        hass.services.async_register(DOMAIN, name, silent_action, _SCHEMA)
