"""Connections to the recorder's database for one short read.

A session of SQLAlchemy's is for objects that are mapped to rows. To open and close one takes 115 µs
where the processor has had other work in between, and a connection 40: of what a piece of states
takes to be read, that is the twelfth part.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import Connection, Engine

_current = local()
"""`connection` is the one that this thread reads with."""


@contextmanager
def connected(hass: HomeAssistant) -> Iterator[Connection]:
    """Connect, and end the transaction afterwards. Raises RuntimeError without a recorder.

    What is read inside by other functions is read in the same transaction. It must be short, as it
    would hold up the recorder's checkpoints, and belongs on the recorder's executor.
    """
    if (connection := getattr(_current, "connection", None)) is not None:
        yield connection
        return
    if (engine := get_instance(hass).engine) is None:
        raise RuntimeError("the recorder has shut down")
    with engine.connect() as connection:
        _current.connection = connection
        try:
            yield connection
        finally:
            _current.connection = None


class RecorderDatabase:
    """The database that the recorder had when this was first used, for one run.

    Where SQLite finds it damaged, the recorder renames it and begins an empty one while all goes
    on. There an id stands for another entity than the one that was read before.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare to connect; which database it is the first connection decides."""
        self._hass = hass
        self._engine: Engine | None = None

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Connect as `connected` does, also raising RuntimeError when it is another database."""
        with connected(self._hass) as connection:
            if self._engine is None:
                self._engine = connection.engine
            elif connection.engine is not self._engine:
                raise RuntimeError("the recorder has begun another database")
            yield connection
