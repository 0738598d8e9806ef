"""Work on Home Assistant's event loop in short steps."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter

_STEP = 0.001
"""Seconds that a step may take, about."""


async def in_steps[T](items: Iterable[T]) -> AsyncIterator[T]:
    """Yield items, and let the event loop do other work when a step is over."""
    began = perf_counter()
    for item in items:
        yield item
        if perf_counter() - began > _STEP:
            await asyncio.sleep(0)
            began = perf_counter()
