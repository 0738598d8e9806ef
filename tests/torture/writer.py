"""Entities that keep changing, whether Home Assistant is there to hear of it or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from random import Random
import time

import aiohttp

from tests.home.client import ApiError, Client
from tests.home.entities import make_entities

ENTITIES = 20
CHANGES_PER_SECOND = 40


@asynccontextmanager
async def writing(client: Client, random: Random) -> AsyncIterator[None]:
    """Keep states changing while the context lasts."""
    task = asyncio.create_task(_write(client, random))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _write(client: Client, random: Random) -> None:
    for entity in cycle(make_entities(ENTITIES)):
        await asyncio.sleep(1 / CHANGES_PER_SECOND)
        state = entity.next_state(time.time(), random)
        try:
            await client.set_state(entity.entity_id, state, random.choice(entity.attributes))
        except aiohttp.ClientError, ApiError:
            # It was killed, and starts again.
            await asyncio.sleep(0.2)
