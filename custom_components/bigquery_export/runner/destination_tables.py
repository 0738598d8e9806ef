"""The tables and views of a config entry in BigQuery: made where one is missing, and kept."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import instance_id

from ..bigquery.connection import Connection
from ..bigquery.dataset_views import DatasetViews
from ..bigquery.fence_table import BigQueryFence
from ..bigquery.own_views import OwnView, OwnViews
from ..bigquery.schema import DatasetSchema
from ..const import CONF_VIEWS, DOMAIN
from ..errors import ExportError, StoppedError, TransientError
from ..settings.options import options_from
from ..settings.view_subentries import own_views
from ..status.issues import async_show_expiring, async_show_own_views, async_show_views
from ..translation import async_reason

_LOGGER = logging.getLogger(__name__)

STOP_TIMEOUT = 5.0
"""Seconds that a job, or a request for a view, has to end when it is told to."""


class DestinationTables:
    """The tables that an entry exports to, with the settings that the user has chosen."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, connection: Connection) -> None:
        """Prepare; BigQuery is not asked yet."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._options = options_from(entry.options)
        self._schema = DatasetSchema(connection, self._options.table_settings)
        self._views_ensured = False
        self._task: asyncio.Task[None] | None = None
        """What makes views after an export."""
        self._tasks: set[asyncio.Task[None]] = set()
        """All that make views now."""
        self._own_views = OwnViews(connection, entry.entry_id)
        self._lock = asyncio.Lock()
        """Held by what makes, changes or deletes views of the user's own."""
        self.expiring: Mapping[str, int] = {}
        """After how many days BigQuery deletes what is in tables, as the set-up has found."""

    async def async_ensure(self) -> None:
        """Make tables and columns that are missing. Raises ExportError."""
        await self._hass.async_add_executor_job(self._schema.ensure_tables, self._options.tables)

    async def async_create(self) -> list[str]:
        """Make the dataset, tables and views that are missing, and return the names of what is new.

        A repair names views that could not be made. Raises ExportError.
        """
        block = self._hass.async_add_executor_job
        await block(self._schema.ensure_dataset)
        views = DatasetViews(self._connection)
        before = {*await block(views.everything)}
        await self.async_ensure()
        await self._async_ensure_views()
        return sorted({*await block(views.everything)} - before)

    @callback
    def async_ensure_views(self) -> None:
        """Begin to make views that are missing, or of another version, until that was done once.

        No export waits or fails for them. A repair names those that could not be made.
        """
        if not self._views_ensured and (self._task is None or self._task.done()):
            self._task = self._async_begin(self._async_ensure_views())

    async def async_put_view(self, view: OwnView) -> None:
        """Make or change a view of the user's own. Raises ExportError where BigQuery refuses it."""
        async with self._lock:
            await self._hass.async_add_executor_job(self._own_views.put, view)
            self._async_note_views({*self._noted_views, view.name})

    @callback
    def async_follow_own_views(self) -> None:
        """Begin to make, change and delete views as the subentries have them now."""
        self._async_begin(self._async_follow_own_views())

    async def async_forget_views(self) -> None:
        """Wait until no views are being made, and let the next export make those that are missing.

        Nothing else may begin to make them meanwhile.
        """
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._views_ensured = False

    async def async_stop(self) -> None:
        """Wait for the request for a view that is on its way; the connection is stopped already."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT)

    @callback
    def _async_begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._entry.async_create_background_task(self._hass, work, f"{DOMAIN} views")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _async_ensure_views(self) -> None:
        """Make views. After what may pass by itself, the next export begins again."""
        views = DatasetViews(self._connection)
        problems = await self._async_problems(
            views.ensure,
            self._options.tables,
            self._options.recorder_prefix,
            self._options.materialized_views,
        )
        if problems is None:
            return
        async_show_views(self._hass, self._entry, problems)
        if views.expiring:
            expiring = {**self.expiring, **views.expiring}
            async_show_expiring(self._hass, self._entry, expiring)
        has_own = self._noted_views or own_views(self._entry)
        own_work = not has_own or await self._async_ensure_own_views()
        self._views_ensured = not problems and own_work

    async def _async_follow_own_views(self) -> None:
        if not await self._async_ensure_own_views():
            self._views_ensured = False  # The next export tries again.

    async def _async_ensure_own_views(self) -> bool:
        """Keep the views of the subentries, and return whether all of them work."""
        async with self._lock:
            wanted = own_views(self._entry)
            names = {view.name for view in wanted}
            gone = self._noted_views - names
            problems = await self._async_problems(self._own_views.ensure, wanted, gone)
            if problems is not None:
                self._async_note_views(names | gone & problems.keys())
        if problems is not None:
            async_show_own_views(self._hass, self._entry, problems)
        return problems == {}

    @property
    def _noted_views(self) -> set[str]:
        """Return the names of all own views that were made, and not deleted yet.

        They are kept with the subentries: what is newer than a backup that was restored is in
        neither, and stays as it is.
        """
        return {*self._entry.data.get(CONF_VIEWS, ())}

    @callback
    def _async_note_views(self, names: set[str]) -> None:
        if names != self._noted_views:
            data = {**self._entry.data, CONF_VIEWS: sorted(names)}
            self._hass.config_entries.async_update_entry(self._entry, data=data)

    async def _async_problems[*Ts](
        self, ensure: Callable[[*Ts], dict[str, ExportError]], *args: *Ts
    ) -> dict[str, str] | None:
        """Ensure views, and return what is wrong with some, by their names.

        None says that a later attempt is to tell.
        """
        try:
            failed = await self._hass.async_add_executor_job(ensure, *args)
        except StoppedError:
            return None
        except TransientError as err:
            _LOGGER.debug("Views are made after the next export: %s", err)
            return None
        except ExportError as err:
            failed = {self._connection.destination.dataset: err}
        except Exception:
            _LOGGER.exception("Unexpected error while views were made; the export has gone well")
            return None
        return {name: async_reason(self._hass, err) for name, err in failed.items()}

    async def async_keep_for_ever(self) -> None:
        """Take away what lets BigQuery delete tables or their rows. Raises ExportError."""
        source = await instance_id.async_get(self._hass)
        # Of its own: what exports know of theirs must stay as it is.
        fence = BigQueryFence(self._connection, source)
        schema = DatasetSchema(self._connection, self._options.table_settings, fence=fence)
        await self._hass.async_add_executor_job(schema.keep_for_ever, self._options.tables)
        views = DatasetViews(self._connection)
        await self._hass.async_add_executor_job(views.keep_for_ever)
        self.expiring = {}
        async_show_expiring(self._hass, self._entry, {})
