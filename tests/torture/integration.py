"""The integration is added as a user would add it."""

import json

from tests.home.client import Client, Json
from tests.home.recorded import EVENTS, STATES, TABLES

DOMAIN = "bigquery_export"
PROJECT = "torture-home"
DATASET = "home_assistant"
BATCH_ROWS = 1_000
DELIVERIES = ("storage_write", "load_job")


class SetupError(Exception):
    """A flow did not end as it must; the text says with what."""


async def add_integration(
    client: Client, delivery: str, *, key: Json, rest_url: str, storage_url: str
) -> str:
    """Go through the config flow, choose all tables and small batches; return the entry's id."""
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
            "delivery": delivery,
            "advanced": {
                "api_endpoint": rest_url,
                "storage_endpoint": storage_url,
            },
        },
    )
    step = await client.submit(flow_id, {"export_at_once": False})
    entry_id: str = _created(step)["result"]["entry_id"]
    await choose(client, entry_id, delivery)
    return entry_id


async def choose(client: Client, entry_id: str, delivery: str) -> None:
    """Go through the options flow, and choose all tables."""
    options = {
        "what": {"tables": TABLES, "events": EVENTS},
        # One at which this is not run for long.
        "schedule": {"export_time": "03:30:00"},
        "transfer": {"delivery": delivery, "batch_rows": BATCH_ROWS},
    }
    _created(await client.submit_options(entry_id, options))


def _created(step: Json) -> Json:
    if step["type"] != "create_entry":
        raise SetupError(f"a flow ended with {step}")
    return step
