"""What the integration is set up with: all tables, and small batches."""

from tests.home import integration
from tests.home.client import Client
from tests.home.recorded import EVENTS, TABLES

from .destination import Destination

BATCH_ROWS = 1_000
LIVE = "live"
WAYS = (*integration.DELIVERIES, LIVE)
"""The deliveries, and live exports, which have two of them."""


def delivery_of(way: str) -> str:
    """Return the delivery that is chosen."""
    return integration.DELIVERIES[0] if way == LIVE else way


async def add_integration(client: Client, destination: Destination, way: str) -> str:
    """Go through the config flow and the options flow; return the entry's id."""
    entry_id = await integration.add_integration(
        client,
        destination.key,
        rest_url=destination.rest_url,
        storage_url=destination.storage_url,
        delivery=delivery_of(way),
    )
    await set_options(client, entry_id, way)
    return entry_id


async def set_options(client: Client, entry_id: str, way: str) -> None:
    """Go through the options flow."""
    what = {"tables": TABLES, "events": EVENTS}
    await integration.set_options(
        client,
        entry_id,
        what,
        delivery=delivery_of(way),
        batch_rows=BATCH_ROWS,
        live=way == LIVE,
    )
