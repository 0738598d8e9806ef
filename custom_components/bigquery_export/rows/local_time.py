"""Local time: the home's place, and the columns that all rows of a quarter of an hour share.

Every UTC offset in use is a multiple of a quarter of an hour, and clocks are changed at the
beginning of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from astral import Observer
from homeassistant.components.recorder.models import process_timestamp

from ..source.source_table import END_SECOND, FIRST_SECOND
from .columns import quarter_values
from .encoding import Encoding
from .table import timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
DAY = 24 * 60 * 60 * SECOND
"""A day in microseconds."""
QUARTER = 15 * 60 * SECOND
"""A quarter of an hour in microseconds."""
MAX_QUARTERS = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """The home's location and time zone, on which local time and daylight depend."""

    zone: tzinfo
    observer: Observer


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter of an hour: its fragment, and the offset of the home's clock from UTC."""

    fragment: bytes
    offset: int
    """In microseconds: a UTC time of this quarter + offset = its local DATETIME."""


class Quarters(dict[int, Quarter]):
    """Quarters of an hour by their number since 1970, computed when needed, and cached."""

    def __init__(self, encoding: Encoding, place: Place, limit: int = MAX_QUARTERS) -> None:
        """Begin with an empty cache of at most `limit` quarters."""
        super().__init__()
        self._encoding = encoding
        self._place = place
        self._limit = limit

    def __missing__(self, number: int) -> Quarter:
        """Compute a quarter that is not in the cache."""
        if len(self) >= self._limit:
            self.clear()
        start = _EPOCH + timedelta(microseconds=number * QUARTER)
        local = start.astimezone(self._place.zone)
        quarter = Quarter(
            self._encoding.fragment(quarter_values(local, self._place.observer)),
            timestamp(local.replace(tzinfo=UTC)) - number * QUARTER,
        )
        self[number] = quarter
        return quarter


def microseconds(seconds: float) -> int:
    """Return a time of the recorder, in seconds since 1970, as a TIMESTAMP column takes it.

    Raises ValueError when BigQuery has no such time.
    """
    if not FIRST_SECOND <= seconds < END_SECOND:
        raise ValueError(f"its time, {seconds} seconds since 1970, is not in the years 1 to 9999")
    # Rounds as `datetime.fromtimestamp` does, so as Home Assistant shows it. To multiply the whole
    # number would round twice: in one case of eight to the wrong microsecond.
    whole = int(seconds)
    return whole * SECOND + round((seconds - whole) * SECOND)


def all_microseconds(times: Sequence[float]) -> list[int]:
    """Return many times as a TIMESTAMP column takes them; raises ValueError as `microseconds`."""
    for extreme in (min(times), max(times)):
        microseconds(extreme)
    return [
        (whole := int(seconds)) * SECOND + round((seconds - whole) * SECOND) for seconds in times
    ]


def microseconds_or_none(seconds: float | None) -> int | None:
    """Return a time, or None, as a TIMESTAMP column takes it."""
    return None if seconds is None else microseconds(seconds)


def timestamp_or_none(time: datetime | None) -> int | None:
    """Return a datetime, in UTC if it has no zone, as a TIMESTAMP column takes it."""
    return None if time is None else timestamp(process_timestamp(time))
