"""What the integration is set up with: all tables, and small batches."""

from tests.home import integration
from tests.home.client import Client
from tests.home.recorded import EVENTS, TABLES

from .destination import Destination

BATCH_ROWS = 1_000


async def add_integration(client: Client, destination: Destination, delivery: str) -> str:
    """Go through the config flow and the options flow; return the entry's id."""
    entry_id = await integration.add_integration(
        client,
        destination.key,
        rest_url=destination.rest_url,
        storage_url=destination.storage_url,
        delivery=delivery,
    )
    await set_options(client, entry_id, delivery)
    return entry_id


async def set_options(client: Client, entry_id: str, delivery: str) -> None:
    """Go through the options flow."""
    what = {"tables": TABLES, "events": EVENTS}
    await integration.set_options(client, entry_id, what, delivery=delivery, batch_rows=BATCH_ROWS)
