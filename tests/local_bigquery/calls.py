"""The one gate that every call of a client passes, REST and gRPC alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call, one unary gRPC call, or one request of an AppendRows connection."""

    method: str
    """As the API's description names it, for example "tables.insert" or "AppendRows"."""

    resource: str
    """The path of the REST call, or the name of the table or write stream."""

    table: str = ""
    """The id of the table that the call concerns, if it concerns one."""

    request: Any = None
    """The message that a gRPC call brought."""


class AnswerLostError(Exception):
    """The connection breaks instead of an answer."""


class Damage(Enum):
    """What can happen to the body of a REST call's answer."""

    CUT = "cut"
    CORRUPT = "corrupt"


@dataclass(eq=False)
class AnswerDamagedError(Exception):
    """The call was done, but its answer does not arrive as it was."""

    answer: Any
    damage: Damage


@dataclass(eq=False)
class ForeignAnswerError(Exception):
    """Something between the client and BigQuery answers a REST call."""

    status: int
    content: str
    content_type: str
    location: str
    retry_after: int | None


class Faults(Protocol):
    """What may come between a call and what it asks for."""

    async def see_through[Answer](
        self, call: Call, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Do the call's work, or refuse it, or lose its answer."""
        ...


class Gate:
    """Lets every call in and sees it through."""

    def __init__(self, faults: Faults) -> None:
        """Open the gate; `faults` act before and after the work of each call."""
        self._faults = faults
        self._running: set[asyncio.Task[Any]] = set()

    async def run[Answer](self, call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do what a call asks for, to the end even if its client goes away meanwhile.

        BigQuery does the same; and bqemulator must never be left busy while the next call begins.
        """
        task = asyncio.create_task(self._faults.see_through(call, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)
