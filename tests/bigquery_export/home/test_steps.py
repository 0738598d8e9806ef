"""Work in short steps: the event loop gets its turn when a step is over, and not before."""

import asyncio

import pytest

from custom_components.bigquery_export.home import steps


@pytest.mark.parametrize(("seconds", "seen"), [(0.0003, [4, 8]), (0.002, [*range(1, 10)]), (0, [])])
async def test_in_steps(monkeypatch: pytest.MonkeyPatch, seconds: float, seen: list[int]) -> None:
    """A step takes a millisecond, whatever an item takes; all items come, in their order."""
    clock = 0.0
    done: list[int] = []
    turns: list[int] = []

    async def other_work() -> None:
        while True:
            turns.append(len(done))
            await asyncio.sleep(0)

    monkeypatch.setattr(steps, "perf_counter", lambda: clock)
    other = asyncio.create_task(other_work())
    async for item in steps.in_steps(range(10)):
        clock += seconds
        done.append(item)
    other.cancel()
    assert done == [*range(10)]
    assert [turn for turn in turns if 0 < turn < 10] == seen
