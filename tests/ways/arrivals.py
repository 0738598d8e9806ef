"""What has arrived at a subscriber, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
import time
from typing import Self

from tests.benchmark.spread import percentile


@dataclass(slots=True)
class Arrivals:
    """States that have arrived, of which each is another text."""

    times: dict[str, float] = field(default_factory=dict)
    """When each has arrived first, in seconds since 1970."""

    def note(self, state: str) -> None:
        """Note that a state has arrived."""
        self.times.setdefault(state, time.time())

    def delays(self, changed: Mapping[str, float]) -> list[float]:
        """Return the seconds from each change that has arrived until then."""
        return [self.times[state] - then for state, then in changed.items() if state in self.times]


@dataclass(frozen=True, slots=True)
class Delays:
    """How long changes took to a subscriber, in milliseconds."""

    name: str
    p50: float
    p99: float
    changes: int
    missed: int
    """Changes that have not arrived within the time that was waited for them."""

    @classmethod
    def of(cls, name: str, arrivals: Arrivals, changed: Mapping[str, float]) -> Self:
        """Return the delays of changes that were made at such times, in seconds since 1970."""
        delays = arrivals.delays(changed)
        p50, p99 = (percentile(delays, percent) * 1_000 for percent in (50, 99))
        return cls(name, p50, p99, len(changed), len(changed) - len(delays))

    @property
    def figures(self) -> str:
        """Return the figures for a line that a machine reads."""
        key = re.sub(r"\W+", "_", self.name.lower())
        return f"{key}_p50_ms={self.p50:.1f} {key}_p99_ms={self.p99:.1f} {key}_missed={self.missed}"
