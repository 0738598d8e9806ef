"""The purge guard: when to export because the recorder is about to delete waiting rows."""

from datetime import datetime, timedelta

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..export.purge import RowsAtRisk, next_purge

_LAST_CHANCE = timedelta(hours=1)
"""The time before a purge with another attempt, in case the cause of failures is fixed by then."""


class PurgeGuard:
    """Decides when rows at risk are a reason to export."""

    def __init__(self) -> None:
        """Begin without an earlier export."""
        self._tried: tuple[datetime, bool] | None = None

    @callback
    def async_take_chance(self, at_risk: RowsAtRisk | None) -> bool:
        """Return whether to export now because of rows at risk; if so, the chance is used.

        There is one chance when rows become at risk or a purge has passed, and another within the
        hour before a purge. What fails in between is retried as any export is.
        """
        if at_risk is None:
            return False
        now = dt_util.utcnow()
        purge = next_purge(now)
        chance = (purge, dt_util.as_utc(purge) - now <= _LAST_CHANCE)
        if self._tried == chance:
            return False
        self._tried = chance
        return True
