"""Diagnostics of BigQuery Export for a bug report, without personal data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
import re
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import (
    DATA_INSTANCE,
    async_migration_in_progress,
    get_instance,
)

from .bigquery.connection import API_ENDPOINT, STORAGE_ENDPOINT
from .const import (
    CONF_API_ENDPOINT,
    CONF_COLUMNS,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_EXPORT_TIME,
    CONF_FREQUENCY,
    CONF_KEY_SINCE,
    CONF_LOCATION,
    CONF_MINUTES,
    CONF_NOTIFICATIONS,
    CONF_PARTITION_FILTER,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLES,
    CONF_WEEKDAYS,
    DOMAIN,
)
from .coordinator import BigQueryExportCoordinator
from .export.checkpoint import Checkpoint
from .export.positions import Position
from .runner.storage import checkpoint_file
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .source.readiness import KNOWN_SCHEMA

_LIBRARIES = ("google-auth", "google-cloud-bigquery", "google-cloud-bigquery-storage", "grpcio")
_SHOWN = {
    *(CONF_COLUMNS, CONF_COORDINATES, CONF_DELIVERY, CONF_EXPORT_TIME, CONF_FREQUENCY),
    *(CONF_KEY_SINCE, CONF_LOCATION, CONF_MINUTES, CONF_NOTIFICATIONS),
    *(CONF_PARTITION_FILTER, CONF_TABLES, CONF_WEEKDAYS),
}
"""Settings with values that are not personal: from a fixed list, a time, or a Google location."""
_PLAIN_WORDS = re.compile(r"[A-Za-z ,()]*")


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: BigQueryExportConfigEntry
) -> dict[str, Any]:
    """Return what helps to find an error, without secrets, addresses or names of the home.

    What only a loaded export knows is left out while the entry is not loaded.
    """
    found = {
        "entry": {"state": entry.state.value, "error": entry.error_reason_translation_key},
        "libraries": await hass.async_add_executor_job(_libraries),
        "data": _without_names(entry.data),
        "own_endpoints": {
            "api": entry.data.get(CONF_API_ENDPOINT, API_ENDPOINT) != API_ENDPOINT,
            "storage": entry.data.get(CONF_STORAGE_ENDPOINT, STORAGE_ENDPOINT) != STORAGE_ENDPOINT,
        },
        "options": _without_names(entry.options),
        "subentries": Counter(one.subentry_type for one in entry.subentries.values()),
        "recorder": _recorder(hass),
        "issues": _issues(hass, entry),
    }
    if entry.state is ConfigEntryState.LOADED:
        coordinator, runner = entry.runtime_data.coordinator, entry.runtime_data.runner
        return {
            **found,
            "status": _status(coordinator),
            "health": {
                "retrying": runner.health.retrying,
                "failures": runner.health.failures,
                "tables_in_doubt": runner.health.tables_in_doubt,
                "recorder_readable": coordinator.last_update_success,
                "load_jobs_used": runner.load_jobs_used,
            },
            "copies": [
                {
                    "status": copy.status.status,
                    "error": copy.last_error_kind,
                    "checkpoint": _checkpoint(copy.checkpoint),
                }
                for copy in runner.copies.all
            ],
            "checkpoint": _checkpoint(runner.checkpoint),
        }
    saved = await hass.async_add_executor_job(checkpoint_file(hass, entry).read)
    return {**found, "checkpoint": saved and _checkpoint(saved)}


def _libraries() -> dict[str, str]:
    """Return the versions of Google's libraries; this blocks."""
    return {name: version(name) for name in _LIBRARIES}


def _without_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which the user's own values are counted or redacted."""
    return {name: _without_name(name, value) for name, value in settings.items()}


def _without_name(name: str, value: object) -> object:
    match value:
        case bool() | int() | float() | None:
            return value
        case Mapping() if name.endswith("_key"):
            return REDACTED
        case Mapping():
            return _without_names(value)
        case _ if name in _SHOWN:
            return value
        case list() | tuple():
            return {"count": len(value)}
        case _:
            return REDACTED


def _recorder(hass: HomeAssistant) -> dict[str, Any] | None:
    """Return what the recorder is; None if Home Assistant has none, or has not set it up."""
    if DATA_INSTANCE not in hass.data:
        return None
    recorder = get_instance(hass)
    return {
        "database": recorder.dialect_name,
        "schema": recorder.schema_version,
        "known_schema": KNOWN_SCHEMA,
        "migrating": async_migration_in_progress(hass),
        "keep_days": recorder.keep_days,
        "auto_purge": recorder.auto_purge,
        "commit_interval": recorder.commit_interval,
    }


def _status(coordinator: BigQueryExportCoordinator) -> dict[str, Any]:
    """Return the status, with kinds of errors only: their sentences have names and addresses."""
    status = asdict(coordinator.data)
    del status["last_error"]
    reasons: Counter[str] = Counter()
    for reason, rows in coordinator.data.rejected.items():
        reasons[_impersonal(reason)] += rows
    return {**status, "rejected": dict(reasons)}


def _impersonal(reason: str) -> str:
    """Return the beginning of a reason, before anything that may be a name or a value."""
    words = _PLAIN_WORDS.match(reason)
    return (words.group() if words else "").strip() or REDACTED


def _issues(hass: HomeAssistant, entry: ConfigEntry) -> list[str]:
    """Return the kinds of an export's repair issues."""
    return sorted(
        issue.translation_key or ""
        for issue in ir.async_get(hass).issues.values()
        if issue.active and issue.domain == DOMAIN and issue.issue_id.endswith(entry.entry_id)
    )


def _checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    intent = checkpoint.intent
    return {
        "positions": {name: _position(one) for name, one in checkpoint.positions.items()},
        "in_doubt": intent and {"table": intent.position_key, "delivery": intent.delivery},
        "last_export": checkpoint.last_export,
    }


def _position(position: Position) -> dict[str, Any]:
    """Return a position without its anchors, which have values of rows."""
    return {**asdict(position), "anchors": len(position.anchors)}
