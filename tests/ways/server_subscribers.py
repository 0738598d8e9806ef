"""Subscribers to what Home Assistant sends elsewhere: each has what arrives while it lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
import threading
from typing import Any

from aiohttp import ClientSession, web
from paho.mqtt.client import Client as MqttClient
from paho.mqtt.enums import CallbackAPIVersion

from tests.machine.patience import async_wait_until

from .arrivals import Arrivals

_SECONDS_TO_SUBSCRIBE = 10
_PAUSE = 0.01
"""Seconds between two questions to Prometheus."""


@asynccontextmanager
async def mqtt_messages(port: int, topic: str) -> AsyncIterator[Arrivals]:
    """Subscribe to a topic of a broker; each message is a state."""
    arrivals = Arrivals()
    subscribed = threading.Event()
    client = MqttClient(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: arrivals.note(message.payload.decode())
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        client.subscribe(topic)
        assert await asyncio.to_thread(subscribed.wait, _SECONDS_TO_SUBSCRIBE)
        yield arrivals
    finally:
        client.disconnect()
        client.loop_stop()


@asynccontextmanager
async def prometheus_answers(
    session: ClientSession, url: str, query: str, first: int
) -> AsyncIterator[Arrivals]:
    """Ask Prometheus again and again for a number that grows by 1, and begins with `first`.

    A number has arrived when it, or a greater one, is in an answer.
    """
    arrivals = Arrivals()

    async def ask() -> None:
        next_ = first
        while True:
            async with session.get(f"{url}/api/v1/query", params={"query": query}) as response:
                answer = await response.json()
            for series in answer["data"]["result"]:
                while next_ <= float(series["value"][1]):
                    arrivals.note(str(next_))
                    next_ += 1
            await asyncio.sleep(_PAUSE)

    task = asyncio.create_task(ask())
    try:
        yield arrivals
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Receiver:
    """A web server that an automation tells of what happens."""

    def __init__(self) -> None:
        """Receive nothing yet."""
        self.arrivals = Arrivals()
        self.received: list[dict[str, Any]] = []
        """The bodies of requests."""

    @asynccontextmanager
    async def running(self, port: int) -> AsyncIterator[None]:
        """Listen on a port of this machine."""
        app = web.Application()
        app.router.add_post("/exports", self._receive)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield
        finally:
            await runner.cleanup()

    async def until_told(self, times: int, seconds: float) -> None:
        """Wait until there were so many requests. Raises TimeoutError."""
        await async_wait_until(lambda: len(self.received) >= times, seconds)

    @property
    def changed(self) -> dict[str, float]:
        """Return when what was told happened, in seconds since 1970, as the bodies say."""
        return {
            body["time"]: datetime.fromisoformat(body["time"]).timestamp() for body in self.received
        }

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.arrivals.note(body["time"])
        self.received.append(body)
        return web.Response()
