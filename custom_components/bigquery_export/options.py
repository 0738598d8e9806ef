"""The options of a config entry, with what holds where a user has chosen nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from homeassistant.util import dt as dt_util

from .const import (
    CONF_BATCH_ROWS,
    CONF_DELIVERY,
    CONF_EVENTS,
    CONF_EXPORT_TIME,
    CONF_TABLES,
    DEFAULT_BATCH_ROWS,
    DEFAULT_DELIVERY,
    DEFAULT_EXPORT_TIME,
    DEFAULT_TABLES,
)
from .export.sources import SOURCE_TYPES, SourceType
from .rows.events import DEFAULT_EVENTS, EventChoice
from .rows.export_log import EXPORT_LOG
from .rows.tables import Table


@dataclass(frozen=True, slots=True)
class Options:
    """What a user has chosen."""

    delivery: str
    batch_rows: int
    export_time: time
    sources: tuple[SourceType, ...]
    events: EventChoice

    @property
    def tables(self) -> list[Table]:
        """Return all tables that have to be in BigQuery."""
        return [*(source.table for source in self.sources), EXPORT_LOG]


def options_from(options: Mapping[str, Any]) -> Options:
    """Return the options of a config entry."""
    tables = options.get(CONF_TABLES, DEFAULT_TABLES)
    return Options(
        delivery=options.get(CONF_DELIVERY, DEFAULT_DELIVERY),
        batch_rows=int(options.get(CONF_BATCH_ROWS, DEFAULT_BATCH_ROWS)),
        export_time=dt_util.parse_time(options.get(CONF_EXPORT_TIME, "")) or DEFAULT_EXPORT_TIME,
        sources=tuple(source for name, source in SOURCE_TYPES.items() if name in tables),
        events=EventChoice(frozenset(options.get(CONF_EVENTS, DEFAULT_EVENTS))),
    )
