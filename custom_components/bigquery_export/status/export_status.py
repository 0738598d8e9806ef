"""The status of an export as entities and diagnostics show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..export.phase_times import Phase
from .error_kinds import ErrorKind
from .progress import Backfill


class Status(StrEnum):
    """What the export is doing."""

    IDLE = "idle"
    EXPORTING = "exporting"
    RESTORING = "restoring"
    """Statistics come back from BigQuery."""
    PAUSED = "paused"
    """Nothing begins by itself, because the user has paused the export."""
    RETRYING = "retrying"
    """The last export failed for a transient reason, and will be retried."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """The status of an export as entities and diagnostics show it."""

    status: Status
    last_export: datetime | None
    next_export: datetime | None
    """When the schedule has the next export, if it has one."""
    last_rows: int | None
    """Rows that the last export has sent."""
    last_seconds: float | None
    """How long the last export took."""
    rows_per_second: float | None
    """The speed of the running export, else of the last one."""
    rows_exported: int
    bytes_sent: int
    rejected: Mapping[str, int]
    """How many rows were rejected and not sent since, by the reason."""
    left_out: int
    """How many further ones are not kept, because their file is full."""
    rows_waiting: int
    oldest_age: float | None
    """The age of the oldest waiting row, in seconds."""
    delay: float | None
    """Seconds from the time of the newest row that was sent live to its acknowledgement."""
    backfill: Backfill | None
    restored: float
    """How much of a restore is done, in percent: 100 where none is wanted."""
    queries_billed: int
    """Bytes that the queries of this month were billed for, or may have been."""
    errors: Mapping[ErrorKind, int]
    """How many exports have failed since the entry was loaded, by the kind of the error."""
    phase_seconds: Mapping[Phase, float]
    """How many seconds exports have spent with what since then."""
    last_error: str | None
    """Why the last export failed, as a sentence, if it did."""
    last_error_kind: str | None
    """The kind of the last error, without personal data."""
