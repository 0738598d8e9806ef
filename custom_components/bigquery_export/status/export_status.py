"""The export as entities and diagnostics show it, and what begins one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..rows.export_log import Trigger
from .progress import Backfill


class Status(StrEnum):
    """What the export is doing."""

    IDLE = "idle"
    EXPORTING = "exporting"
    PAUSED = "paused"
    """Nothing begins by itself, because the user has paused the export."""
    RETRYING = "retrying"
    """It failed for a reason that may pass, and will be tried again by itself."""
    FAILED = "failed"


UNHURRIED = (Trigger.BACKFILL, Trigger.SCHEDULE)
"""Exports for which states of the export's own entities are no reason to send anything."""


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """The export as entities and diagnostics show it."""

    status: Status
    last_export: datetime | None
    next_export: datetime | None
    """When the next one is due by the schedule, if it is."""
    last_rows: int | None
    """Rows that the last export has sent."""
    last_seconds: float | None
    """How long it took."""
    rows_per_second: float | None
    """Of the export that is running, else of the last one."""
    rows_exported: int
    bytes_sent: int
    rejected: Mapping[str, int]
    """How many rows were rejected and not sent since, by the reason."""
    rows_waiting: int
    oldest_age: float | None
    """How old the oldest row that waits is, in seconds."""
    backfill: Backfill | None
    last_error: str | None
    """Why the last export failed, as a sentence, if it did."""
    last_error_kind: str | None
    """The same by a word that has nothing of the home in it."""
