"""Damaged rows behind which none can be read: they cannot be passed, and are not tried each time.

They take seconds to try, and an export may come each minute.
"""

from dataclasses import dataclass, field
import logging
from time import monotonic

from ..source.source_table import IdRange

_LOGGER = logging.getLogger(__name__)

_AGAIN = 6 * 60 * 60.0
"""Seconds until they are tried again: what has caused it may pass."""


@dataclass(slots=True)
class DamagedEnds:
    """Rows of each table behind which none could be read, for as long as the process lives."""

    _ends: dict[str, tuple[IdRange, float]] = field(default_factory=dict)
    """With the time when they are tried again, by the clock `monotonic`."""

    def has(self, table: str, ids: IdRange) -> bool:
        """Return whether none of these rows could be read lately."""
        end, again_at = self._ends.get(table, (None, 0.0))
        return end == ids and monotonic() < again_at

    def add(self, table: str, ids: IdRange) -> None:
        """Remember rows; a line in the log says so if they were not known."""
        known, _ = self._ends.get(table, (None, 0.0))
        self._ends[table] = (ids, monotonic() + _AGAIN)
        if known != ids:
            _LOGGER.error(
                "The recorder's database is damaged: up to %d rows of %s after row %d cannot be"
                " read. They wait until one of them can be read, or a newer one",
                ids.until - ids.after,
                table,
                ids.after,
            )
