"""Exporting to files: one at a time, also while exports run."""

import asyncio
from functools import partial
from pathlib import Path

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, instance_id
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from ..bigquery.connection import Connection
from ..bigquery.listed_values import ListedValues
from ..bigquery.row_lookup import RowLookup
from ..const import DOMAIN
from ..copies.open_destination import LibraryMissingError
from ..errors import ExportError, StoppedError
from ..export.journal import Journal
from ..file_export.file_export import FileExport
from ..file_export.file_request import FileReport, FileRequest
from ..file_export.stored_files import STORED_FILES
from ..file_formats.file_format import FileFormat
from ..file_formats.formats import FORMATS
from ..rows.column_groups import columns_left_out
from ..rows.export_log import Trigger
from ..translation import translated, validation_error
from .destination_tables import STOP_TIMEOUT
from .factory import JobFactory


class _FileJobs(JobFactory):
    """Makes exports to files. It has registries of its own, as exports run beside it."""

    async def async_new_file_export(
        self, wanted: FileRequest, listed: ListedValues, file_format: FileFormat, folder: Path
    ) -> FileExport:
        """Return an export of the wanted rows to a folder."""
        session = await self.async_new_session(Trigger.ACTION)
        row_context = await self._async_row_context(session)
        name_of = row_context.privacy.entity
        # Where it has a pseudonym, older rows may have been sent before.
        entities = {entity: {entity, name_of(entity)} for entity in wanted.entities or ()}
        return FileExport(
            session,
            self._openings(session, row_context, self._recorder_tables(wanted.tables)),
            listed,
            wanted,
            entities=entities or None,
            left_out=columns_left_out(self._options.columns),
            file_format=file_format,
            folder=folder,
        )


class FileExporter:
    """Exports to files what one config entry has exported, or would."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, connection: Connection, journal: Journal
    ) -> None:
        """Prepare; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._journal = journal
        self._task: asyncio.Task[tuple[str, FileReport]] | None = None
        self._job: FileExport | None = None
        self._stopped = False

    async def async_export(self, wanted: FileRequest) -> tuple[str, FileReport]:
        """Write files, and return the name of their folder in `StoredFiles`.

        Raises ServiceValidationError while another one is running, and HomeAssistantError when
        this one cannot continue: then there are no files.
        """
        if self._task and not self._task.done():
            raise validation_error("already_exporting_files")
        self._task = task = self._entry.async_create_background_task(
            self._hass, self._async_export(wanted), f"{DOMAIN} files", eager_start=False
        )
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:  # The caller wants no files any more.
            self._async_stop_job()
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            raise
        try:
            if task.cancelled():
                raise StoppedError
            return task.result()
        except ExportError as err:
            raise translated(HomeAssistantError, err) from err

    async def async_stop(self) -> None:
        """End an export that is running, and do not let another one begin."""
        self._stopped = True
        self._async_stop_job()
        if self._task:
            await asyncio.wait([self._task], timeout=STOP_TIMEOUT)

    @callback
    def _async_stop_job(self) -> None:
        if self._job:
            self._job.stop()

    async def _async_export(self, wanted: FileRequest) -> tuple[str, FileReport]:
        hass = self._hass
        file_format = FORMATS[wanted.file_format]
        await self._async_load(file_format)
        files = hass.data[STORED_FILES]
        listed = ListedValues(self._connection, await instance_id.async_get(hass))
        jobs = _FileJobs(hass, self._entry, partial(RowLookup, self._connection), self._journal)
        name, folder = await hass.async_add_executor_job(files.make)
        try:
            self._job = job = await jobs.async_new_file_export(wanted, listed, file_format, folder)
            if self._stopped:
                job.stop()
            await job.async_run()
            self._check_found(job)
            files.async_keep(name)
        except BaseException:
            await hass.async_add_executor_job(files.remove, name)
            raise
        finally:
            self._job = None
            jobs.async_close_registries()
        return name, job.report

    def _check_found(self, job: FileExport) -> None:
        """Raise ServiceValidationError where nothing is known of an entity: it may be mistyped."""
        registry, states = er.async_get(self._hass), self._hass.states
        if unknown := [
            entity_id
            for entity_id in job.entities_without_rows
            if states.get(entity_id) is None and registry.async_get(entity_id) is None
        ]:
            raise validation_error("entity_without_rows", entities=", ".join(unknown))

    async def _async_load(self, file_format: FileFormat) -> None:
        """Install what a format needs. Raises LibraryMissingError."""
        libraries = list(file_format.requirements)
        try:
            await async_process_requirements(self._hass, DOMAIN, libraries, is_built_in=False)
            await self._hass.async_add_import_executor_job(file_format.load)
        except (RequirementsNotFound, ImportError) as err:  # There is no wheel for this machine.
            raise LibraryMissingError(library=", ".join(libraries)) from err
