"""What a Home Assistant has measured of itself, read from the files that it wrote."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from tests.home.measurements import COLLECTIONS, EXPORTS, LAGS, SAMPLES

from .spread import percentile

LONG_COLLECTION = 50.0
"""Milliseconds."""


class Sample(NamedTuple):
    """One line of the samples; its fields are `measurements.COLUMNS`."""

    time: float
    rss: int
    cpu: float
    loop_cpu: float
    replaced: int


class Period(NamedTuple):
    """From when to when, in seconds since 1970."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Lag:
    """How late the event loop was for ticks of a millisecond, in milliseconds."""

    ticks: int
    p50: float
    p99: float
    longest: float
    collector: float
    """The longest time that Python's garbage collector held up everything."""
    collections: int
    """How often it did for longer than LONG_COLLECTION."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in a period."""

    cpu: float
    """Seconds of the processor, over all threads."""
    loop_cpu: float
    """Those of the event loop's thread."""
    replaced: int = 0
    seconds: float = field(default=0.0, compare=False)
    """How long that was."""

    def beside(self, idle: Use) -> Use:
        """Return what was used beside what an idle home uses in the same time."""
        share = self.seconds / idle.seconds
        return replace(
            self,
            cpu=max(0.0, self.cpu - idle.cpu * share),
            loop_cpu=max(0.0, self.loop_cpu - idle.loop_cpu * share),
        )


class Measurements:
    """The measurements of one Home Assistant so far."""

    def __init__(self, folder: Path) -> None:
        """Read all files; a last line or pair that is not whole is left out."""
        self._lags = _pairs(folder / LAGS)
        self._collections = _pairs(folder / COLLECTIONS)
        self._samples = list(_samples((folder / SAMPLES).read_text()))
        self.exports = list(_exports(folder / EXPORTS))
        """What exports have used, one after another, without what asked for them."""

    def lag(self, period: Period) -> Lag:
        """Return how late the event loop was in a period."""
        lags = _milliseconds(self._lags, period)
        collections = _milliseconds(self._collections, period)
        return Lag(
            len(lags),
            percentile(lags, 50),
            percentile(lags, 99),
            max(lags),
            max(collections, default=0.0),
            sum(length > LONG_COLLECTION for length in collections),
        )

    def use(self, period: Period) -> Use:
        """Return what was used from the last sample before a period to the first one after it."""
        first = next(s for s in reversed(self._samples) if s.time <= period.begin)
        last = next(s for s in self._samples if s.time >= period.end)
        return Use(
            last.cpu - first.cpu,
            last.loop_cpu - first.loop_cpu,
            last.replaced - first.replaced,
            last.time - first.time,
        )

    def memory(self, base: Period, period: Period, shares: Sequence[float]) -> list[float]:
        """Return megabytes over those of another period, when such shares of one are over."""
        before = sorted(s.rss for s in self._samples if base.begin <= s.time <= base.end)
        ends = [period.begin + period.seconds * share for share in shares]
        then = [next(s.rss for s in reversed(self._samples) if s.time <= end) for end in ends]
        return [(rss - before[len(before) // 2]) / 1e6 for rss in then]


def _pairs(file: Path) -> Sequence[tuple[float, float]]:
    content = file.read_bytes()
    values = array("d")
    values.frombytes(content[: len(content) // 16 * 16])
    return list(zip(values[0::2], values[1::2], strict=True))


def _milliseconds(pairs: Sequence[tuple[float, float]], period: Period) -> list[float]:
    return [seconds * 1000 for time, seconds in pairs if period.begin <= time <= period.end]


def _exports(file: Path) -> Iterator[Use]:
    for line in file.read_text().splitlines() if file.exists() else ():
        seconds, cpu, loop_cpu = map(float, line.split(","))
        yield Use(cpu, loop_cpu, seconds=seconds)


def _samples(text: str) -> Iterator[Sample]:
    for line in text[: text.rfind("\n") + 1].splitlines():
        time, rss, cpu, loop_cpu, replaced = line.split(",")
        yield Sample(float(time), int(rss), float(cpu), float(loop_cpu), int(replaced))
