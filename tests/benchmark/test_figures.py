"""Tests of figures: medians, percentiles, measurements, the report and the chart."""

from array import array
from pathlib import Path
import time
from xml.etree import ElementTree

import pytest

from tests.home.measurements import COLLECTIONS, COLUMNS, LAGS, SAMPLES, measure_exports
from tests.ways.arrivals import Arrivals, Delays

from .chart import chart
from .contest import Measured
from .dlt_contest import BACKENDS, DltContest
from .homes import SHARES, Export
from .measured import Lag, Measurements, Period, Sample, Use
from .own_columns import CHOICES, OwnColumnsCost, named
from .pipelines import DELIVERIES, Pipelines
from .report import chart_bars, report
from .results import DEFAULT_PACE, Results
from .spread import Spread, percentile
from .stopwatch import Cost

SUMMARY = (
    "benchmark: rows_per_second=166667 of_read_limit=0.33 vs_naive=5.00 vs_dlt=11.0"
    " vs_dlt_arrow=1.20 loop_lag_p99_ms=3.25 rss_growth_mb=12.5"
)


def measured(**stages: float) -> Measured:
    """Return a competitor that always took so many microseconds a row in its stages."""
    return Measured(1_000, 100.0, {name: [Cost(cpu * 2, cpu)] * 3 for name, cpu in stages.items()})


@pytest.fixture
def results() -> Results:
    """Return results of everything that the last line names."""
    competitors = {
        "storage_write": measured(read=2.0, encode=3.0, requests=1.0),
        "plain reading": measured(read=2.0),
        "naive exporter": measured(read=2.0, build=20.0, dump=8.0),
    }
    lag = Lag(5_000, 0.1, 3.25, 9.0, 7.0, 0)
    use = Use(cpu=0.01, loop_cpu=0.001, replaced=3)
    memory = [10.0, 11.0, 12.0, 12.5, 12.5]
    look = Spread(0.001, 0.0008, 0.002)
    calls = {"AppendRows": 2}
    export = Export(DEFAULT_PACE, 1_000, 0.1, lag, lag, 0.02, 0.5, memory, use, calls, look)
    dlt = DltContest(1_000, "1.0", ours=[Cost(5.0, 5.0)])
    for name, cpu in zip(BACKENDS, (55.0, 6.0), strict=True):
        dlt.dlt[name] = measured(copy=cpu)
    pipelines = [Pipelines("SQLite", 1_000, competitors)]
    return Results({"python": "3"}, pipelines, exports=[export], dlt=dlt)


def test_what_own_columns_add() -> None:
    """It is compared within each repetition, as the machine may be slower in another one."""
    without, some, all_ = CHOICES
    found = OwnColumnsCost(
        1_000,
        {
            named(choice, delivery): Measured(1_000, stages={"read": costs})
            for delivery in DELIVERIES
            for choice, costs in {
                without: [Cost(1, 1), Cost(2, 2), Cost(4, 4)],
                some: [Cost(1, 1.5), Cost(2, 2.5), Cost(4, 4)],
                all_: [Cost(1, 1)] * 3,
            }.items()
        },
    )
    assert found.added(DELIVERIES[0], some) == Spread(0.25, 0.0, 0.5)
    lines = list(report(Results({"python": "3"}, own_columns=found)))
    (line,) = (line for line in lines if DELIVERIES[0] in line and some in line)
    assert line.endswith("+25.0% (+0.0% to +50.0%)")


def test_spread_and_percentiles() -> None:
    """A median has the least and the most beside it; a percentile is one of the values."""
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)
    assert Spread.of([3, 1, 2]).text(1) == "2.0 (1.0 to 3.0)"
    hundred = list(range(100, 0, -1))
    assert [percentile(hundred, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7], 99) == 7


def test_arrivals() -> None:
    """What arrives once more, such as with other attributes, has arrived before."""
    arrivals = Arrivals({"on": 1_000.0})
    arrivals.note("on")
    assert arrivals.delays({"on": 999.0, "off": 999.0}) == [1.0]


def test_delays() -> None:
    """Percentiles are of the changes that have arrived, and the others are counted."""
    changed = {str(number): 1_000.0 + number for number in range(100)}
    arrivals = Arrivals({state: then + 0.002 for state, then in changed.items()})
    arrivals.times["98"] += 0.005
    del arrivals.times["99"]
    delays = Delays.of("WebSocket, all", arrivals, changed)
    assert (round(delays.p50), round(delays.p99), delays.changes, delays.missed) == (2, 7, 100, 1)
    results = Results({}, ways=[delays])
    assert results.last_line() == (
        "ways: websocket_all_p50_ms=2.0 websocket_all_p99_ms=7.0 websocket_all_missed=1"
    )
    assert any("WebSocket, all" in line and "7.0" in line for line in report(results))


async def test_exports_are_measured_without_what_asks_for_them(tmp_path: Path) -> None:
    """What an export has used is its own, each in turn."""

    class Runner:
        async def async_export(self, rows: int) -> int:
            burn(rows / 100)
            return rows

    def burn(seconds: float) -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    for name in (LAGS, COLLECTIONS, SAMPLES):
        (tmp_path / name).touch()
    assert Measurements(tmp_path).exports == []
    measure_exports(tmp_path, Runner)
    for rows in (1, 5):
        assert await Runner().async_export(rows) == rows
        burn(0.1)
    few, many = Measurements(tmp_path).exports
    assert 0.01 <= few.loop_cpu < many.loop_cpu
    for clock in (many.seconds, many.cpu, many.loop_cpu):
        assert clock > 0.04
    # They burn six hundredths of a second between them, and what asks for them two tenths.
    assert few.loop_cpu + many.loop_cpu < 0.2


def test_the_last_line_has_every_figure(results: Results) -> None:
    """It is of one form, whatever was measured."""
    assert results.last_line() == SUMMARY
    nothing = Results({}).last_line()
    assert nothing.split() == [
        "benchmark:",
        *(f"{name}=-" for name in results.summary()),
    ]


def test_the_report_shows_what_was_measured(results: Results) -> None:
    """Every competitor has a line; what was not measured has no table."""
    lines = list(report(results))
    for what in ("this integration", "plain reading", "naive exporter", "dlt, pyarrow"):
        assert any(what in line for line in lines)
    assert any("1.0 (0.8 to 2.0)" in line for line in lines)
    assert not any("set-up" in line for line in lines)
    assert len(list(report(Results({"python": "3"})))) == 1


def test_the_chart_is_svg(results: Results) -> None:
    """It is well-formed, has a bar for each competitor, and the longest is the fastest."""
    bars = chart_bars(results)
    svg = ElementTree.fromstring(chart("Rows & more", "<fast>", bars, "note"))  # noqa: S314
    name = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in svg.iter(f"{name}rect")]
    assert len(widths) == len(bars) == 5
    assert widths == sorted(widths, reverse=True)
    assert [bar.attrib["class"] for bar in svg.iter(f"{name}rect")].count("ours") == 1


def test_measurements_of_a_period(tmp_path: Path) -> None:
    """What was measured before and after a period is not counted for it."""
    assert Sample._fields == COLUMNS
    lags = [(10.0, 0.9), (20.0, 0.001), (20.5, 0.003), (30.0, 0.9)]
    (tmp_path / LAGS).write_bytes(array("d", [x for pair in lags for x in pair]).tobytes() + b"?")
    (tmp_path / COLLECTIONS).write_bytes(array("d", [20.1, 0.060, 20.2, 0.002]).tobytes())
    samples = [
        (10, 100_000_000, 1.0, 0.5, 1),
        (19, 100_000_000, 2.0, 0.75, 1),
        (25, 120_000_000, 3.0, 1.0, 4),
        (31, 110_000_000, 9.0, 9.0, 9),
    ]
    lines = "".join(",".join(map(str, sample)) + "\n" for sample in samples)
    (tmp_path / SAMPLES).write_text(lines + "32,1")

    measurements = Measurements(tmp_path)
    period = Period(20.0, 25.0)
    assert measurements.lag(period) == Lag(2, 1.0, 3.0, 3.0, 60.0, 1)
    assert measurements.use(period) == Use(cpu=1.0, loop_cpu=0.25, replaced=3)
    assert measurements.memory(Period(5, 19), period, SHARES[-2:]) == [0.0, 20.0]
