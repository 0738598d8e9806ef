"""Export events, to which the event entity and the notifications listen."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.util import dt as dt_util
from homeassistant.util.signal_type import SignalType

from ..const import DOMAIN
from ..export.checkpoint import Gap
from ..export.session import Result
from ..rows.export_log import Trigger
from .health import ExportHealth

_MAX_TEXT = 1_000
"""The most characters of an attribute: enough for this integration's sentences, not Google's."""


class ExportEventType(StrEnum):
    """The types of events, as automations know them."""

    COMPLETED = "completed"
    FAILED = "failed"
    GAP_FOUND = "gap_found"
    """The recorder has deleted rows before they were exported."""
    ROWS_REJECTED = "rows_rejected"


@dataclass(frozen=True, slots=True)
class ExportEvent:
    """Something that has happened to an export."""

    type: ExportEventType
    attributes: Mapping[str, Any]
    """The attributes that automations can use, as JSON values."""


def completed(result: Result, trigger: Trigger) -> ExportEvent:
    """Return the event that an export has succeeded."""
    return ExportEvent(
        ExportEventType.COMPLETED,
        {
            "trigger": trigger.value,
            "rows": result.total,
            "rejected_rows": result.rejected,
            "bytes": result.bytes,
            "seconds": round(result.seconds, 1),
        },
    )


def failed(health: ExportHealth, trigger: Trigger) -> ExportEvent:
    """Return the event that an export has failed, as its health says."""
    return ExportEvent(
        ExportEventType.FAILED,
        {
            "trigger": trigger.value,
            "error": (health.last_error or "")[:_MAX_TEXT],
            "error_kind": health.last_error_kind,
            "failures": health.failures,
            "retrying": health.retrying,
        },
    )


def rows_rejected(
    before: Counter[str], after: Counter[str], left_out: int = 0
) -> ExportEvent | None:
    """Return the event that there are more rejected rows than before, by reason, if there are.

    `left_out` is how many more there are that are not kept, and whose reasons are not known.
    """
    rows = after.total() - before.total() + left_out
    if rows <= 0:
        return None
    ((reason, _),) = ((after - before) or after or Counter({"": 1})).most_common(1)
    return ExportEvent(ExportEventType.ROWS_REJECTED, {"rows": rows, "reason": reason[:_MAX_TEXT]})


def gap_found(gaps: Sequence[Gap]) -> ExportEvent:
    """Return the event that the recorder has deleted rows before they were exported."""
    return ExportEvent(
        ExportEventType.GAP_FOUND,
        {
            "rows": sum(gap.rows for gap in gaps),
            "tables": sorted({gap.table for gap in gaps}),
            "since": _iso(min(gap.since for gap in gaps)),
            "until": _iso(max(gap.until for gap in gaps)),
        },
    )


@callback
def async_send_export_event(
    hass: HomeAssistant, entry: ConfigEntry, export_event: ExportEvent
) -> None:
    """Send an event to all listeners of an export."""
    async_dispatcher_send(hass, _signal(entry), export_event)


@callback
def async_listen_export_events(
    hass: HomeAssistant, entry: ConfigEntry, target: Callable[[ExportEvent], None]
) -> CALLBACK_TYPE:
    """Listen to the events of an export; call what is returned to stop."""
    return async_dispatcher_connect(hass, _signal(entry), target)


def _signal(entry: ConfigEntry) -> SignalType[ExportEvent]:
    return SignalType(f"{DOMAIN}_{entry.entry_id}")


def _iso(time: float) -> str:
    return dt_util.utc_from_timestamp(time).isoformat(timespec="seconds")
