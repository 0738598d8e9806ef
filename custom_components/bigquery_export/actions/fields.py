"""The fields of the actions, and the requests that they make."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_METHOD
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import probatio

from ..const import CONF_TABLES
from ..export.recorder_tables import RECORDER_TABLES
from ..export.tables import TABLES
from ..restore.request import RestoreRequest
from ..runner.requests import ExportRequest, VerifyRequest
from ..settings.destination import destination_from
from ..settings.options import Options
from ..translation import validation_error

CONF_CONFIG_ENTRY_ID = "config_entry_id"
CONF_DATASET = "dataset"
CONF_DRY_RUN = "dry_run"
CONF_END = "end"
CONF_END_DATE = "end_date"
CONF_ENTITIES = "entities"
CONF_FLUSH = "flush"
CONF_FORCE = "force"
CONF_RENAMES = "renames"
CONF_SOURCE = "source"
CONF_START = "start"
CONF_START_DATE = "start_date"
CONF_STATISTIC_IDS = "statistic_ids"
METHOD_LIST = "list"
METHOD_QUERY = "query"
METHODS = (METHOD_LIST, METHOD_QUERY)

_TABLES = {probatio.Optional(CONF_TABLES): probatio.All(cv.ensure_list, [cv.string])}
ENTRY_SCHEMA = probatio.Schema({probatio.Optional(CONF_CONFIG_ENTRY_ID): str})
"""The schema of the field that all actions have."""
EXPORT_SCHEMA = ENTRY_SCHEMA.extend(
    {
        **_TABLES,
        probatio.Optional(CONF_FLUSH, default=False): cv.boolean,
        probatio.Optional(CONF_FORCE, default=False): cv.boolean,
        probatio.Optional(CONF_ENTITIES): cv.entity_ids,
        probatio.Optional(CONF_START): cv.datetime,
        probatio.Optional(CONF_END): cv.datetime,
    }
)
CREATE_SCHEMA = ENTRY_SCHEMA.extend({probatio.Required(CONF_DATASET): cv.string})
DROP_SCHEMA = CREATE_SCHEMA.extend({probatio.Optional(CONF_DRY_RUN, default=True): cv.boolean})
RESTORE_SCHEMA = ENTRY_SCHEMA.extend(
    {
        probatio.Optional(CONF_STATISTIC_IDS, default=[]): probatio.All(
            cv.ensure_list, [cv.string]
        ),
        probatio.Optional(CONF_START): cv.datetime,
        probatio.Optional(CONF_END): cv.datetime,
        probatio.Optional(CONF_SOURCE): cv.string,
        probatio.Optional(CONF_RENAMES, default={}): {cv.string: cv.string},
        probatio.Optional(CONF_DRY_RUN, default=True): cv.boolean,
    }
)
VERIFY_SCHEMA = ENTRY_SCHEMA.extend(
    {
        **_TABLES,
        probatio.Optional(CONF_START_DATE): cv.date,
        probatio.Optional(CONF_END_DATE): cv.date,
        probatio.Optional(CONF_METHOD, default=METHOD_LIST): probatio.In(METHODS),
        probatio.Optional(CONF_DRY_RUN, default=False): cv.boolean,
    }
)

_MAX_DAYS = 366
_DEFAULT_DAYS = 10
_EPOCH = date(1970, 1, 1)


def export_request(call: ServiceCall, options: Options) -> ExportRequest:
    """Return the export that an action asks for. Raises ServiceValidationError."""
    data = call.data
    start, end = _utc(data.get(CONF_START)), _utc(data.get(CONF_END))
    entities = frozenset(data.get(CONF_ENTITIES, ())) or None
    if (start or end or entities) and not data[CONF_FORCE]:
        raise validation_error("selection_without_force")
    _check_order(data, start, end)
    return ExportRequest(
        tables=chosen_tables(data, options),
        flush=data[CONF_FLUSH],
        force=data[CONF_FORCE],
        start=start,
        end=end,
        entities=entities,
    )


def restore_request(call: ServiceCall) -> RestoreRequest:
    """Return the restore that an action asks for. Raises ServiceValidationError."""
    data = call.data
    start, end = _utc(data.get(CONF_START)), _utc(data.get(CONF_END))
    _check_order(data, start, end)
    return RestoreRequest(
        statistic_ids=tuple(data[CONF_STATISTIC_IDS]),
        start=start.timestamp() if start else None,
        end=end.timestamp() if end else None,
        source=data.get(CONF_SOURCE) or None,
        renames=data[CONF_RENAMES],
        dry_run=data[CONF_DRY_RUN],
        user_id=call.context.user_id,
    )


def check_dataset(call: ServiceCall, entry: ConfigEntry) -> None:
    """Raise ServiceValidationError unless the dataset that is typed is the export's own."""
    dataset = destination_from(entry.data).dataset
    if call.data[CONF_DATASET] != dataset:
        raise validation_error("dataset_differs", dataset=dataset)


def verify_request(call: ServiceCall, options: Options) -> VerifyRequest:
    """Return the comparison that an action asks for. Raises ServiceValidationError."""
    data = call.data
    tables = chosen_tables(data, options)
    if others := (tables or frozenset()) - RECORDER_TABLES.keys():
        raise validation_error("table_without_rows", tables=listed_names(others))
    return VerifyRequest(
        tables=tables,
        days=_days(call.hass, data.get(CONF_START_DATE), data.get(CONF_END_DATE)),
        query=data[CONF_METHOD] == METHOD_QUERY,
        dry_run=data[CONF_DRY_RUN],
    )


def day_name(day: int) -> str:
    """Return a day since 1970 as ISO 8601 writes it."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def _check_order(data: Mapping[str, Any], start: datetime | None, end: datetime | None) -> None:
    """Raise ServiceValidationError when a time ends before it begins."""
    if start and end and end <= start:
        raise validation_error(
            "end_before_start", start=str(data[CONF_START]), end=str(data[CONF_END])
        )


def _utc(time: datetime | None) -> datetime | None:
    """Return a time in UTC; one without a time zone is local time."""
    return dt_util.as_utc(time) if time else None


def chosen_tables(data: Mapping[str, Any], options: Options) -> frozenset[str] | None:
    """Return the chosen tables, or None. Raises ServiceValidationError if one is not exported."""
    if not (tables := frozenset(data.get(CONF_TABLES, ()))):
        return None
    if unknown := tables - TABLES.keys():
        raise validation_error(
            "table_unknown", tables=listed_names(unknown), known=listed_names(TABLES)
        )
    exported = {table.name for table in options.tables}
    if others := tables - exported:
        raise validation_error("table_not_exported", tables=listed_names(others))
    return tables


def _days(hass: HomeAssistant, start: date | None, end: date | None) -> range:
    """Return days since 1970: by default at most ten, as far as the recorder still has them."""
    last = end or dt_util.utcnow().date()
    default = min(_DEFAULT_DAYS, get_instance(hass).keep_days + 1)
    first = start or last - timedelta(days=default - 1)
    if last < first:
        raise validation_error("end_before_start", start=str(first), end=str(last))
    days = range((first - _EPOCH).days, (last - _EPOCH).days + 1)
    if len(days) > _MAX_DAYS:
        raise validation_error("too_many_days", days=str(len(days)), most=str(_MAX_DAYS))
    return days


def listed_names(names: Iterable[str]) -> str:
    """Return names in one line."""
    return ", ".join(sorted(names))
