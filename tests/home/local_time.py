"""What the columns of local time must hold, worked out anew for each row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import elevation

from .comparison import EPOCH, Values

QUARTER = timedelta(minutes=15)
SUNRISE = -0.833
"""Degrees of the sun's centre above the horizon."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a home in the north is."""

    time_zone: str
    latitude: float
    longitude: float
    elevation: int


def local_values(micros: int, place: Place) -> Values:
    """Return the columns of local time at a time in microseconds since 1970."""
    time = EPOCH + timedelta(microseconds=micros)
    local = time.astimezone(ZoneInfo(place.time_zone))
    return {
        "local_time": local.replace(tzinfo=None),
        "hour_of_day": local.hour,
        "day_of_week": local.isoweekday(),
        "month": local.month,
        "is_weekend": local.isoweekday() in (6, 7),
        "is_daylight": _is_daylight(time - (time - EPOCH) % QUARTER, place),
        "time_of_day": _TIMES_OF_DAY[local.hour],
        "season": _SEASONS[local.month],
    }


_TIMES_OF_DAY = (
    *("night",) * 6,
    *("morning",) * 6,
    *("afternoon",) * 6,
    *("evening",) * 4,
    *("night",) * 2,
)
_SEASONS = {
    month: season
    for season, months in {
        "winter": (12, 1, 2),
        "spring": (3, 4, 5),
        "summer": (6, 7, 8),
        "autumn": (9, 10, 11),
    }.items()
    for month in months
}


@lru_cache(maxsize=10_000)
def _is_daylight(quarter: datetime, place: Place) -> bool:
    observer = Observer(place.latitude, place.longitude, place.elevation)
    return elevation(observer, quarter, with_refraction=False) > SUNRISE
