"""How many seconds exports have spent with what."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import monotonic


class Phase(StrEnum):
    """What an export does with rows."""

    READ = "read"
    """Reading the recorder's tables."""
    ENCODE = "encode"
    """Encoding the rows that were read."""
    SEND = "send"
    """Beginning transactions, and waiting until rows are appended to them."""
    COMMIT = "commit"
    """Committing transactions, with what is saved before and after."""


class PhaseTimes:
    """Adds up the seconds of each phase, in whichever thread it is.

    The phases of a job overlap: while rows are sent, the next are read.
    """

    def __init__(self) -> None:
        """Begin at 0."""
        self.seconds = dict.fromkeys(Phase, 0.0)

    @contextmanager
    def measure(self, phase: Phase) -> Iterator[None]:
        """Add the seconds that the block takes, also if it fails."""
        began = monotonic()
        try:
            yield
        finally:
            self.seconds[phase] += monotonic() - began
