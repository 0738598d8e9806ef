"""Life in the home: entities that keep changing while Home Assistant runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from random import Random
import time

from tests.home.client import Client
from tests.home.entities import Entity

CHANGES_PER_SECOND = 40


class Activity:
    """Writes states into a running Home Assistant, as its integrations would."""

    def __init__(
        self, client: Client, entities: Sequence[Entity], rate: float = CHANGES_PER_SECOND
    ) -> None:
        """Let these entities change, one after the other, about `rate` times a second."""
        self._pause = 1 / rate
        self._client = client
        self._entities = entities
        self._random = Random()  # noqa: S311 - not a secret
        self._over = asyncio.Event()
        self._begun = asyncio.Event()
        self.changes = 0
        self.longest_wait = 0.0
        """Seconds that Home Assistant took at most to take a change."""

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Keep entities changing while the context lasts; at its end all changes are made.

        It begins when each entity has a state.
        """
        self._over.clear()
        self._begun.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._go_on())
            await self._begun.wait()
            try:
                yield
            finally:
                self._over.set()

    async def _go_on(self) -> None:
        for number, entity in enumerate(cycle(self._entities)):
            if number == len(self._entities):
                self._begun.set()
            if self._over.is_set():
                return
            await asyncio.gather(self._change(entity), asyncio.sleep(self._pause))

    async def _change(self, entity: Entity) -> None:
        """Change an entity; sometimes only an attribute, sometimes it fails or goes away."""
        chance = self._random.random()
        attributes = self._random.choice(entity.attributes)
        state = entity.next_state(time.time(), self._random)
        if chance < 0.03:
            state = "unavailable"
        began = time.monotonic()
        await self._client.set_state(entity.entity_id, state, attributes)
        self.longest_wait = max(self.longest_wait, time.monotonic() - began)
        self.changes += 1
        if chance < 0.01 and entity.entity_id.startswith("sensor."):
            # Others are named in `relationships`, by their states.
            await self._client.remove_state(entity.entity_id)
        elif chance > 0.7:
            attributes = attributes | {"changes": self.changes}
            await self._client.set_state(entity.entity_id, state, attributes)
        else:
            return
        self.changes += 1
