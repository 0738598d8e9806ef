"""The destination as a config entry stores it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..bigquery.connection import API_ENDPOINT, STORAGE_ENDPOINT, Destination
from ..const import (
    CONF_API_ENDPOINT,
    CONF_DATASET_ID,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
)


def destination_from(data: Mapping[str, Any]) -> Destination:
    """Return the destination that the data of a config entry describes."""
    return Destination(
        project=data[CONF_PROJECT_ID],
        dataset=data[CONF_DATASET_ID],
        location=data[CONF_LOCATION],
        table=data[CONF_TABLE_ID],
        api_endpoint=data.get(CONF_API_ENDPOINT, API_ENDPOINT),
        storage_endpoint=data.get(CONF_STORAGE_ENDPOINT, STORAGE_ENDPOINT),
    )


def title_of(destination: Destination) -> str:
    """Return the default title of an export to a destination."""
    return f"{destination.dataset}.{destination.table}"


def console_url(destination: Destination) -> str:
    """Return the page of Google's console that shows the table."""
    query = urlencode(
        {
            "project": destination.project,
            "p": destination.project,
            "d": destination.dataset,
            "t": destination.table,
            "page": "table",
        }
    )
    return f"https://console.cloud.google.com/bigquery?{query}"
