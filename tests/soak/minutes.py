"""The table of a soak: a line for each minute."""

from collections.abc import Sequence
import math

from .samples import Export, Sample, Waiting, between, lags, percentile
from .verdict import MB

TITLES = (
    *("minute", "changes", "exported", "seconds", "waiting", "backlog", "RSS MB"),
    *("p50 ms", "p99 ms", "max ms", "gc ms"),
)
WIDTH = 9


def title() -> str:
    """Return the line above the others."""
    return _line(TITLES)


def minute_line(
    minute: int,
    samples: Sequence[Sample],
    waiting: Sequence[Waiting],
    exports: Sequence[Export],
    *,
    began: float,
) -> str:
    """Return what happened in a minute, counted from 1: of exports, in those that ended in it.

    Rows that wait, memory and the recorder's backlog are those of its end; the garbage
    collector's pause is the longest.
    """
    begin, end = began + (minute - 1) * 60, began + minute * 60
    samples = between(samples, began, end)
    of_minute = between(samples, begin, end)
    earlier = samples[-len(of_minute) - 1] if len(samples) > len(of_minute) else None
    moments = between(waiting, begin, end)
    ended = [export for export in exports if begin < export.at + export.seconds <= end]
    late = lags(of_minute)
    last = of_minute[-1] if of_minute else None
    return _line(
        (
            f"{minute}",
            f"{last.changes - (earlier.changes if earlier else 0):,}" if last else "-",
            "failed"
            if any(export.failure for export in ended)
            else f"{sum(export.rows for export in ended):,}",
            f"{sum(export.seconds for export in ended):.1f}",
            f"{moments[-1].rows:,}" if moments else "-",
            f"{last.backlog:,}" if last else "-",
            f"{last.rss_bytes / MB:.1f}" if last else "-",
            *(f"{percentile(late, percent):.1f}" for percent in (50, 99, 100)),
            f"{max((sample.gc_ms for sample in of_minute), default=math.nan):.1f}",
        )
    )


def _line(cells: Sequence[str]) -> str:
    return "".join(cell.rjust(WIDTH) for cell in cells)
