"""The integration is added as a user would add it."""

import asyncio
import json

from tests.home.client import Client, Json
from tests.home.compare_entities import ENTITIES
from tests.home.recorded import EVENTS, STATES, TABLES
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery

DOMAIN = "bigquery_export"
PROJECT = "soak-home"
DATASET = "home_assistant"
AMBIENT = [
    {"entity_id": "weather.forecast_home", "name": "weather"},
    {"entity_id": "sensor.office_power", "name": "office_power"},
]
SECONDS_TO_RELOAD = 20


class SetupError(Exception):
    """A flow did not end as it must; the text says with what."""


async def add_integration(client: Client, bigquery: LocalBigQuery) -> str:
    """Go through the config flow, and choose all tables; return the entry's id."""
    key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
    file_id = await client.upload("key.json", json.dumps(key).encode())
    flow_id = (await client.start_flow(DOMAIN))["flow_id"]
    await client.submit(flow_id, {"key_file": file_id})
    await client.submit(
        flow_id,
        {
            "project_id": PROJECT,
            "dataset_id": DATASET,
            "location": "EU",
            "table_id": STATES,
            "advanced": {
                "api_endpoint": bigquery.rest_url,
                "storage_endpoint": bigquery.storage_url,
            },
        },
    )
    step = await client.submit(flow_id, {"export_at_once": False})
    entry_id: str = _created(step)["result"]["entry_id"]
    options = {
        "what": {
            "tables": [*TABLES, ENTITIES],
            "events": EVENTS,
            "surroundings": AMBIENT,
        },
        # One at which this is not run for long.
        "schedule": {"export_time": "03:30:00"},
        "transfer": {"delivery": "storage_write", "batch_rows": 2_000},
    }
    _created(await client.submit_options(entry_id, options))
    async with asyncio.timeout(SECONDS_TO_RELOAD):
        await client.until_loaded(DOMAIN)
    return entry_id


def _created(step: Json) -> Json:
    if step["type"] != "create_entry":
        raise SetupError(f"a flow ended with {step}")
    return step
