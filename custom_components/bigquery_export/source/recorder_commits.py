"""What tells that the recorder has committed.

Home Assistant has no event for it, but SQLAlchemy has: one before a transaction is committed, and
one when its connection goes back to the pool, which is when it has been (its page "Core Events").
"""

from collections.abc import Callable
from threading import local

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import Engine, event


class RecorderCommits:
    """Calls a function on the event loop after each commit to the recorder's database."""

    def __init__(self, hass: HomeAssistant, committed: Callable[[], None]) -> None:
        """Prepare; nothing is called before `listen`."""
        self._hass = hass
        self._committed = committed
        self._engine: Engine | None = None
        self._thread = local()

    def listen(self) -> None:
        """Begin. Without a recorder, and after it has begun another database, nothing is called."""
        self._engine = get_instance(self._hass).engine
        if self._engine is not None:
            event.listen(self._engine, "commit", self._on_commit)
            event.listen(self._engine, "checkin", self._on_checkin)

    def close(self) -> None:
        """Stop; what was committed before may still be told."""
        if self._engine is not None:
            event.remove(self._engine, "commit", self._on_commit)
            event.remove(self._engine, "checkin", self._on_checkin)
            self._engine = None

    def _on_commit(self, *_: object) -> None:
        self._thread.commits = True

    def _on_checkin(self, *_: object) -> None:
        if getattr(self._thread, "commits", False):
            self._thread.commits = False
            self._hass.loop.call_soon_threadsafe(self._committed)
