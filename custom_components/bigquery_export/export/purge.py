"""What the recorder deletes, and when: rows at risk, and gaps.

Every night at 04:12 local time the recorder deletes what is older than `purge_keep_days`, unless
`auto_purge` is off (`Recorder.async_nightly_tasks` and `recorder/purge.py` in Home Assistant).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..source.reader import TableReader
from .checkpoint import Gap
from .positions import Position
from .recorder_tables import RECORDER_TABLES

_SOON = timedelta(hours=1)


def is_purged(table: str) -> bool:
    """Return whether the recorder deletes the old rows of a table."""
    return table in RECORDER_TABLES and RECORDER_TABLES[table].source.purged_by is not None


def oldest_waiting(hass: HomeAssistant, table: str, cursor: int) -> float | None:
    """Return the time of about the oldest row behind a cursor, in seconds since 1970. Blocks.

    `TableReader.oldest_time` may be wrong by minutes; rows count as at risk a day before a purge.
    """
    reader = TableReader[tuple[object, ...]](hass, RECORDER_TABLES[table].source)
    return reader.oldest_time(cursor)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the recorder keeps rows."""

    days: int
    purges: bool = True
    """Whether it deletes older ones by itself."""

    @classmethod
    def of(cls, hass: HomeAssistant) -> Retention:
        """Return how long the recorder of this Home Assistant keeps rows."""
        recorder = get_instance(hass)
        return cls(recorder.keep_days, recorder.auto_purge)

    def cutoff(self, purge: datetime) -> float:
        """Return the time of the oldest rows that a purge keeps, in seconds since 1970."""
        return purge.timestamp() - self.days * 86_400 if self.purges else float("-inf")

    def purge_of(self, time: float, now: datetime) -> datetime | None:
        """Return the time of the purge that deletes a row, if it is one of the next two."""
        purge = now
        for _ in range(2):
            purge = next_purge(purge)
            if time < self.cutoff(purge):
                return purge
        return None


def is_purged_within(
    hass: HomeAssistant, table: str, cursor: int, retention: Retention, seconds: float
) -> bool:
    """Return whether a row behind a cursor is deleted within so many seconds, or an hour later.

    This blocks; `retention` is had on the event loop.
    """
    if not is_purged(table) or (oldest := oldest_waiting(hass, table, cursor)) is None:
        return False
    now = dt_util.now()
    purge = retention.purge_of(oldest, now)
    return purge is not None and purge < now + timedelta(seconds=seconds) + _SOON


def next_purge(after: datetime) -> datetime:
    """Return the time of the next purge."""
    soon = dt_util.as_local(after) + timedelta(seconds=1)
    return dt_util.find_next_time_expression_time(soon, seconds=[0], minutes=[12], hours=[4])


@dataclass(frozen=True, slots=True)
class RowsAtRisk:
    """Rows that wait, some of which the recorder deletes at one of the next two purges."""

    rows: int
    oldest: float
    """The time of the oldest one, in seconds since 1970."""
    purge: datetime

    def and_(self, other: RowsAtRisk | None) -> RowsAtRisk:
        """Return these rows at risk together with those of other tables."""
        if other is None:
            return self
        return RowsAtRisk(
            self.rows + other.rows,
            min(self.oldest, other.oldest),
            min(self.purge, other.purge),
        )


def find_gap(
    table: str,
    before: Position,
    after: Position,
    *,
    oldest: float | None,
    last_export: float | None,
    retention: Retention,
) -> Gap | None:
    """Return the rows deleted before a run that resumes later than its cursor, if there are any.

    `oldest` is the time of the oldest row that is left, None if that row is of now.

    Missing rows at the cursor and after it are not enough to tell. The row at the cursor of a
    quiet table is purged in the course of time, and a database that comes back has other rows.
    """
    rows = after.cursor - before.cursor
    if not before.cursor or rows <= 0:
        return None
    now = dt_util.utcnow()
    until = now.timestamp() if oldest is None else oldest
    anchor = before.last_anchor
    last_row = RECORDER_TABLES[table].source.time_of(anchor) if anchor else None
    # A time to come is from a clock that was wrong.
    known = [
        time for time in (last_row, last_export) if time is not None and time <= now.timestamp()
    ]
    since = max(known, default=until)
    if known and until <= since:
        return None  # These rows are older: another database.
    cutoff = retention.cutoff(now)
    if last_row is not None and last_row < cutoff <= since:
        return None  # The last row was just old; all later ones are exported, and still there.
    return Gap(table, rows, since, until)
