"""The age of a key: how long the export has used it, as Google's key files have no date."""

from datetime import datetime, timedelta

from homeassistant.config_entries import ConfigEntry
from homeassistant.util import dt as dt_util

from ..const import CONF_KEY_SINCE


def key_since(entry: ConfigEntry) -> datetime | None:
    """Return when an export got its key, if it is known."""
    since = dt_util.parse_datetime(str(entry.data.get(CONF_KEY_SINCE, "")))
    return dt_util.as_utc(since) if since else None


def key_age(entry: ConfigEntry) -> timedelta | None:
    """Return how long an export has had its key, if it is known.

    It is 0 where the clock was ahead when the export got the key.
    """
    since = key_since(entry)
    return max(timedelta(), dt_util.utcnow() - since) if since else None


def key_days(entry: ConfigEntry) -> int | None:
    """Return for how many days an export has had its key, counted by local midnights, if known."""
    since = key_since(entry)
    return max(0, (dt_util.now().date() - dt_util.as_local(since).date()).days) if since else None


def is_old(age: timedelta | None, days: int) -> bool:
    """Return whether a key is older than its maximum age in days; 0 = no maximum."""
    return age is not None and days > 0 and age > timedelta(days=days)
