"""Rows to insert into the tables of the recorder."""

from typing import Any

from homeassistant.components.recorder.db_schema import (
    Events,
    EventTypes,
    RecorderRuns,
    States,
    Statistics,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from sqlalchemy import delete

from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.databases import in_database, insert_rows

ROWS = 3_000
"""So many that a database has a reason to use an index."""
TIME = 1_790_000_000.0
"""When the first row was written, in seconds since 1970."""
MODELS: dict[str, Any] = {
    "sensor_data": States,
    "statistics": Statistics,
    "statistics_short_term": StatisticsShortTerm,
    "events": Events,
    "recorder_runs": RecorderRuns,
}


def row(table: Table, number: int) -> dict[str, Any]:
    """Return a row of the recorder."""
    match table.name:
        case "sensor_data":
            return {"last_updated_ts": TIME + number}
        case "events":
            return {"time_fired_ts": TIME + number, "event_type_id": 1 + (number % 50 > 0)}
        case "recorder_runs":
            now = dt_util.utcnow()
            return {"start": now, "end": now, "closed_incorrect": False, "created": now}
    return {"start_ts": TIME + number * 300, "created_ts": TIME}


async def record_event_types(hass: HomeAssistant) -> None:
    """Empty the table of events, and make a type that is chosen and one that is not."""
    await in_database(hass, lambda db: db.execute(delete(Events)))
    await in_database(hass, lambda db: db.execute(delete(EventTypes)))
    types = enumerate(("script_started", "other"), start=1)
    rows = [{"event_type_id": id_, "event_type": name} for id_, name in types]
    await insert_rows(hass, EventTypes, rows)
