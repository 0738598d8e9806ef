"""What an export costs a real Home Assistant: lag, memory, traffic, increments, and set-up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
import time

from .measured import Lag, Period, Use
from .real_home import RealHome
from .spread import Spread

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
INCREMENTS = (0, 100, 5_000)
LOOKS = 20
_IDLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Export:
    """The export of a whole history, while entities change."""

    name: str
    rows: int
    seconds: float
    idle: Lag
    busy: Lag
    idle_load: float
    """Seconds of the processor in a second, without the export."""
    busy_load: float
    memory: Sequence[float]
    """Megabytes over those before it, at SHARES of its time."""
    use: Use
    calls: dict[str, int]
    """Calls of BigQuery, by method."""
    look: Spread
    """Seconds of the processor for a look at what waits, before the export."""


@dataclass(frozen=True, slots=True)
class Increment:
    """Exports of some new rows as the schedule begins them, without the action that does so here.

    Seconds; those of the processor are beside an idle home's.
    """

    changes: int
    rows: Spread
    calls: Spread
    """Calls of BigQuery."""
    wall: Spread
    cpu: Spread
    loop_cpu: Spread
    entities: int = 0
    """How many are registered; where none is, states are exported alone."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """Reloads of the entry: it is unloaded and set up again; seconds, lag in milliseconds."""

    wall: Spread
    cpu: Spread
    loop_cpu: Spread
    longest_lag: Spread


async def measure_export(home: RealHome, name: str, idle_seconds: float) -> Export:
    """Let a home rest for a while, and export all that it has, while its entities change."""
    looks, _ = await home.look_at_backlog(LOOKS)
    home.count_calls()
    async with home.activity():
        idle = await _rest(idle_seconds)
        period, rows = await home.export()
    measurements = await home.measurements()
    use = measurements.use(period)
    return Export(
        name,
        rows,
        period.seconds,
        measurements.lag(idle),
        measurements.lag(period),
        measurements.use(idle).cpu / idle.seconds,
        use.cpu / period.seconds,
        measurements.memory(idle, period, SHARES),
        use,
        home.calls(),
        Spread.of(looks),
    )


async def measure_increments(
    home: RealHome, repetitions: int, entities: int = 0
) -> list[Increment]:
    """Export new rows, few and many in turn, in a home with so many registered entities."""
    await home.export()
    await home.export()  # What the first one has changed in the home.
    idle = await _rest(_IDLE_SECONDS)
    done: list[tuple[int, int, int]] = []
    """Changes, rows, and calls of BigQuery."""
    for _ in range(repetitions):
        for changes in INCREMENTS:
            await home.change_states(changes)
            home.count_calls()
            _, rows = await home.export()
            done.append((changes, rows, sum(home.calls().values())))
    measurements = await home.measurements()
    beside = measurements.use(idle)
    uses = [use.beside(beside) for use in measurements.exports[-len(done) :]]
    exports = list(zip(done, uses, strict=True))
    return [
        _increment(changes, [export for export in exports if export[0][0] == changes], entities)
        for changes in INCREMENTS
    ]


def _increment(
    changes: int, exports: list[tuple[tuple[int, int, int], Use]], entities: int
) -> Increment:
    return Increment(
        changes,
        Spread.of(rows for (_, rows, _), _ in exports),
        Spread.of(calls for (_, _, calls), _ in exports),
        Spread.of(use.seconds for _, use in exports),
        Spread.of(use.cpu for _, use in exports),
        Spread.of(use.loop_cpu for _, use in exports),
        entities,
    )


async def measure_set_up(home: RealHome, repetitions: int) -> SetUp:
    """Reload the entry some times."""
    periods = []
    for _ in range(repetitions):
        await _rest(1)
        periods.append(await home.reload())
    measurements = await home.measurements()
    uses = [measurements.use(period) for period in periods]
    return SetUp(
        Spread.of(period.seconds for period in periods),
        Spread.of(use.cpu for use in uses),
        Spread.of(use.loop_cpu for use in uses),
        Spread.of(measurements.lag(period).longest for period in periods),
    )


async def _rest(seconds: float) -> Period:
    began = time.time()
    await asyncio.sleep(seconds)
    return Period(began, time.time())
