"""Statistics of BigQuery that are older than the recorder's, which could come back."""

from collections.abc import Mapping
from dataclasses import dataclass

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..bigquery.connection import Connection, Destination
from ..bigquery.listed_statistics import ListedStatistics
from ..source.readiness import async_read_recorder
from ..source.recorded_hours import RecordedHours

_DAY = 86_400.0
_LEAST = _DAY
"""Seconds; less is not worth a question."""


@dataclass(frozen=True, slots=True)
class Older:
    """An installation that has exported statistics from before the recorder begins."""

    source: str
    oldest: float
    """The oldest of them, in seconds since 1970."""
    newest: float
    """The month of the newest, likewise."""
    since: float
    """When the recorder begins, likewise."""


async def async_older(hass: HomeAssistant, listed: ListedStatistics) -> list[Older]:
    """Return the installations that have older statistics, the newest first. Raises ExportError."""
    now = dt_util.utcnow()
    oldest = await async_read_recorder(hass, RecordedHours(hass).oldest)
    since = now.timestamp() if oldest is None else oldest
    months = await hass.async_add_executor_job(listed.months, now.date())
    found: dict[str, Older] = {}
    for month, sources in months.items():
        for source, earliest in sources.items():
            first = found[source].oldest if source in found else earliest
            found[source] = Older(source, first, month * _DAY, since)
    older = [one for one in found.values() if one.oldest + _LEAST <= since]
    return sorted(older, key=lambda one: one.newest, reverse=True)


async def async_older_at(
    hass: HomeAssistant, key: Mapping[str, object], destination: Destination
) -> list[Older]:
    """Return the same for a destination that no export is set up for yet. Raises ExportError."""
    connection = await hass.async_add_executor_job(Connection.open, key, destination)
    try:
        return await async_older(hass, ListedStatistics(connection))
    finally:
        await hass.async_add_executor_job(connection.close)
