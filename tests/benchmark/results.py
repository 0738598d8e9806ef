"""What was measured, as far as it was."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
import os
from pathlib import Path
import platform
import sqlite3
from typing import Any

from tests.home.recorder_states import Sets
from tests.ways.arrivals import Delays

from .burst_home import Burst
from .dlt_contest import BACKENDS, DltContest
from .homes import Export, Increment, SetUp
from .idle_home import Idle
from .live_home import Live
from .own_columns import OwnColumnsCost
from .pipelines import Pipelines
from .spread import Spread

DEFAULT_PACE = "default pace"
FULL_SPEED = "full speed"
DEFAULT, ARROW = BACKENDS


@dataclass(frozen=True, slots=True)
class Import:
    """The import of the integration: seconds, and megabytes."""

    wall: Spread
    cpu: Spread
    memory: Spread


@dataclass(slots=True)
class Results:
    """All results; what was not measured is None, or is not in its list."""

    machine: Mapping[str, str]
    pipelines: list[Pipelines] = field(default_factory=list)
    servers: list[Pipelines] = field(default_factory=list)
    own_columns: OwnColumnsCost | None = None
    exports: list[Export] = field(default_factory=list)
    increments: list[Increment] = field(default_factory=list)
    set_up: SetUp | None = None
    imported: Import | None = None
    dlt: DltContest | None = None
    live: list[Live] = field(default_factory=list)
    idle: Idle | None = None
    burst: Burst | None = None
    ways: list[Delays] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    @property
    def largest(self) -> Pipelines | None:
        """Return what was measured with the most rows of a home as they are today."""
        usual = (found for found in self.pipelines if found.sets == Sets.BY_TIME)
        return max(usual, key=lambda pipelines: pipelines.rows, default=None)

    def export(self, name: str) -> Export | None:
        """Return the export at a pace."""
        return next((export for export in self.exports if export.name == name), None)

    def summary(self) -> dict[str, float | None]:
        """Return the figures of the last line."""
        paced = self.export(DEFAULT_PACE)
        return {
            "rows_per_second": _of(self.largest, lambda found: round(1e6 / found.ours)),
            "of_read_limit": _of(self.largest, lambda found: found.times("plain reading")),
            "vs_naive": _of(self.largest, lambda found: found.times("naive exporter")),
            "vs_dlt": _of(self.dlt, lambda found: found.times(DEFAULT)),
            "vs_dlt_arrow": _of(self.dlt, lambda found: found.times(ARROW)),
            "loop_lag_p99_ms": _of(paced, lambda found: found.busy.p99),
            "rss_growth_mb": _of(paced, lambda found: found.memory[-1]),
        }

    @property
    def live_lines(self) -> list[str]:
        """Return what was measured of live exports, a line each."""
        return [found.line for found in (self.burst, self.idle, *self.live) if found]

    def last_line(self) -> str:
        """Return the figures in one line; - stands for what was not measured."""
        if self.live_lines and not self.pipelines:
            return self.live_lines[-1]
        if self.ways and not self.pipelines:
            return f"ways: {' '.join(delays.figures for delays in self.ways)}"
        figures = " ".join(f"{name}={_figure(value)}" for name, value in self.summary().items())
        return f"benchmark: {figures}"

    def to_json(self) -> dict[str, Any]:
        """Return everything."""
        return {"summary": self.summary(), **asdict(self)}


def _of[Found](found: Found | None, figure: Callable[[Found], float]) -> float | None:
    return None if found is None else figure(found)


def _figure(value: float | None) -> str:
    match value:
        case None:
            return "-"
        case int():
            return str(value)
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def machine() -> dict[str, str]:
    """Return what was measured on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": f"{os.cpu_count()} x {models[0] if models else platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "home_assistant": version("homeassistant"),
    }
