"""Requests to the runner: for an export, or for a comparison."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: all waiting rows, or those of some tables.

    With `force`, rows that were exported before and that BigQuery lacks are sent again: those from
    `start` on and before `end`, of some entities.
    """

    tables: frozenset[str] | None = None
    flush: bool = False
    force: bool = False
    start: datetime | None = None
    end: datetime | None = None
    entities: frozenset[str] | None = None


EVERYTHING = ExportRequest()


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """Which tables and days to compare, and how."""

    tables: frozenset[str] | None
    days: range
    """Since 1970, in UTC."""
    query: bool
    dry_run: bool
