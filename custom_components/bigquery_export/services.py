"""Actions of BigQuery Export."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import service
import probatio

from .actions.fields import (
    CONF_CONFIG_ENTRY_ID,
    ENTRY_SCHEMA,
    EXPORT_SCHEMA,
    RESTORE_SCHEMA,
    VERIFY_SCHEMA,
    export_request,
    restore_request,
    verify_request,
)
from .actions.responses import export_response, restore_response, verify_response
from .const import DOMAIN
from .errors import ExportError
from .estimate.estimate import async_estimate
from .rows.export_log import Trigger
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .settings.options import options_from
from .translation import translated


def _entry(call: ServiceCall) -> BigQueryExportConfigEntry:
    """Return the config entry that an action is for. Raises ServiceValidationError."""
    entry: BigQueryExportConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data.get(CONF_CONFIG_ENTRY_ID)
    )
    return entry


async def _async_export_now(call: ServiceCall) -> ServiceResponse:
    """Export the waiting rows, and return what was done."""
    entry = _entry(call)
    request = export_request(call, options_from(entry.options))
    return export_response(await entry.runtime_data.runner.async_export(Trigger.ACTION, request))


async def _async_estimate(call: ServiceCall) -> ServiceResponse:
    """Return the estimate of an export of everything."""
    entry = _entry(call)
    try:
        estimate = await async_estimate(call.hass, options_from(entry.options))
    except ExportError as err:
        raise translated(HomeAssistantError, err) from err
    return estimate.as_dict()


async def _async_verify(call: ServiceCall) -> ServiceResponse:
    """Compare the recorder with BigQuery, and return how they differ."""
    entry = _entry(call)
    request = verify_request(call, options_from(entry.options))
    verdict = await entry.runtime_data.runner.async_verify(request)
    return verify_response(call.hass, request, verdict)


async def _async_pause(call: ServiceCall) -> None:
    """Pause scheduled exports and backfills."""
    _entry(call).runtime_data.scheduler.async_pause(True)


async def _async_resume(call: ServiceCall) -> None:
    """Resume scheduled exports and backfills."""
    _entry(call).runtime_data.scheduler.async_pause(False)


async def _async_retry_rejected(call: ServiceCall) -> ServiceResponse:
    """Send the rejected rows again, and return what was done."""
    return export_response(await _entry(call).runtime_data.runner.async_retry_rejected())


async def _async_discard_rejected(call: ServiceCall) -> ServiceResponse:
    """Discard the rejected rows, and return how many there were."""
    return {"discarded": await _entry(call).runtime_data.runner.async_discard_rejected()}


async def _async_restore_statistics(call: ServiceCall) -> ServiceResponse:
    """Bring statistics back from BigQuery, or only say what would come back."""
    report = await _entry(call).runtime_data.runner.async_restore(restore_request(call))
    return restore_response(call.hass, report)


async def _async_cancel_restore(call: ServiceCall) -> None:
    """Bring no more statistics back."""
    runner = _entry(call).runtime_data.runner
    try:
        await runner.restorer.async_cancel()
    except ExportError as err:
        raise translated(HomeAssistantError, err) from err
    if not runner.is_running:  # A job that is running ends it, or the scheduler does afterwards.
        await runner.async_end_restore()


class Action(NamedTuple):
    """An action: its function, its fields, whether it has a response, and who may use it."""

    handler: Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]
    schema: probatio.Schema
    supports_response: SupportsResponse
    for_administrators: bool = False


ACTIONS: Mapping[str, Action] = {
    "cancel_restore": Action(
        _async_cancel_restore, ENTRY_SCHEMA, SupportsResponse.NONE, for_administrators=True
    ),
    "discard_rejected": Action(_async_discard_rejected, ENTRY_SCHEMA, SupportsResponse.OPTIONAL),
    "estimate": Action(_async_estimate, ENTRY_SCHEMA, SupportsResponse.ONLY),
    "export_now": Action(_async_export_now, EXPORT_SCHEMA, SupportsResponse.OPTIONAL),
    "pause": Action(_async_pause, ENTRY_SCHEMA, SupportsResponse.NONE),
    "restore_statistics": Action(
        _async_restore_statistics, RESTORE_SCHEMA, SupportsResponse.ONLY, for_administrators=True
    ),
    "resume": Action(_async_resume, ENTRY_SCHEMA, SupportsResponse.NONE),
    "retry_rejected": Action(_async_retry_rejected, ENTRY_SCHEMA, SupportsResponse.OPTIONAL),
    "verify": Action(_async_verify, VERIFY_SCHEMA, SupportsResponse.ONLY),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Set up the actions."""
    for name, action in ACTIONS.items():
        register = hass.services.async_register
        if action.for_administrators:
            register = partial(service.async_register_admin_service, hass)
        register(
            DOMAIN,
            name,
            action.handler,
            action.schema,
            supports_response=action.supports_response,
        )
