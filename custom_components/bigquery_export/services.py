"""Actions of BigQuery Export."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import service
import probatio

from .actions.fields import (
    CONF_CONFIG_ENTRY_ID,
    CONF_DRY_RUN,
    CREATE_SCHEMA,
    DROP_SCHEMA,
    ENTRY_SCHEMA,
    EXPORT_SCHEMA,
    RESTORE_SCHEMA,
    VERIFY_SCHEMA,
    check_dataset,
    export_request,
    restore_request,
    verify_request,
)
from .actions.file_fields import FILES_SCHEMA, file_request, files_response
from .actions.history_fields import (
    CONF_ENTITY_IDS,
    CONF_STATISTIC_IDS,
    HISTORY_SCHEMA,
    STATISTICS_SCHEMA,
    history_response,
    span_of,
    statistics_response,
    window_of,
)
from .actions.query_fields import (
    CONF_MAX_ROWS,
    QUERY_SCHEMA,
    answer_response,
    plan_response,
    query_request,
)
from .actions.responses import (
    export_response,
    removal_response,
    restore_response,
    verify_response,
)
from .const import DOMAIN
from .errors import ExportError
from .estimate.estimate import async_estimate
from .query.state_series import async_states
from .query.statistic_series import async_statistics
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


@contextmanager
def _errors(kind: type[HomeAssistantError] = HomeAssistantError) -> Iterator[None]:
    """Raise an ExportError as an exception of Home Assistant."""
    try:
        yield
    except ExportError as err:
        raise translated(kind, err) from err


async def _async_export_now(call: ServiceCall) -> ServiceResponse:
    """Export the waiting rows, and return what was done."""
    entry = _entry(call)
    request = export_request(call, options_from(entry.options))
    return export_response(await entry.runtime_data.runner.async_export(Trigger.ACTION, request))


async def _async_estimate(call: ServiceCall) -> ServiceResponse:
    """Return the estimate of an export of everything."""
    entry = _entry(call)
    with _errors():
        estimate = await async_estimate(call.hass, options_from(entry.options))
    return estimate.as_dict()


async def _async_query(call: ServiceCall) -> ServiceResponse:
    """Ask BigQuery, and return the rows, or only what they would cost."""
    entry = await _async_entry_to_ask(call)
    queries = entry.runtime_data.runner.queries
    with _errors(ServiceValidationError):
        request = query_request(call, entry)
    with _errors():
        if call.data[CONF_DRY_RUN]:
            return plan_response(call.hass, await queries.async_plan(request))
        return answer_response(await queries.async_ask(request))


async def _async_get_history(call: ServiceCall) -> ServiceResponse:
    """Return states of entities, from the recorder and BigQuery."""
    entry = await _async_entry_to_ask(call)
    start, end = span_of(call)
    with _errors():
        answer = await async_states(
            call.hass,
            entry.runtime_data.runner.queries,
            call.data[CONF_ENTITY_IDS],
            start,
            end,
            max_rows=call.data[CONF_MAX_ROWS],
            user_id=call.context.user_id,
        )
    return await call.hass.async_add_executor_job(history_response, answer)


async def _async_get_statistics(call: ServiceCall) -> ServiceResponse:
    """Return statistics by period, from the recorder and BigQuery."""
    entry = await _async_entry_to_ask(call)
    window = window_of(call)
    queries = entry.runtime_data.runner.queries
    ids = call.data[CONF_STATISTIC_IDS]
    with _errors():
        answer = await async_statistics(call.hass, queries, ids, window, call.context.user_id)
    return await call.hass.async_add_executor_job(statistics_response, answer)


async def _async_entry_to_ask(call: ServiceCall) -> BigQueryExportConfigEntry:
    """Return the config entry whose history is asked for.

    Raises ServiceValidationError, and Unauthorized unless the user may ask: by default
    administrators alone. What has no user is an automation, which an administrator has made.
    """
    entry = _entry(call)
    user_id = call.context.user_id
    if user_id is None or options_from(entry.options).queries.all_users:
        return entry
    user = await call.hass.auth.async_get_user(user_id)
    if user is None or not user.is_admin:
        raise Unauthorized(context=call.context, config_entry_id=entry.entry_id)
    return entry


async def _async_verify(call: ServiceCall) -> ServiceResponse:
    """Compare the recorder with BigQuery, and return how they differ."""
    entry = await _async_entry_to_ask(call)
    request = verify_request(call, options_from(entry.options))
    verdict = await entry.runtime_data.runner.verifier.async_verify(request)
    return verify_response(call.hass, request, verdict)


async def _async_pause(call: ServiceCall) -> None:
    """Pause scheduled exports and backfills."""
    _entry(call).runtime_data.scheduler.async_pause(True)


async def _async_resume(call: ServiceCall) -> None:
    """Resume scheduled exports and backfills."""
    _entry(call).runtime_data.scheduler.async_pause(False)


async def _async_export_files(call: ServiceCall) -> ServiceResponse:
    """Write rows into files, and return a link to them."""
    entry = _entry(call)
    request = file_request(call, options_from(entry.options))
    name, report = await entry.runtime_data.runner.files.async_export(request)
    return files_response(call.hass, name, report)


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
    with _errors():
        await runner.restorer.async_cancel()
    if not runner.is_running:  # A job that is running ends it, or the scheduler does afterwards.
        await runner.async_end_restore()


async def _async_create_tables(call: ServiceCall) -> ServiceResponse:
    """Make the tables and views that are missing, and return their names."""
    entry = _entry(call)
    check_dataset(call, entry)
    runner = entry.runtime_data.runner
    return {"created": [*await runner.async_run_alone(runner.tables.async_create)]}


async def _async_drop_tables(call: ServiceCall) -> ServiceResponse:
    """Delete all tables and views, or only say what would be lost."""
    entry = _entry(call)
    check_dataset(call, entry)
    runner = entry.runtime_data.runner
    dry_run = call.data[CONF_DRY_RUN]
    removal = runner.removal
    work = removal.async_plan if dry_run else removal.async_remove
    return removal_response(await runner.async_run_alone(work), dry_run=dry_run)


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
    "create_tables": Action(
        _async_create_tables, CREATE_SCHEMA, SupportsResponse.OPTIONAL, for_administrators=True
    ),
    "discard_rejected": Action(
        _async_discard_rejected, ENTRY_SCHEMA, SupportsResponse.OPTIONAL, for_administrators=True
    ),
    "drop_tables": Action(
        _async_drop_tables, DROP_SCHEMA, SupportsResponse.ONLY, for_administrators=True
    ),
    "estimate": Action(_async_estimate, ENTRY_SCHEMA, SupportsResponse.ONLY),
    "export_files": Action(
        _async_export_files, FILES_SCHEMA, SupportsResponse.ONLY, for_administrators=True
    ),
    "export_now": Action(_async_export_now, EXPORT_SCHEMA, SupportsResponse.OPTIONAL),
    "get_history": Action(_async_get_history, HISTORY_SCHEMA, SupportsResponse.ONLY),
    "get_statistics": Action(_async_get_statistics, STATISTICS_SCHEMA, SupportsResponse.ONLY),
    "pause": Action(_async_pause, ENTRY_SCHEMA, SupportsResponse.NONE),
    "query": Action(_async_query, QUERY_SCHEMA, SupportsResponse.ONLY),
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
