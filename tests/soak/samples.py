"""What was measured: in Home Assistant a line for each second, beside it rows and exports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import json
import math
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """A second of Home Assistant's."""

    at: float
    """When it ended, by the monotonic clock that all processes share."""
    changes: int
    """State changes that were made until then."""
    backlog: int
    """Events that the recorder had not looked at yet."""
    rss_bytes: int
    """The memory that the process had in use."""
    lags_ms: Sequence[float]
    """How late the event loop was, for each call of that second."""
    gc_ms: float
    """The longest time that Python's garbage collector stopped everything."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The rows that had not been exported at some time."""

    at: float
    rows: int


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is over."""

    at: float
    """When it began."""
    rows: int
    seconds: float
    failure: str | None = None
    """Why it did not end well."""


def read_samples(path: Path) -> list[Sample]:
    """Return the seconds that were written so far; a line that is not whole yet is left out."""
    if not path.exists():
        return []
    *lines, _ = path.read_text().split("\n")
    return [Sample(**json.loads(line)) for line in lines]


def beside(samples: Iterable[Sample], exports: Sequence[Export]) -> tuple[list[Sample], ...]:
    """Divide seconds into those in which something was exported, and the others."""
    during: list[Sample] = []
    between: list[Sample] = []
    for sample in samples:
        exporting = any(
            export.at < sample.at and sample.at - 1 < export.at + export.seconds
            for export in exports
        )
        (during if exporting else between).append(sample)
    return during, between


def lags(samples: Iterable[Sample]) -> list[float]:
    """Return the milliseconds that the event loop was late, of all calls."""
    return [lag for sample in samples for lag in sample.lags_ms]


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed; NaN if there is none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def between[T: (Sample, Waiting, Export)](items: Iterable[T], begin: float, end: float) -> list[T]:
    """Return what is of that time; its end belongs to it, its beginning does not."""
    return [item for item in items if begin < item.at <= end]
