"""Entities that keep changing, whether Home Assistant is there to hear of it or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from random import Random
import time

import aiohttp

from tests.home.client import ApiError, Client
from tests.home.entities import make_entities
from tests.home.recorded import EVENTS

ENTITIES = 20
CHANGES_PER_SECOND = 40
CHANGES_PER_EVENT = 20
CHANGES_PER_IMPORT = 30
METER = {
    "statistic_id": "torture:meter",
    "source": "torture",
    "unit_of_measurement": "kWh",
    "unit_class": "energy",
    "has_sum": True,
    "name": "Zähler 🔌",
    "mean_type": 0,
}
"""A statistic that no entity has."""
FIRST_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2_200)
"""BigQuery takes nothing that is older than ten years from a stream."""


@asynccontextmanager
async def writing(client: Client, random: Random) -> AsyncIterator[None]:
    """Keep states changing while the context lasts, with an event or a statistic now and then."""
    task = asyncio.create_task(_write(client, random))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _write(client: Client, random: Random) -> None:
    # An hour that was imported twice would be a correction.
    hours = count()
    for number, entity in enumerate(cycle(make_entities(ENTITIES)), 1):
        await asyncio.sleep(1 / CHANGES_PER_SECOND)
        state = entity.next_state(time.time(), random)
        try:
            await client.set_state(entity.entity_id, state, random.choice(entity.attributes))
            if number % CHANGES_PER_EVENT == 0:
                await _fire(client, random, number)
            if number % CHANGES_PER_IMPORT == 0:
                await _import(client, next(hours))
        except aiohttp.ClientError, ApiError, TypeError:
            # It was killed, and starts again. A WebSocket that closes has no JSON: TypeError.
            await asyncio.sleep(0.2)


async def _fire(client: Client, random: Random, number: int) -> None:
    """Fire one of the events that are chosen, or one that is not."""
    event_type, _, domain = random.choice([*EVENTS, "call_service.light", "tick"]).partition(".")
    data = {"entity_id": "automation.lights_at_dusk", "number": number}
    if domain:
        data = {"domain": domain, "service": "turn_on", "service_data": data}
    await client.fire_event(event_type, data)


async def _import(client: Client, hour: int) -> None:
    start = FIRST_HOUR + timedelta(hours=hour)
    await client.import_statistics(
        METER, [{"start": start.isoformat(), "state": hour / 3, "sum": hour / 7}]
    )
