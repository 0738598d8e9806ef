"""How long the stages of some work take: on the wall's clock, and of the processor's time."""

from collections import defaultdict
from dataclasses import dataclass, field
import time


@dataclass(slots=True)
class Cost:
    """Seconds by the clock on the wall, and of the processor."""

    wall: float = 0.0
    cpu: float = 0.0

    def add(self, other: Cost) -> None:
        """Count something else that was done as well."""
        self.wall += other.wall
        self.cpu += other.cpu


@dataclass(slots=True)
class Stopwatch:
    """Adds up the time of the thread that uses it, stage by stage."""

    stages: defaultdict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    _wall: float = 0.0
    _cpu: float = 0.0

    def start(self) -> None:
        """Begin with a stage; the time before belongs to none."""
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def lap(self, stage: str) -> None:
        """Count the time since the last call for a stage, and begin with the next one."""
        wall, cpu = time.perf_counter(), time.thread_time()
        self.stages[stage].add(Cost(wall - self._wall, cpu - self._cpu))
        self._wall, self._cpu = wall, cpu
