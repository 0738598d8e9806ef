"""The export as entities and diagnostics show it, and what begins one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .progress import Backfill


class Status(StrEnum):
    """What the export is doing."""

    IDLE = "idle"
    EXPORTING = "exporting"
    PAUSED = "paused"
    """It begins nothing by itself, because somebody wants it so."""
    RETRYING = "retrying"
    """It failed for a reason that may pass, and will be tried again by itself."""
    FAILED = "failed"


class Trigger(StrEnum):
    """What begins an export, as the export log says it."""

    ACTION = "action"
    BACKFILL = "backfill"
    """A backfill that was paused, or interrupted by a restart, goes on."""
    RETENTION = "retention"
    """The recorder is about to delete rows."""
    SCHEDULE = "schedule"


UNHURRIED = (Trigger.BACKFILL, Trigger.SCHEDULE)
"""Exports for which states of the export's own entities are no reason to send anything."""


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """The export as entities and diagnostics show it."""

    status: Status
    last_export: datetime | None
    rows_exported: int
    rejected: Mapping[str, int]
    """How many rows were rejected and not sent since, by the reason."""
    rows_waiting: int
    backfill: Backfill | None
    last_error: str | None
