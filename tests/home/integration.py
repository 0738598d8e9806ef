"""The integration in a real Home Assistant, added and configured through its forms."""

import json

from .client import Client, Json

DOMAIN = "bigquery_export"
DATASET = "home_assistant"
DELIVERIES = ("storage_write", "load_job")


class SetupError(Exception):
    """A flow did not end as it must; the text says with what."""


async def add_integration(
    client: Client,
    key: Json,
    *,
    rest_url: str,
    storage_url: str,
    delivery: str = "storage_write",
    what: Json | None = None,
) -> str:
    """Go through the config flow without an export at its end; return the entry's id.

    `what` are fields of the last form. Raises SetupError.
    """
    file_id = await client.upload("key.json", json.dumps(key).encode())
    step = _asking(await client.start_flow(DOMAIN), "user")
    step = _asking(await client.submit(step["flow_id"], {"key_file": file_id}), "destination")
    destination = {
        "project_id": key["project_id"],
        "dataset_id": DATASET,
        "location": "EU",
        "table_id": "sensor_data",
        "delivery": delivery,
        "advanced": {
            "api_endpoint": rest_url,
            "storage_endpoint": storage_url,
        },
    }
    step = _asking(await client.submit(step["flow_id"], destination), "what")
    step = await client.submit(step["flow_id"], {"export_at_once": False, **(what or {})})
    entry_id: str = _created(step)["result"]["entry_id"]
    return entry_id


async def set_options(
    client: Client,
    entry_id: str,
    what: Json,
    *,
    delivery: str = "storage_write",
    batch_rows: int = 2_000,
    queries: bool = False,
    live: bool = False,
) -> None:
    """Go through the options flow, and schedule exports for an hour at which nothing else runs.

    With `live` they are live, and one begins every five minutes. The entry is loaded again after
    this returns. Raises SetupError.
    """
    options = {
        "what": what,
        "schedule": {"frequency": "live"} if live else {"export_time": "03:30:00"},
        "transfer": {"delivery": delivery, "batch_rows": batch_rows},
        "querying": {"queries": queries},
    }
    _created(await client.submit_options(entry_id, options))


async def add_saved_query(client: Client, entry_id: str, type_: str, fields: Json) -> None:
    """Go through the flow of a sensor or statistic from SQL. Raises SetupError."""
    step = _asking(await client.start_subentry_flow(entry_id, type_), "user")
    step = _asking(await client.submit_subentry(step["flow_id"], fields), "price")
    _created(await client.submit_subentry(step["flow_id"], {}))


def _asking(step: Json, step_id: str) -> Json:
    if step.get("step_id") != step_id or step.get("errors"):
        raise SetupError(f"instead of {step_id} came {step}")
    return step


def _created(step: Json) -> Json:
    if step["type"] != "create_entry":
        raise SetupError(f"a flow ended with {step}")
    return step
