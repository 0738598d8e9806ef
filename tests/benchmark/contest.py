"""Competitors that do the same work in turn, so that a noisy machine is noisy for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .spread import Spread
from .stopwatch import Cost, Stopwatch

TURN_ROWS = 50_000
"""How many rows a competitor takes before it is the next one's turn."""


class Competitor(Protocol):
    """Takes rows of states up to certain ids, in the order of their ids."""

    @property
    def name(self) -> str:
        """Return how results call it."""

    @property
    def piece_rows(self) -> int:
        """Return how many rows it reads at once."""

    def begin(self) -> None:
        """Begin before the first row."""

    def work(self, until: int, observer: Stopwatch) -> None:
        """Take the rows up to an id."""

    def end(self) -> None:
        """Let go of what it holds."""

    @property
    def rows(self) -> int:
        """Return how many rows it has taken since it began."""

    @property
    def sent(self) -> int:
        """Return how many bytes it would have sent since it began, or 0."""


@dataclass(slots=True)
class Measured:
    """What a competitor took, a value for each repetition, in microseconds a row."""

    rows: int = 0
    bytes_per_row: float = 0.0
    stages: dict[str, list[Cost]] = field(default_factory=dict)

    def add(self, competitor: Competitor, observer: Stopwatch) -> None:
        """Add a repetition."""
        self.rows = competitor.rows
        self.bytes_per_row = competitor.sent / competitor.rows
        for stage, cost in observer.stages.items():
            each = Cost(cost.wall / self.rows * 1e6, cost.cpu / self.rows * 1e6)
            self.stages.setdefault(stage, []).append(each)

    def cpu(self, *stages: str) -> Spread:
        """Return microseconds of processor time a row, of some stages or else of all."""
        return Spread.of(self.repetitions(*stages))

    def repetitions(self, *stages: str) -> list[float]:
        """Return what each repetition took of the processor, likewise."""
        chosen = [self.stages[stage] for stage in stages or self.stages]
        return [sum(cost.cpu for cost in costs) for costs in zip(*chosen, strict=True)]

    def wall(self, *stages: str) -> Spread:
        """Return microseconds a row by the clock on the wall, likewise."""
        chosen = [self.stages[stage] for stage in stages or self.stages]
        return Spread.of(sum(cost.wall for cost in costs) for costs in zip(*chosen, strict=True))


def compete(
    competitors: Sequence[Competitor], last_id: int, repetitions: int, turn_rows: int = TURN_ROWS
) -> Mapping[str, Measured]:
    """Let each take all rows up to the last id, so often, and return what each took by its name.

    Each turn begins with another one, as the first to read rows finds them on the disk.
    """
    measured = {competitor.name: Measured() for competitor in competitors}
    turn = 0
    for _ in range(repetitions):
        watches = [Stopwatch() for _ in competitors]
        for competitor in competitors:
            competitor.begin()
        try:
            for until in [*range(turn_rows, last_id, turn_rows), last_id]:
                turn += 1
                for place in range(len(competitors)):
                    index = (turn + place) % len(competitors)
                    watches[index].start()
                    competitors[index].work(until, watches[index])
        finally:
            for competitor in competitors:
                competitor.end()
        for competitor, observer in zip(competitors, watches, strict=True):
            measured[competitor.name].add(competitor, observer)
    return measured
