"""What happens to an export, said once: the event entity and the notifications listen."""

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
from ..export.purge import Loss
from ..export.session import Result
from .export_status import Trigger
from .health import ExportHealth

_MAX_TEXT = 1_000
"""Characters of a text in an attribute: any sentence of ours, but not all that Google may say."""


class HappeningType(StrEnum):
    """What can happen, as automations know it."""

    COMPLETED = "completed"
    FAILED = "failed"
    GAP_FOUND = "gap_found"
    """The recorder has deleted rows before they were exported."""
    ROWS_REJECTED = "rows_rejected"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that has happened to an export."""

    type: HappeningType
    attributes: Mapping[str, Any]
    """What automations can know of it, in JSON."""


def completed(result: Result, trigger: Trigger) -> Happening:
    """Return that an export has ended well."""
    return Happening(
        HappeningType.COMPLETED,
        {
            "trigger": trigger.value,
            "rows": result.total,
            "rejected_rows": result.rejected,
            "bytes": result.bytes,
            "seconds": round(result.seconds, 1),
        },
    )


def failed(health: ExportHealth, trigger: Trigger) -> Happening:
    """Return that an export has failed, as its health says."""
    return Happening(
        HappeningType.FAILED,
        {
            "trigger": trigger.value,
            "error": (health.last_error or "")[:_MAX_TEXT],
            "error_kind": health.last_error_kind,
            "failures": health.failures,
            "retrying": health.retrying,
        },
    )


def rows_rejected(before: Counter[str], after: Counter[str]) -> Happening | None:
    """Return that there are more rejected rows, counted by reason, than before, if there are."""
    new = after - before
    if after.total() <= before.total():
        return None
    ((reason, _),) = new.most_common(1)
    return Happening(
        HappeningType.ROWS_REJECTED,
        {"rows": after.total() - before.total(), "reason": reason[:_MAX_TEXT]},
    )


def gap_found(losses: Sequence[Loss]) -> Happening:
    """Return that rows are gone that were not exported."""
    return Happening(
        HappeningType.GAP_FOUND,
        {
            "rows": sum(loss.rows for loss in losses),
            "tables": sorted({loss.table for loss in losses}),
            "since": _iso(min(loss.since for loss in losses)),
            "until": _iso(max(loss.until for loss in losses)),
        },
    )


@callback
def async_tell(hass: HomeAssistant, entry: ConfigEntry, happening: Happening) -> None:
    """Tell all that listen to an export what has happened to it."""
    async_dispatcher_send(hass, _signal(entry), happening)


@callback
def async_listen(
    hass: HomeAssistant, entry: ConfigEntry, target: Callable[[Happening], None]
) -> CALLBACK_TYPE:
    """Hear what happens to an export, until what is returned is called."""
    return async_dispatcher_connect(hass, _signal(entry), target)


def _signal(entry: ConfigEntry) -> SignalType[Happening]:
    return SignalType(f"{DOMAIN}_{entry.entry_id}")


def _iso(time: float) -> str:
    return dt_util.utc_from_timestamp(time).isoformat(timespec="seconds")
