"""The server's clock, which a test can move forward.

It times what is kept of tables, streams and rows, and the Date header of answers. Access tokens,
jobs and quotas go by real time.
"""

from email.utils import formatdate
import time

from .errors import invalid
from .store import Store


class Clock:
    """The real time and what it was moved forward, also before a restart."""

    def __init__(self, store: Store) -> None:
        """Read how far it was moved before."""
        self._store = store
        self._offset = float(dict(store.all("clock")).get("offset", {"seconds": 0})["seconds"])

    def move(self, seconds: float) -> None:
        """Move forward; raises ApiError for what is no number of seconds to come."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise invalid(f"The clock cannot be moved by {seconds!r} seconds.")
        self._offset += seconds
        self._store.put("clock", {"offset": {"seconds": self._offset}})

    def microseconds(self) -> int:
        """Return the time in microseconds since 1970."""
        return time.time_ns() // 1000 + round(self._offset * 1_000_000)

    def milliseconds(self) -> int:
        """Return the time in milliseconds since 1970."""
        return self.microseconds() // 1000

    def http_date(self) -> str:
        """Return the time as the Date header has it (RFC 9110, section 5.6.7)."""
        return formatdate(self.microseconds() / 1_000_000, usegmt=True)
