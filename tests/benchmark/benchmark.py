"""The benchmark itself: which parts there are, and on which histories each is measured."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
import sys

import pytest

from tests.home import launcher
from tests.home.home_assistant import REPOSITORY
from tests.home.recorder_states import Sets
from tests.ways.measure import Ways

from .burst_home import measure_burst
from .dlt_contest import NoDltError, install, measure_dlt
from .histories import attributes_in, copied_to, make_history
from .homes import measure_export, measure_increments, measure_set_up
from .idle_home import measure_idle
from .live_home import LiveHome, measure_live
from .own_columns import measure_own_columns
from .pipelines import DELIVERIES, measure_pipelines
from .real_home import RealHome
from .results import DEFAULT_PACE, FULL_SPEED, Import, Results, machine
from .slow_processor import slowed
from .spread import Spread

LIVE_PARTS = ("live", "idle", "burst")
PARTS = (
    "pipeline",
    "servers",
    "own-columns",
    "export",
    "increment",
    "import",
    "dlt",
    "slow",
    *LIVE_PARTS,
    "ways",
)
USUAL_PARTS = tuple(part for part in PARTS if part not in (*LIVE_PARTS, "ways"))
"""Those that are measured unless others are asked for."""
SERVERS = {"mysql": "MariaDB", "postgresql": "PostgreSQL"}
SECONDS_TO_IMPORT = 60
SLOW_SHARE = 0.2
"""The share of one of this machine's cores that the slow home has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    pipelines: tuple[tuple[Sets, int, int, int], ...]
    """Sets of attributes, states, repetitions, and how many of the deliveries."""
    exported: int
    """States in the homes that are exported."""
    slowly: int
    """Those of the home that has a part of the processor."""
    by_load_jobs: int
    """Those of the home that exports by load jobs, or 0 to leave it out."""
    idle_seconds: float
    server_rows: int
    with_own_columns: int
    """States that are encoded with own columns and without."""
    copied: int
    """States that dlt copies by each of its backends."""
    repetitions: int
    """Of all that is small."""
    live: tuple[LiveHome, ...]
    nothing: tuple[float, int]
    """For how many seconds nothing happens in a home, and how often."""
    burst_seconds: float
    """For how long new states come as fast as `burst_home` says."""
    changes: int
    """Of a state, for each of Home Assistant's own ways to tell of them."""
    told: int
    """Exports that an automation tells of."""
    registered: tuple[int, ...]
    """How many entities are registered in the homes in which increments are exported."""


FULL = Plan(
    pipelines=(
        (Sets.BY_TIME, 100_000, 3, 2),
        (Sets.BY_TIME, 500_000, 3, 2),
        (Sets.BY_TIME, 2_000_000, 2, 1),
        (Sets.OWN, 500_000, 3, 1),
        (Sets.IN_TURN, 500_000, 3, 1),
    ),
    exported=2_000_000,
    slowly=200_000,
    by_load_jobs=200_000,
    idle_seconds=10,
    server_rows=100_000,
    with_own_columns=500_000,
    copied=500_000,
    repetitions=3,
    live=(
        LiveHome(120, "mysql"),
        LiveHome(120, "postgresql"),
        LiveHome(600, commit_interval=1),
        LiveHome(600),
    ),
    nothing=(310, 2),
    burst_seconds=60,
    changes=1_000,
    told=100,
    registered=(0, 1_000, 3_000),
)
QUICK = Plan(
    pipelines=((Sets.BY_TIME, 100_000, 2, 2), (Sets.OWN, 100_000, 2, 1)),
    exported=100_000,
    slowly=20_000,
    by_load_jobs=0,
    idle_seconds=3,
    server_rows=100_000,
    with_own_columns=100_000,
    copied=100_000,
    repetitions=2,
    live=(LiveHome(60, commit_interval=1), LiveHome(60)),
    nothing=(60, 1),
    burst_seconds=15,
    changes=200,
    told=20,
    registered=(0, 1_000),
)
QUICK_PARTS = ("pipeline", "export", "increment", "import")


class Benchmark:
    """Measures some parts, one after another."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None]) -> None:
        """Keep histories and homes in the folder."""
        self._folder = folder
        self._plan = plan
        self._say = say
        self.results = Results(machine())

    async def measure(self, parts: Collection[str]) -> None:
        """Measure the parts, in the order of PARTS."""
        for part, measure in zip(
            PARTS,
            (
                self._pipeline,
                self._servers,
                self._own_columns,
                self._export,
                self._increment,
                self._import,
                self._dlt,
                self._slow,
                self._live,
                self._idle,
                self._burst,
                self._ways,
            ),
            strict=True,
        ):
            if part in parts:
                await measure()

    def _history(self, states: int, sets: Sets = Sets.BY_TIME) -> Path:
        path = self._folder / f"{states} {sets}.db"
        if not path.exists():
            make_history(path, states, sets)
            attributes = attributes_in(path)
            self._say(f"made a history: {states:,} states, {attributes:,} sets of attributes")
        return path

    async def _pipeline(self) -> None:
        for sets, rows, repetitions, deliveries in self._plan.pipelines:
            url = f"sqlite:///{self._history(rows, sets)}"
            found = await measure_pipelines(
                self._folder, "SQLite", url, rows, repetitions, DELIVERIES[:deliveries], sets=sets
            )
            self.results.pipelines.append(found)
            speed = 1e6 / found.ours
            self._say(f"the pipeline: {rows:,} rows, sets {sets}, {speed:,.0f} a second")

    async def _servers(self) -> None:
        rows = self._plan.server_rows
        for database, name in SERVERS.items():
            try:
                with copied_to(database, self._history(rows)) as url:
                    found = await measure_pipelines(
                        self._folder, name, url, rows, self._plan.repetitions, DELIVERIES[:1]
                    )
            except (pytest.skip.Exception, pytest.fail.Exception) as missing:
                self.results.notes.append(str(missing))
                continue
            self.results.servers.append(found)
            self._say(f"the pipeline on {name}: {1e6 / found.ours:,.0f} a second")

    async def _own_columns(self) -> None:
        rows = self._plan.with_own_columns
        url = f"sqlite:///{self._history(rows)}"
        repetitions = self._plan.repetitions
        found = await measure_own_columns(self._folder, url, rows, repetitions, DELIVERIES)
        self.results.own_columns = found
        self._say(f"own columns: {rows:,} rows")

    async def _export(self) -> None:
        homes = [(DEFAULT_PACE, DELIVERIES[0], self._plan.exported)]
        homes.append((FULL_SPEED, DELIVERIES[0], self._plan.exported))
        if self._plan.by_load_jobs:
            homes.append(("load jobs, default pace", DELIVERIES[1], self._plan.by_load_jobs))
        for name, delivery, states in homes:
            async with RealHome.running(
                self._folder,
                self._history(states),
                delivery,
                *([launcher.FULL_SPEED] if name == FULL_SPEED else []),
            ) as home:
                export = await measure_export(home, name, self._plan.idle_seconds)
            self.results.exports.append(export)
            speed = export.rows / export.seconds
            self._say(f"a home at {name}: {export.rows:,} rows, {speed:,.0f} a second")

    async def _increment(self) -> None:
        history = self._history(self._plan.pipelines[0][1])
        for entities in self._plan.registered:
            async with RealHome.running(
                self._folder,
                history,
                DELIVERIES[0],
                launcher.LIKE_THE_SCHEDULE,
                entities=entities,
            ) as home:
                self.results.increments += await measure_increments(
                    home, self._plan.repetitions, entities
                )
                if not entities:
                    self.results.set_up = await measure_set_up(home, self._plan.repetitions)
            self._say(f"increments with {entities:,} registered entities")

    async def _import(self) -> None:
        runs = [_import_once() for _ in range(self._plan.repetitions)]
        self.results.imported = Import(
            Spread.of(run["wall"] for run in runs),
            Spread.of(run["cpu"] for run in runs),
            Spread.of(run["memory"] / 1e6 for run in runs),
        )
        self._say("the import")

    async def _live(self) -> None:
        for home in self._plan.live:
            try:
                live = await measure_live(self._folder, home)
            except (pytest.skip.Exception, pytest.fail.Exception) as missing:
                self.results.notes.append(str(missing))
                continue
            self.results.live.append(live)
            self._say(live.line)

    async def _idle(self) -> None:
        idle = await measure_idle(self._folder, *self._plan.nothing)
        self.results.idle = idle
        self._say(idle.line)

    async def _burst(self) -> None:
        history = self._history(self._plan.pipelines[0][1])
        async with RealHome.running(self._folder, history, DELIVERIES[0], live=True) as home:
            burst = await measure_burst(home, self._plan.burst_seconds)
        self.results.burst = burst
        self._say(burst.line)

    async def _slow(self) -> None:
        """Export at the usual pace with a fifth of a core, as a Raspberry Pi 4 has about."""
        history = self._history(self._plan.slowly)
        async with RealHome.running(self._folder, history, DELIVERIES[0]) as home:
            with slowed(home.home.process, SLOW_SHARE):
                name = f"default pace, {SLOW_SHARE:.0%} of the processor"
                export = await measure_export(home, name, self._plan.idle_seconds)
        self.results.exports.append(export)
        speed = export.rows / export.seconds
        self._say(f"a home with {SLOW_SHARE:.0%} of the processor: {speed:,.0f} rows a second")

    async def _ways(self) -> None:
        ways = Ways(self._folder, self._plan.changes, self._plan.told, self._say)
        await ways.measure()
        self.results.ways += ways.delays
        self.results.notes += ways.missing

    async def _dlt(self) -> None:
        rows = self._plan.copied
        try:
            python = install(self._folder / "dlt")
        except NoDltError as error:
            self.results.notes.append(f"dlt could not be installed: {error}")
            return
        self.results.dlt = await measure_dlt(
            self._folder, python, self._history(rows), rows, self._plan.repetitions
        )
        self._say(f"dlt {self.results.dlt.version}")


def _import_once() -> dict[str, float]:
    output = subprocess.run(
        [sys.executable, "-m", "tests.benchmark.import_time"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS_TO_IMPORT,
    ).stdout
    run: dict[str, float] = json.loads(output)
    return run
