"""Subentry flow of a copy in files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, override

from homeassistant.const import CONF_NAME
from homeassistant.helpers import instance_id
from homeassistant.helpers.selector import TextSelector
import probatio

from ..copies.files.files_settings import CONF_COPY_ID, CONF_FOLDER, CONF_FORMAT, FilesSettings
from ..copies.files.set_up import allowed_folder, copy_in, prepare_folder
from ..copies.open_destination import async_open_destination
from ..file_formats.file_format import FormatName
from ..file_formats.formats import FORMATS
from .copy_flow import CopyFlow
from .selectors import choice

_TEXT = TextSelector()


class FilesFlow(CopyFlow):
    """Asks for a folder, and the format of its files."""

    schema: ClassVar = probatio.Schema(
        {
            probatio.Required(CONF_NAME): _TEXT,
            probatio.Required(CONF_FOLDER): _TEXT,
            probatio.Required(CONF_FORMAT, default=FormatName.JSON_LINES.value): choice(
                FORMATS, CONF_FORMAT
            ),
        }
    )
    fields: ClassVar = {
        "folder_above_missing": CONF_FOLDER,
        "folder_failed": CONF_FOLDER,
        "folder_forbidden": CONF_FOLDER,
        "folder_format": CONF_FORMAT,
        "folder_full": CONF_FOLDER,
        "folder_missing": CONF_FOLDER,
        "folder_not_allowed": CONF_FOLDER,
        "folder_occupied": CONF_FOLDER,
        "folder_of_another_home": CONF_FOLDER,
        "library_missing": CONF_FORMAT,
    }
    place_in_use: ClassVar = (CONF_FOLDER, "folder_in_use")

    @override
    async def _async_prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        folder = await self.hass.async_add_executor_job(
            allowed_folder, self.hass, data[CONF_FOLDER]
        )
        settings = FilesSettings.of({**data, CONF_FOLDER: str(folder)})
        copy_id = await self.hass.async_add_executor_job(copy_in, folder)
        self._check_alone(replace(settings, copy_id=copy_id))
        await async_open_destination(self.hass, settings)  # So that the library is there.
        source = await instance_id.async_get(self.hass)
        copy_id = await self.hass.async_add_executor_job(prepare_folder, settings, source)
        return {**data, CONF_FOLDER: str(folder), CONF_COPY_ID: copy_id}

    @override
    def _settings(self, data: Mapping[str, Any]) -> FilesSettings:
        return FilesSettings.of(data)

    @override
    def _default_title(self, data: Mapping[str, Any]) -> str:
        return str(data[CONF_FOLDER])
