"""Rows to insert into the recorder's tables of statistics."""

from typing import Any

from homeassistant.components.recorder.db_schema import Statistics, StatisticsShortTerm

HOUR = 3_600.0
START = 1_790_000_000.0 // HOUR * HOUR
MODELS: dict[str, Any] = {"statistics": Statistics, "statistics_short_term": StatisticsShortTerm}


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a row of statistics as it is inserted."""
    values = {
        "metadata_id": 1,
        "start_ts": START + number * HOUR,
        "created_ts": START + (number + 1) * HOUR + 10.123456,
        "mean": None,
        "mean_weight": None,
        "min": None,
        "max": None,
        "last_reset_ts": None,
        "state": None,
        "sum": None,
    }
    return values | changes
