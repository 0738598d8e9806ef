"""What somebody wants exported or compared, and whether that is possible."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from homeassistant.const import CONF_METHOD
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..const import CONF_TABLES
from ..export.tables import DIMENSION_TABLES, TABLES
from ..settings.options import Options
from ..translation import validation_error

CONF_DRY_RUN = "dry_run"
CONF_END = "end"
CONF_END_DATE = "end_date"
CONF_ENTITIES = "entities"
CONF_FLUSH = "flush"
CONF_FORCE = "force"
CONF_START = "start"
CONF_START_DATE = "start_date"
METHOD_LIST = "list"
METHOD_QUERY = "query"
METHODS = (METHOD_LIST, METHOD_QUERY)

_MAX_DAYS = 366
_USUAL_DAYS = 10
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: all that waits, or what waits for some tables.

    With `force`, look afterwards for rows of a span of time and of some entities that were
    exported before and that BigQuery lacks.
    """

    tables: frozenset[str] | None = None
    flush: bool = False
    force: bool = False
    start: datetime | None = None
    end: datetime | None = None
    entities: frozenset[str] | None = None

    @classmethod
    def of(cls, call: ServiceCall, options: Options) -> ExportRequest:
        """Return what an action asks for. Raises ServiceValidationError."""
        data = call.data
        start, end = _utc(data.get(CONF_START)), _utc(data.get(CONF_END))
        entities = frozenset(data.get(CONF_ENTITIES, ())) or None
        if (start or end or entities) and not data[CONF_FORCE]:
            raise validation_error("selection_without_force")
        if start and end and end <= start:
            raise validation_error(
                "end_before_start", start=str(data[CONF_START]), end=str(data[CONF_END])
            )
        return cls(_tables(data, options), data[CONF_FLUSH], data[CONF_FORCE], start, end, entities)


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """Which tables and days to compare, and how."""

    tables: frozenset[str] | None
    days: range
    """Since 1970, in UTC."""
    query: bool
    dry_run: bool

    @classmethod
    def of(cls, hass: HomeAssistant, call: ServiceCall, options: Options) -> VerifyRequest:
        """Return what an action asks for. Raises ServiceValidationError."""
        data = call.data
        tables = _tables(data, options)
        if facts := (tables or frozenset()) & DIMENSION_TABLES.keys():
            raise validation_error("table_without_rows", tables=_listed(facts))
        return cls(
            tables,
            _days(hass, data.get(CONF_START_DATE), data.get(CONF_END_DATE)),
            data[CONF_METHOD] == METHOD_QUERY,
            data[CONF_DRY_RUN],
        )


def _utc(time: datetime | None) -> datetime | None:
    """Return a time in UTC; one without a time zone is the home's."""
    return dt_util.as_utc(time) if time else None


def _tables(data: Mapping[str, Any], options: Options) -> frozenset[str] | None:
    """Return the chosen tables, if any are chosen, all of which have to be exported."""
    if not (tables := frozenset(data.get(CONF_TABLES, ()))):
        return None
    if unknown := tables - TABLES.keys():
        raise validation_error("table_unknown", tables=_listed(unknown), known=_listed(TABLES))
    exported = {table.name for table in options.tables}
    if others := tables - exported:
        raise validation_error("table_not_exported", tables=_listed(others))
    return tables


def _days(hass: HomeAssistant, start: date | None, end: date | None) -> range:
    """Return days since 1970: by default those that the recorder still has, at most ten."""
    last = end or dt_util.utcnow().date()
    usual = min(_USUAL_DAYS, get_instance(hass).keep_days + 1)
    first = start or last - timedelta(days=usual - 1)
    if last < first:
        raise validation_error("end_before_start", start=str(first), end=str(last))
    days = range((first - _EPOCH).days, (last - _EPOCH).days + 1)
    if len(days) > _MAX_DAYS:
        raise validation_error("too_many_days", days=str(len(days)), most=str(_MAX_DAYS))
    return days


def day_name(day: int) -> str:
    """Return a day since 1970 as ISO 8601 writes it."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
