"""What a check is: one answer of BigQuery, and what in this project depends on it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .site import Site


class Part(StrEnum):
    """What a check cannot do without; whether it is there, a check of its own finds out."""

    DATASET = "the dataset"
    TABLES = "the tables"
    STORAGE_WRITE = "the Storage Write API"
    JOBS = "the right to run jobs"
    ROWS = "a row in the table"


class DiffersError(Exception):
    """BigQuery answers otherwise than the local BigQuery; the text is what was seen."""

    def __init__(self, seen: str, *, opens: bool = False) -> None:
        """Say what was seen; with `opens`, what the check opens is there all the same."""
        super().__init__(seen)
        self.opens = opens


@dataclass(frozen=True, slots=True)
class Check:
    """One question to BigQuery."""

    name: str
    see: Callable[[Site], str]
    """Asks, and returns what was seen; raises DiffersError or whatever BigQuery makes of it."""
    expected: str
    """What the local BigQuery answers."""
    rule: str
    """What in this project depends on it."""
    needs: tuple[Part, ...] = (Part.TABLES,)
    opens: Part | None = None
    """The part that is not there unless this check says so."""


def same(seen: Any, expected: Any, text: str = "") -> str:
    """Return a text for what was seen; raises DiffersError when it is not what was expected."""
    if seen != expected:
        raise DiffersError(f"{seen!r} instead of {expected!r}" + (f" ({text})" if text else ""))
    return text or str(seen)
