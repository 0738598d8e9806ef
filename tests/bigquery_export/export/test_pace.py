"""The pace of an export depends on how busy the event loop is, and how fast the machine."""

import asyncio

import pytest

from custom_components.bigquery_export.export import pace as module
from custom_components.bigquery_export.export.pace import Pace
from custom_components.bigquery_export.source.plan import PIECE_ROWS


class Clock:
    """A time that passes with each sleep, and a bit more."""

    def __init__(self) -> None:
        """Begin at nought, with an event loop that has nothing else to do."""
        self.now = 0.0
        self.late = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds + self.late


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the time."""
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", lambda: clock.now)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    return clock


async def rest(pace: Pace, times: int) -> None:
    """Rest some times."""
    for _ in range(times):
        await pace.async_rest()


async def test_quiet(clock: Clock) -> None:
    """While nothing else is to be done, pauses become shorter, to a limit."""
    await rest(Pace(), 50)
    assert clock.slept == sorted(clock.slept, reverse=True)
    assert clock.slept[0] == 0.01
    assert clock.slept[-1] == 0.002


async def test_busy(clock: Clock) -> None:
    """While the event loop is busy, pauses become longer, to a limit, and shorter afterwards."""
    pace = Pace()
    clock.late = 0.006
    await rest(pace, 20)
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[1] == 0.02
    assert clock.slept[-1] == 1.0
    clock.late = 0.004
    await rest(pace, 100)
    assert clock.slept[-1] == 0.002


@pytest.mark.parametrize(
    ("microseconds", "rows"),
    [(0, PIECE_ROWS), (3, PIECE_ROWS), (8, 500), (20, 200), (1_000, 100)],
)
def test_rows(microseconds: float, rows: int) -> None:
    """A piece has as many rows as are encoded in a few milliseconds."""
    pace = Pace()
    assert pace.rows == 250
    for _ in range(20):
        pace.learn(pace.rows, pace.rows * microseconds / 1e6)
    assert abs(pace.rows - rows) <= 1


def test_nothing_learnt() -> None:
    """A piece without rows says nothing."""
    pace = Pace()
    pace.learn(0, 1.0)
    assert pace.rows == 250
