"""Subscribers to Home Assistant's own API: each has what arrives while its context lasts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
import json
from typing import Any

from aiohttp import ClientWebSocketResponse, StreamReader

from tests.home.client import Client

from .arrivals import Arrivals

_DATA = b"data: "
_PING = b"ping"
_CHANGED = "state_changed"


@asynccontextmanager
async def server_sent_events(client: Client) -> AsyncIterator[Arrivals]:
    """Listen to `/api/stream`."""
    async with client.stream(f"/api/stream?restrict={_CHANGED}") as stream:
        assert await stream.readline() == _DATA + _PING + b"\n"  # Now it listens.
        async with _noting(_read_stream, stream) as arrivals:
            yield arrivals


@asynccontextmanager
async def subscribed_events(client: Client) -> AsyncIterator[Arrivals]:
    """Subscribe to events by WebSocket."""
    async with client.socket() as socket:
        await _subscribe(socket, "subscribe_events", event_type=_CHANGED)
        async with _noting(_read_events, socket) as arrivals:
            yield arrivals


@asynccontextmanager
async def subscribed_entities(client: Client) -> AsyncIterator[Arrivals]:
    """Subscribe to entities by WebSocket, as the frontend does."""
    async with client.socket() as socket:
        await _subscribe(socket, "subscribe_entities")
        async with _noting(_read_entities, socket) as arrivals:
            yield arrivals


@asynccontextmanager
async def _noting[Source](
    read: Callable[[Source, Arrivals], Awaitable[None]], source: Source
) -> AsyncIterator[Arrivals]:
    """Read from a source while the context lasts, and note what arrives."""
    arrivals = Arrivals()

    async def note() -> None:
        await read(source, arrivals)

    task = asyncio.create_task(note())
    try:
        yield arrivals
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _subscribe(socket: ClientWebSocketResponse, command: str, **fields: str) -> None:
    """Send a command that subscribes, and wait until it has."""
    await socket.send_json({"id": 1, "type": command, **fields})
    assert (await socket.receive_json())["success"]


async def _read_stream(stream: StreamReader, arrivals: Arrivals) -> None:
    async for line in stream:
        content = line.removeprefix(_DATA).strip()
        if content and content != _PING:
            _note_event(json.loads(content), arrivals)


async def _read_events(socket: ClientWebSocketResponse, arrivals: Arrivals) -> None:
    while True:
        _note_event((await socket.receive_json())["event"], arrivals)


async def _read_entities(socket: ClientWebSocketResponse, arrivals: Arrivals) -> None:
    while True:
        event = (await socket.receive_json())["event"]
        changes = (change.get("+", {}) for change in event.get("c", {}).values())
        for state in (*event.get("a", {}).values(), *changes):
            if "s" in state:
                arrivals.note(state["s"])


def _note_event(event: dict[str, Any], arrivals: Arrivals) -> None:
    if state := event["data"]["new_state"]:
        arrivals.note(state["state"])
