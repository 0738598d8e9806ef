"""Tests of what is measured: its file, its percentiles, and its table."""

import json
import math
from pathlib import Path

import pytest

from .minutes import minute_line
from .samples import Export, Sample, Waiting, beside, between, percentile, read_samples

BEGAN = 1_000.0


def sample(second: int, *lags_ms: float) -> Sample:
    """Return what was measured in a second."""
    return Sample(BEGAN + second, 500 * second, 7, 300_000_000 + second, lags_ms, gc_ms=second)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    """Seconds are read while Home Assistant writes them; before the first there are none."""
    path = tmp_path / "busy_home.jsonl"
    assert read_samples(path) == []
    line: dict[str, object] = {"at": 1.5, "changes": 500, "backlog": 0, "lags_ms": [0.1, 2.0]}
    line |= {"rss_bytes": 4096, "gc_ms": 0.0}
    path.write_text(json.dumps(line) + "\n" + json.dumps(line)[:20])
    (found,) = read_samples(path)
    assert found == Sample(1.5, 500, 0, rss_bytes=4096, lags_ms=[0.1, 2.0], gc_ms=0.0)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (51, 3), (99, 4), (100, 4)])
def test_percentiles(percent: float, value: float) -> None:
    """It is a value that was measured, whatever their order."""
    assert percentile([4, 1, 3, 2], percent) == value


def test_no_values_have_no_percentile() -> None:
    """Nothing is no number."""
    assert math.isnan(percentile([], 99))


def test_each_second_is_of_one_span() -> None:
    """Where one span ends and the next begins, a second is of the first."""
    moments = [Waiting(float(at), 0) for at in range(5)]
    assert [[moment.at for moment in between(moments, *span)] for span in ((0, 2), (2, 4))] == [
        [1, 2],
        [3, 4],
    ]


def test_seconds_with_an_export_are_told_apart() -> None:
    """A second counts as one as soon as an export takes part of it."""
    samples = [sample(second) for second in range(1, 8)]
    during, others = beside(samples, [Export(BEGAN + 1.5, rows=1, seconds=2.0)])
    assert [second.at - BEGAN for second in during] == [2, 3, 4]
    assert [second.at - BEGAN for second in others] == [1, 5, 6, 7]


def test_a_minute_shows_what_happened_in_it() -> None:
    """Changes are those of the minute, exports those that ended in it, the rest is of its end."""
    samples = [sample(60, 90.0), sample(90, 1.0, 2.0), sample(120, 3.0)]
    waiting = [Waiting(BEGAN + 60, 5), Waiting(BEGAN + 119, 1_234)]
    exports = [
        Export(BEGAN + 30, rows=9, seconds=2.0),
        Export(BEGAN + 58, rows=10_000, seconds=3.5),
        Export(BEGAN + 119, rows=9, seconds=2.0),
    ]
    line = minute_line(2, samples, waiting, exports, began=BEGAN)
    assert line.split() == [
        *("2", "30,000", "10,000", "3.5", "1,234", "7", "300.0", "2.0", "3.0", "3.0", "120.0")
    ]


def test_a_failed_export_is_shown() -> None:
    """It takes the place of the rows."""
    exports = [Export(BEGAN + 30, rows=0, seconds=2.0, failure="refused")]
    line = minute_line(1, [sample(60, 1.0)], [], exports, began=BEGAN)
    assert line.split()[2] == "failed"
