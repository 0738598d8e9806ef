"""The fields of the action that exports to files, and its response."""

from typing import Any

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util import dt as dt_util
import probatio

from ..const import CONF_TABLES, DOMAIN
from ..export.recorder_tables import RECORDER_TABLES
from ..file_export.file_request import FileReport, FileRequest
from ..file_export.stored_files import KEPT
from ..file_formats.file_format import FormatName
from ..rows.table import timestamp
from ..settings.options import Options
from ..translation import validation_error
from .fields import (
    CONF_END,
    CONF_ENTITIES,
    CONF_START,
    ENTRY_SCHEMA,
    chosen_tables,
    listed_names,
)

CONF_FORMAT = "format"
FILES_URL = f"/api/{DOMAIN}/files/{{name}}"
FILES_SCHEMA = ENTRY_SCHEMA.extend(
    {
        probatio.Required(CONF_START): cv.datetime,
        probatio.Optional(CONF_END): cv.datetime,
        probatio.Optional(CONF_TABLES): probatio.All(cv.ensure_list, [cv.string]),
        probatio.Optional(CONF_ENTITIES): cv.entity_ids,
        probatio.Optional(CONF_FORMAT, default=FormatName.JSON_LINES): probatio.Coerce(FormatName),
    }
)


def file_request(call: ServiceCall, options: Options) -> FileRequest:
    """Return what an action wants in files. Raises ServiceValidationError."""
    data = call.data
    start = dt_util.as_utc(data[CONF_START])
    end = dt_util.as_utc(data.get(CONF_END) or dt_util.utcnow())
    if end <= start:
        raise validation_error("end_before_start", start=str(start), end=str(end))
    tables = chosen_tables(data, options)
    if others := (tables or frozenset()) - RECORDER_TABLES.keys():
        raise validation_error("table_without_rows", tables=listed_names(others))
    return FileRequest(
        tables=tables,
        start=timestamp(start),
        end=timestamp(end),
        entities=frozenset(data.get(CONF_ENTITIES, ())) or None,
        file_format=data[CONF_FORMAT],
    )


@callback
def files_response(hass: HomeAssistant, name: str, report: FileReport) -> dict[str, Any]:
    """Return the response, with a link that is valid for a day, also without a log-in."""
    path = async_sign_path(hass, FILES_URL.format(name=name), KEPT, use_content_user=True)
    try:
        url = f"{get_url(hass)}{path}"
    except NoURLAvailableError:
        url = path
    return {
        "files": [
            {"name": file.name, "table": file.table, "rows": file.rows, "bytes": file.bytes}
            for file in report.files
        ],
        "rows": sum(file.rows for file in report.files),
        "bytes": sum(file.bytes for file in report.files),
        "refused": report.refused,
        "url": url if report.files else None,
    }
