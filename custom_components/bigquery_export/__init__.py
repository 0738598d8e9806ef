"""The BigQuery Export integration."""

import logging

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    ConfigEntryNotReady,
)
from homeassistant.helpers import config_validation as cv, instance_id
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.typing import ConfigType

from .assist.tools import async_register_api
from .bigquery.connection import Connection
from .bigquery.fence_table import BigQueryFence
from .bigquery.schema import DatasetSchema
from .const import CONF_RESTORE, CONF_SERVICE_ACCOUNT_KEY, DOMAIN
from .coordinator import BigQueryExportCoordinator
from .copies.copy_subentry import copies
from .errors import ExportError, KeyRefusedError, OptionsUnreadableError
from .file_export.stored_files import STORED_FILES, StoredFiles
from .home.entry_states import async_remove_entry_states
from .http import async_register_views
from .notifications import async_dismiss_notifications, async_setup_notifications
from .query.after_exports import AfterExports, async_remove_answers
from .query.saved_query import saved_queries
from .restore.request import RestoreRequest
from .runner.copies_only import async_copy_only, async_end_copying_only
from .runner.runner import Runner
from .runner.storage import forget_other_destination, remove_all
from .runner.table_removal import finish_removal
from .scheduler.runtime_data import BigQueryExportConfigEntry, RuntimeData
from .scheduler.scheduler import Scheduler
from .services import async_setup_services
from .settings.destination import destination_from, missing_in
from .settings.options import options_from
from .settings.usable_options import usable_options
from .settings.view_subentries import own_views
from .status.copy_status import async_remove_copy_issues
from .status.issues import (
    async_clear_issues,
    async_remove_issues,
    async_show_expiring,
    async_show_issue,
)
from .translation import translated

_LOGGER = logging.getLogger(__name__)
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

_PLATFORMS = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.SENSOR,
    Platform.SWITCH,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the actions, and the addresses that tell the health and give exported files."""
    async_setup_services(hass)
    async_register_views(hass)
    hass.data[STORED_FILES] = files = StoredFiles(hass)
    await hass.async_add_executor_job(files.clear)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> bool:
    """Set up an export from a config entry."""
    if missing := missing_in(entry.data):
        raise ConfigEntryError(
            translation_domain=DOMAIN,
            translation_key="entry_damaged",
            translation_placeholders={"missing": ", ".join(missing)},
        )
    options = usable_options(entry.options)
    if options.more:
        unreadable = OptionsUnreadableError(options=", ".join(options.more))
        async_show_issue(hass, entry, unreadable)
        raise translated(ConfigEntryError, unreadable)
    if options.unusable:
        _LOGGER.warning(
            "This version cannot use some options of %s, which have their defaults or what keeps"
            " most at home: %s. Open Configure, look at them and submit",
            entry.title,
            ", ".join(options.unusable),
        )
    try:
        source = await instance_id.async_get(hass)
        connection, fence, expiring = await hass.async_add_executor_job(
            _connect, hass, entry, source
        )
    except KeyRefusedError as err:
        await async_copy_only(hass, entry)
        raise translated(ConfigEntryAuthFailed, err) from err
    except ExportError as err:
        async_show_issue(hass, entry, err)
        await async_copy_only(hass, entry)
        raise translated(ConfigEntryNotReady, err) from err
    await async_end_copying_only(hass, entry)
    async_clear_issues(hass, entry)
    async_show_expiring(hass, entry, expiring)
    await hass.async_add_executor_job(forget_other_destination, hass, entry)

    runner = Runner(hass, entry, connection, fence)
    runner.tables.expiring = expiring
    entry.async_on_unload(runner.async_close)
    coordinator = BigQueryExportCoordinator(hass, entry, runner)
    scheduler = Scheduler(hass, entry, coordinator, runner)
    await coordinator.async_config_entry_first_refresh()
    after_exports = AfterExports(
        hass, entry, runner.queries, lambda: bool(runner.checkpoint.last_export)
    )
    entry.runtime_data = RuntimeData(scheduler, coordinator, runner, after_exports)
    _async_reload_when_changed(hass, entry)
    await after_exports.async_load()
    async_setup_notifications(hass, entry)

    async def async_stop(_: Event) -> None:
        await runner.async_stop()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, async_stop))
    if runner.queries.is_on:
        entry.async_on_unload(async_register_api(hass, entry))

    await hass.config_entries.async_forward_entry_setups(entry, _PLATFORMS)
    # Not before: an export reads what the registry has of its own entities, too.
    scheduler.async_start()
    runner.copies.async_start()
    entry.async_on_unload(after_exports.async_start())
    await _async_begin_restore(hass, entry)
    return True


@callback
def _async_reload_when_changed(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> None:
    """Reload the entry when a saved query is added, changed or removed; views need no reload.

    A listener to updates of the entry would also be called for options, which reload it themselves.
    """
    queries, views, kept = saved_queries(entry), own_views(entry), copies(entry)

    @callback
    def changed(change: ConfigEntryChange, other: ConfigEntry) -> None:
        nonlocal queries, views, kept
        if other is not entry or change is not ConfigEntryChange.UPDATED:
            return
        now = saved_queries(entry), own_views(entry), copies(entry)
        follow, reload = now[1] != views, (now[0], now[2]) != (queries, kept)
        # First, as a reload is an update too: it calls this again before it returns.
        queries, views, kept = now
        if follow:
            entry.runtime_data.runner.tables.async_follow_own_views()
        if reload:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, changed))


async def _async_begin_restore(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> None:
    """Begin to bring statistics back, if the set-up has asked for that."""
    if not (source := entry.data.get(CONF_RESTORE)):
        return
    runner = entry.runtime_data.runner
    if not runner.restorer.is_wanted:
        await runner.restorer.async_want(RestoreRequest(source=source))
    data = {name: value for name, value in entry.data.items() if name != CONF_RESTORE}
    hass.config_entries.async_update_entry(entry, data=data)
    # An export that runs already continues with it.
    if not runner.is_running:
        entry.runtime_data.scheduler.async_export_now()


async def async_unload_entry(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> bool:
    """Stop the export, and unload a config entry."""
    await entry.runtime_data.runner.async_stop()
    return await hass.config_entries.async_unload_platforms(entry, _PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> None:
    """Delete the export's files in Home Assistant; BigQuery keeps the rows."""
    await async_end_copying_only(hass, entry)
    async_remove_issues(hass, entry)
    async_remove_copy_issues(hass, entry, set())
    async_dismiss_notifications(hass, entry)
    await async_remove_answers(hass, entry)
    await async_remove_entry_states(hass, entry.entry_id)
    await hass.async_add_executor_job(remove_all, hass, entry)


def _connect(
    hass: HomeAssistant, entry: BigQueryExportConfigEntry, source: str
) -> tuple[Connection, BigQueryFence, dict[str, int]]:
    """Return a connection, and the fence of the installation `source`, once all tables are there.

    Also returns after how many days BigQuery deletes what is in some of them.

    Raises ExportError.
    """
    options = options_from(entry.options)
    connection = Connection.open(
        entry.data.get(CONF_SERVICE_ACCOUNT_KEY, {}),
        destination_from(entry.data),
        compress=options.compress,
    )
    fence = BigQueryFence(connection, source, options.table_settings)
    try:
        finish_removal(hass, entry, connection)
        schema = DatasetSchema(connection, options.table_settings, fence=fence)
        schema.ensure_tables(options.tables)
    except ExportError:
        connection.close()
        raise
    return connection, fence, schema.expiring
