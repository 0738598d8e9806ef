"""Addresses for machines: the health of all exports, and what was exported to files."""

from contextlib import suppress
from http import HTTPStatus
import logging
from typing import Any

from aiohttp.hdrs import CONTENT_DISPOSITION, CONTENT_TYPE
from aiohttp.web import Request, Response, StreamResponse
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util import dt as dt_util
from homeassistant.util.async_iterator import Abort, AsyncIteratorWriter

from .actions.file_fields import FILES_URL
from .const import DOMAIN
from .export.response_time import ResponseTime
from .file_export.stored_files import STORED_FILES, write_archive
from .scheduler.runtime_data import BigQueryExportConfigEntry

_LOGGER = logging.getLogger(__name__)

_DEPENDENCIES = "dependencies"


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Answer requests for the health of all exports, and for exported files."""
    hass.http.register_view(HealthView)
    hass.http.register_view(FilesView)


class HealthView(HomeAssistantView):
    """Says how the exports are, as their entities do; nothing is asked for it.

    The status is 200 where all are well, and 503 where one fails. `?dependencies` adds the
    recorder, BigQuery and copies: the state of each, and when it has answered last.
    """

    url = f"/api/{DOMAIN}/health"
    name = f"api:{DOMAIN}:health"

    @callback
    def get(self, request: Request) -> Response:
        """Return the health of all exports that are not disabled."""
        hass = request.app[KEY_HASS]
        entries = hass.config_entries.async_entries(DOMAIN, include_disabled=False)
        exports = [_export(entry) for entry in entries]
        if _DEPENDENCIES in request.query:
            for entry, export in zip(entries, exports, strict=True):
                export[_DEPENDENCIES] = _dependencies(entry)
        healthy = all(export["healthy"] for export in exports)
        status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
        return self.json({"healthy": healthy, "exports": exports}, status)


def _export(entry: BigQueryExportConfigEntry) -> dict[str, Any]:
    """Return what is told of one export; there is no text in it that may have personal data."""
    about = {"entry_id": entry.entry_id, "title": entry.title}
    if entry.state is not ConfigEntryState.LOADED:
        return about | {
            "healthy": False,
            "status": entry.state.value,
            "error": entry.error_reason_translation_key,
        }
    coordinator = entry.runtime_data.coordinator
    return about | {
        "healthy": not coordinator.failing,
        "status": coordinator.data.status,
        "error": coordinator.data.last_error_kind,
        "last_export": coordinator.data.last_export,
        "rows_waiting": coordinator.data.rows_waiting,
    }


def _dependencies(entry: BigQueryExportConfigEntry) -> dict[str, Any]:
    if entry.state is not ConfigEntryState.LOADED:
        return {}
    coordinator, runner = entry.runtime_data.coordinator, entry.runtime_data.runner
    return {
        "recorder": _dependency(coordinator.recorder_response, fails=coordinator.recorder_fails),
        "bigquery": _dependency(runner.last_response, fails=runner.health.bigquery_fails),
        **{
            f"copy {copy.copy.title}": _dependency(copy.last_response, fails=bool(copy.last_error))
            for copy in runner.copies.all
        },
    }


def _dependency(response: ResponseTime | None, *, fails: bool) -> dict[str, Any]:
    return {
        "state": "failing" if fails else "ok" if response else "unknown",
        "last_response": response and dt_util.utc_from_timestamp(response.at),
        "response_seconds": response and round(response.seconds, 4),
    }


class FilesView(HomeAssistantView):
    """Gives the files of an export as one archive, to who has its link, or knows its name."""

    url = FILES_URL
    name = f"api:{DOMAIN}:files"

    async def get(self, request: Request, name: str) -> StreamResponse:
        """Send the archive while it is made, so that nothing of it is kept."""
        hass = request.app[KEY_HASS]
        if (folder := hass.data[STORED_FILES].folder_of(name)) is None:
            return Response(status=HTTPStatus.NOT_FOUND)
        response = StreamResponse(
            headers={
                CONTENT_DISPOSITION: f'attachment; filename="{DOMAIN}.zip"',
                CONTENT_TYPE: "application/zip",
            }
        )
        await response.prepare(request)
        writer = AsyncIteratorWriter(hass.loop)
        archive = hass.async_add_executor_job(write_archive, folder, writer)
        try:
            async for piece in writer:
                await response.write(piece)
        except BaseException:  # The client has gone: no thread must wait for it.
            writer.abort()
            with suppress(Abort, OSError):
                await archive
            raise
        try:
            await archive
        except OSError as err:
            _LOGGER.warning("A download of exported files has failed: %s", err)
            if request.transport:
                request.transport.abort()  # Else what was sent would look whole.
        return response
