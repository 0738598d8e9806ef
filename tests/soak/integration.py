"""The integration is set up with everything that it can export."""

import asyncio

from tests.home.client import Client
from tests.home.compare_entities import ENTITIES
from tests.home.integration import DOMAIN, add_integration, set_options
from tests.home.recorded import EVENTS, TABLES
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery

PROJECT = "soak-home"
AMBIENT = [
    {"entity_id": "weather.forecast_home", "name": "weather"},
    {"entity_id": "sensor.office_power", "name": "office_power"},
]
SECONDS_TO_RELOAD = 20


async def set_up(client: Client, bigquery: LocalBigQuery) -> str:
    """Add the integration, and choose all tables; return the entry's id."""
    key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
    entry_id = await add_integration(
        client, key, rest_url=bigquery.rest_url, storage_url=bigquery.storage_url
    )
    what = {"tables": [*TABLES, ENTITIES], "events": EVENTS, "surroundings": AMBIENT}
    await set_options(client, entry_id, what)
    async with asyncio.timeout(SECONDS_TO_RELOAD):
        await client.until_loaded(DOMAIN)
    return entry_id
