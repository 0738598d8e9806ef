"""The retention guard: exports before the recorder deletes what was not exported."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..export.checkpoint import Checkpoint
from ..export.purge import Retention, RowsAtRisk, is_purged, next_purge, oldest_waiting
from ..export.table_export import async_read_recorder

_LAST_CHANCE = timedelta(hours=1)
"""Before a purge: whoever has put something right in the meantime need not know the hour."""


class PurgeGuard:
    """Knows which rows are in danger, and when to export because of them."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin to watch; nothing is known to be in danger."""
        self._hass = hass
        self.at_risk: RowsAtRisk | None = None
        self.oldest: float | None = None
        """The time of about the oldest row that waits, in seconds since 1970."""
        self._tried: tuple[datetime, bool] | None = None

    async def async_look(self, checkpoint: Checkpoint, waiting: Mapping[str, int]) -> None:
        """Find out which of the rows that wait, counted by table, are in danger.

        Raises ExportError when the recorder cannot be read.
        """
        retention = Retention.of(self._hass)
        at_risk = None
        times = []
        for table, rows in waiting.items():
            if not (rows and is_purged(table)):
                continue
            cursor = checkpoint.table_position(table).oldest.cursor
            oldest = await async_read_recorder(
                self._hass, oldest_waiting, self._hass, table, cursor
            )
            if oldest is None:
                continue
            times.append(oldest)
            if purge := retention.purge_of(oldest, dt_util.utcnow()):
                at_risk = RowsAtRisk(rows, oldest, purge).and_(at_risk)
        self.at_risk = at_risk
        self.oldest = min(times, default=None)

    @callback
    def async_take_chance(self) -> bool:
        """Return whether to export now because of rows in danger, and take it as done.

        There is one chance when they come into danger or a purge has passed, and another within
        the hour before a purge. What fails in between is tried again as any export is.
        """
        if self.at_risk is None:
            return False
        now = dt_util.utcnow()
        purge = next_purge(now)
        chance = (purge, dt_util.as_utc(purge) - now <= _LAST_CHANCE)
        if self._tried == chance:
            return False
        self._tried = chance
        return True
