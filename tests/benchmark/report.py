"""The results as tables for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.demo.questions import table_lines
from tests.ways.arrivals import Delays

from .contest import Measured
from .homes import SHARES, Export
from .own_columns import CHOICES, named
from .pipelines import DELIVERIES, Pipelines
from .results import Results
from .spread import Spread

type Table = list[dict[str, Any]]

_ROWS = ("AppendRows", "jobs.upload")
_COMMITS = ("BatchCommitWriteStreams", "jobs.insert")


def report(results: Results) -> Iterator[str]:
    """Yield the lines of all tables that there are results for."""
    yield ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in results.machine.items())
    for title, table in (
        (
            "The pipeline without a network: microseconds a row, of the processor and by the clock;"
            " median (least to most) of the repetitions",
            [row for found in results.pipelines + results.servers for row in _pipeline_rows(found)],
        ),
        (
            "Ten own columns, of attributes but for one: microseconds a row, and what they add in"
            " the same repetition",
            _own_columns_rows(results),
        ),
        (
            "dlt copies the table of states to local files, while nothing is joined, looked up or"
            " converted: microseconds a row, without the time of imports",
            _dlt_rows(results),
        ),
        (
            "The event loop of a real Home Assistant, 20 changes a second: how late it is for"
            " ticks of a millisecond, in milliseconds, and the longest work of Python's collector",
            [row for export in results.exports for row in _lag_rows(export)],
        ),
        (
            "Memory over what there was before, in MB, at such parts of the time of an export",
            [_memory_row(export) for export in results.exports],
        ),
        (
            "Traffic for a million states, first export; times of the processor in microseconds a"
            " state, all of Home Assistant's",
            [_traffic_row(export) for export in results.exports],
        ),
        ("Exports of new states by the schedule, in milliseconds", _increment_rows(results)),
        (
            "A look at what waits, as every five minutes, in milliseconds of the processor",
            [_look_row(export) for export in results.exports],
        ),
        ("Import and set-up, in milliseconds and MB", _set_up_rows(results)),
        (
            "From the change in Home Assistant until a program on this machine has it, in"
            " milliseconds",
            list(map(_way_row, results.ways)),
        ),
    ):
        if table:
            yield from ("", title, "", *table_lines(table))
    if results.live_lines:
        yield from ("", *results.live_lines)
    if results.notes:
        yield from ("", *results.notes)


def _pipeline_rows(found: Pipelines) -> Table:
    rows = [_measured_row(found, name, measured) for name, measured in found.measured.items()]
    for row, times in zip(rows, found.measured, strict=True):
        row["times ours"] = f"{found.times(times):.2f}"
    return rows


def _measured_row(found: Pipelines, name: str, measured: Measured) -> dict[str, Any]:
    total = measured.cpu().median
    stages = ", ".join(
        f"{stage} {measured.cpu(stage).median:.2f} ({measured.cpu(stage).median / total:.0%})"
        for stage in measured.stages
    )
    return {
        "database": found.database,
        "attributes": f"{found.sets}, each read {found.reads_per_set:.2f} times",
        "rows": f"{found.rows:,}",
        "what": name,
        **_cost(measured.cpu(), measured.wall()),
        "bytes": f"{measured.bytes_per_row:.0f}" if measured.bytes_per_row else "",
        "stages, share of the processor's time": stages,
    }


def _cost(cpu: Spread, wall: Spread) -> dict[str, str]:
    return {
        "rows/s": f"{1e6 / cpu.median:,.0f}",
        "processor": cpu.text(),
        "clock": wall.text(),
    }


def _own_columns_rows(results: Results) -> Table:
    found = results.own_columns
    if found is None:
        return []
    without, *_ = CHOICES
    return [
        {
            "rows": f"{found.rows:,}",
            "delivery": delivery,
            "own columns": choice,
            **_cost(measured.cpu(), measured.wall()),
            "added": "" if choice == without else _percent(found.added(delivery, choice)),
        }
        for delivery in DELIVERIES
        for choice in CHOICES
        for measured in (found.measured[named(choice, delivery)],)
    ]


def _percent(shares: Spread) -> str:
    least, most = shares.least, shares.most
    return f"{shares.median:+.1%} ({least:+.1%} to {most:+.1%})"


def _dlt_rows(results: Results) -> Table:
    contest = results.dlt
    if contest is None:
        return []
    ours = Measured(contest.rows, stages={"ours": contest.ours})
    rows: Table = [
        {"what": name, "rows": f"{measured.rows:,}"} | _cost(measured.cpu(), measured.wall())
        for name, measured in {"this integration": ours, **contest.dlt}.items()
    ]
    for row, times in zip(rows, (1.0, *map(contest.times, contest.dlt)), strict=True):
        row["times ours"] = f"{times:.2f}"
    return rows


def _lag_rows(export: Export) -> Iterator[dict[str, Any]]:
    speed = f"{export.rows / export.seconds:,.0f} rows/s"
    for what, speed_then, load, lag in (
        ("idle", "", export.idle_load, export.idle),
        ("exporting", speed, export.busy_load, export.busy),
    ):
        yield {
            "export": export.name,
            "while": what,
            "speed": speed_then,
            "of a core": f"{load:.0%}",
            "p50": f"{lag.p50:.2f}",
            "p99": f"{lag.p99:.2f}",
            "longest": f"{lag.longest:.1f}",
            "longest collection": f"{lag.collector:.1f}",
            "of 50 ms": lag.collections,
            "ticks": f"{lag.ticks:,}",
        }


def _memory_row(export: Export) -> dict[str, Any]:
    growth = {
        f"{share:.0%}": f"{memory:.1f}" for share, memory in zip(SHARES, export.memory, strict=True)
    }
    return {"export": export.name, "rows": f"{export.rows:,}", **growth}


def _traffic_row(export: Export) -> dict[str, Any]:
    millions = export.rows / 1e6
    calls = export.calls
    return {
        "export": export.name,
        "rows": f"{export.rows:,}",
        "requests": f"{sum(calls.values()) / millions:,.0f}",
        "of rows": f"{_of(calls, _ROWS) / millions:,.0f}",
        "commits": f"{_of(calls, _COMMITS) / millions:,.0f}",
        "writes to .storage": f"{export.use.replaced / millions:,.0f}",
        "processor": f"{export.use.cpu / millions:.2f}",
        "of it the event loop's": f"{export.use.loop_cpu / millions:.2f}",
    }


def _of(calls: Mapping[str, int], methods: Sequence[str]) -> int:
    return sum(calls.get(method, 0) for method in methods)


def _increment_rows(results: Results) -> Table:
    return [
        {
            "registered entities": f"{increment.entities:,}",
            "changes": f"{increment.changes:,}",
            "states sent": f"{increment.rows.median:,.0f}",
            "requests": f"{increment.calls.median:,.0f}",
            "clock": _milliseconds(increment.wall),
            "processor": _milliseconds(increment.cpu),
            "of it the event loop's": _milliseconds(increment.loop_cpu),
        }
        for increment in results.increments
    ]


def _look_row(export: Export) -> dict[str, Any]:
    return {"rows waiting": f"{export.rows:,}", "processor": _milliseconds(export.look, 1)}


def _way_row(delays: Delays) -> dict[str, Any]:
    return {
        "way": delays.name,
        "changes": f"{delays.changes:,}",
        "p50": f"{delays.p50:.1f}",
        "p99": f"{delays.p99:.1f}",
        "missed": delays.missed,
    }


def _set_up_rows(results: Results) -> Table:
    rows = []
    if found := results.imported:
        rows.append(_set_up_row("import, off the loop", found.wall, found.cpu))
        rows[0]["memory"] = found.memory.text(1)
    if set_up := results.set_up:
        row = _set_up_row("unload and set up again", set_up.wall, set_up.cpu)
        row["of it the event loop's"] = _milliseconds(set_up.loop_cpu)
        row["longest lag"] = set_up.longest_lag.text(1)
        rows.append(row)
    return rows


def _set_up_row(what: str, wall: Spread, cpu: Spread) -> dict[str, Any]:
    empty = dict.fromkeys(("of it the event loop's", "longest lag", "memory"), "")
    return {"what": what, "clock": _milliseconds(wall), "processor": _milliseconds(cpu), **empty}


def _milliseconds(seconds: Spread, digits: int = 0) -> str:
    scaled = Spread.of((seconds.median * 1e3, seconds.least * 1e3, seconds.most * 1e3))
    return scaled.text(digits)


def chart_bars(results: Results) -> Sequence[tuple[str, float, bool]]:
    """Return names and rows a second for the chart, fastest first, and which of them is ours."""
    bars: list[tuple[str, float, bool]] = []
    if largest := results.largest:
        times = {"plain reading": "sqlite3 alone, fetchall", "naive exporter": "naive exporter"}
        bars.append(("this integration", 1e6 / largest.ours, True))
        bars += [
            (label, 1e6 / largest.measured[name].cpu().median, False)
            for name, label in times.items()
        ]
    if results.dlt:
        labels = ("dlt, JSON lines", "dlt, pyarrow to Parquet")
        bars += [
            (label, 1e6 / measured.cpu().median, False)
            for label, measured in zip(labels, results.dlt.dlt.values(), strict=True)
        ]
    return sorted(bars, key=lambda bar: -bar[1])
