"""A server that can be away: a forwarder on the loopback interface that can be shut."""

import asyncio
from contextlib import suppress
from enum import Enum, auto
from typing import Self

_PIECE = 65_536


class Answer(Enum):
    """What becomes of a connection."""

    FORWARDED = auto()
    REFUSED = auto()
    NONE = auto()
    """It is made, and nothing comes."""


class Gate:
    """Forwards a port of its own to a server; it is used from the event loop."""

    def __init__(self, host: str, port: int) -> None:
        """Forward to this server, once it is opened."""
        self._address = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers = Answer.FORWARDED
        self.port = 0

    async def __aenter__(self) -> Self:
        """Take a free port."""
        await self.answer(Answer.FORWARDED)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more connections, and end those that there are."""
        await self.answer(Answer.REFUSED)

    async def answer(self, answer: Answer) -> None:
        """End all connections, and let this become of others."""
        if self._server:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._answers = answer
        if answer is not Answer.REFUSED:
            self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            if self._answers is Answer.FORWARDED:
                await self._forward(reader, writer)
            else:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(*self._address)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, server))
                tasks.create_task(_pump(answers, writer))
        finally:
            server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
