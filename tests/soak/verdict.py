"""Whether memory or lag grew: the arithmetic, and the bounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from .samples import Sample, Waiting, between, lags, percentile

MB = 1_000_000
MAX_RSS_GROWTH_MB = 5.0
"""After the first third, beside what Home Assistant keeps when it compiles statistics.

Every five minutes it reads all states of that time at once: 150,000, in a soak. Each time its
memory is another 20 to 90 MB larger afterwards, also without any export (`--control`). In 15
minutes some 120,000 rows come between those steps, so a leak of 40 bytes a row is found: less than
any object of Python's that would be kept for a row.
"""
SETTLING_SECONDS = 60.0
"""How long Home Assistant's memory changes after each of these steps."""
LAG_GROWTH = 1.5
LAG_JITTER_MS = 2.0
"""What the 99th percentile may differ by anyway, where it is only a few milliseconds."""
WAITING_GROWTH = 1.5
WAITING_JITTER_ROWS = 1_000
MIN_PACE = 0.99
"""The share of the changes that must have been made: a home that was less busy is no test."""


@dataclass(frozen=True, slots=True)
class Thirds:
    """Something measured in the first, the second, and the last third of the time."""

    first: float
    second: float
    last: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a home in that time."""

    rss_mb: Thirds
    """The median of the memory; all that is loaded once is loaded in the first third."""
    rss_growth_mb: float
    """How much it grew after the first third, beside Home Assistant's own steps."""
    lag_p99_ms: Thirds
    """How late the event loop was, but for one call in a hundred."""
    waiting: Thirds
    """The median of the rows that had not been exported yet; in the beginning there are few."""
    pace: float
    """The state changes that were made, as a share of those that were wanted."""

    def failures(self, *, compare_waiting: bool = True) -> list[str]:
        """Return what is not as it must be; without exports, rows wait of course."""
        found = []
        # All are written so that what is no number does not pass.
        if not self.pace >= MIN_PACE:
            found.append(f"only {self.pace:.1%} of the state changes were made")
        if not self.rss_growth_mb <= MAX_RSS_GROWTH_MB:
            found.append(f"memory grew by {self.rss_growth_mb:.1f} MB after the first third")
        if not self.lag_p99_ms.last <= LAG_GROWTH * self.lag_p99_ms.first + LAG_JITTER_MS:
            found.append(
                f"the event loop's lag grew from {self.lag_p99_ms.first:.1f} ms"
                f" to {self.lag_p99_ms.last:.1f} ms"
            )
        limit = WAITING_GROWTH * self.waiting.second + WAITING_JITTER_ROWS
        if compare_waiting and not self.waiting.last <= limit:
            found.append(
                f"the rows that wait grew from {self.waiting.second:,.0f}"
                f" to {self.waiting.last:,.0f}"
            )
        return found


def judge(
    samples: Sequence[Sample],
    waiting: Sequence[Waiting],
    *,
    began: float,
    seconds: float,
    pace: float,
    steps: Sequence[float] = (),
) -> Verdict:
    """Compare the thirds of the time that began then, by the monotonic clock.

    At `steps` Home Assistant compiles statistics.
    """

    def thirds(measure: Callable[[float, float], float]) -> Thirds:
        ends = [began + seconds * third / 3 for third in range(4)]
        return Thirds(*(measure(*ends[third : third + 2]) for third in range(3)))

    def rss_mb(begin: float, end: float) -> float:
        return _median([sample.rss_bytes / MB for sample in between(samples, begin, end)])

    def lag_p99_ms(begin: float, end: float) -> float:
        return percentile(lags(between(samples, begin, end)), 99)

    def rows(begin: float, end: float) -> float:
        return _median([moment.rows for moment in between(waiting, begin, end)])

    def rss_growth_mb() -> float:
        after, end = began + seconds / 3, began + seconds
        inside = [step for step in steps if after < step < end]
        begins = [after, *(step + SETTLING_SECONDS for step in inside)]
        spans = [span for span in zip(begins, [*inside, end], strict=True) if span[0] < span[1]]
        middles = [(begin + end) / 2 for begin, end in spans]
        return sum(
            rss_mb(middle, end) - rss_mb(begin, middle)
            for (begin, end), middle in zip(spans, middles, strict=True)
        )

    return Verdict(
        rss_mb=thirds(rss_mb),
        rss_growth_mb=rss_growth_mb(),
        lag_p99_ms=thirds(lag_p99_ms),
        waiting=thirds(rows),
        pace=pace,
    )


def _median(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")
