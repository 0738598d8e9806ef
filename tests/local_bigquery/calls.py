"""The one gate that every call of a client passes, REST and gRPC alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call, one unary gRPC call, or one request of an AppendRows connection."""

    method: str
    """As the API's description names it, for example "tables.insert" or "AppendRows"."""

    resource: str
    """The path of the REST call, or the name of the table or write stream."""


class Gate:
    """Lets every call in and sees it through."""

    def __init__(self) -> None:
        """Open the gate."""
        self._running: set[asyncio.Task[Any]] = set()

    async def run[Answer](self, call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do what a call asks for, to the end even if its client goes away meanwhile.

        BigQuery does the same; and bqemulator must never be left busy while the next call begins.
        """
        task = asyncio.create_task(self._pass(call, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _pass[Answer](self, call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Rules that delay, refuse or lose a call will act here: before the work or after it."""
        return await work()
