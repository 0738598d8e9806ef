"""What an action asks the runner for: an export or a comparison."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: all that waits, or what waits for some tables.

    With `force`, look afterwards for rows of a span of time and of some entities that were
    exported before and that BigQuery lacks.
    """

    tables: frozenset[str] | None = None
    flush: bool = False
    force: bool = False
    start: datetime | None = None
    end: datetime | None = None
    entities: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """Which tables and days to compare, and how."""

    tables: frozenset[str] | None
    days: range
    """Since 1970, in UTC."""
    query: bool
    dry_run: bool
