"""Waiting for tasks that go on without those who wait for them."""

import asyncio

from ..errors import StoppedError


async def async_result[T](task: asyncio.Task[T]) -> T:
    """Return the result of a task, which goes on if the caller is canceled.

    Raises what the task raises, and StoppedError if that was canceled: its cancellation alone would
    end the caller, such as a script, as if that were meant.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if caller is None or caller.cancelling():
            raise
        raise StoppedError from None
