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
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
)

_CONSOLE = "https://console.cloud.google.com"


def missing_in(data: Mapping[str, Any]) -> list[str]:
    """Return what the data of a config entry lack to describe a destination."""
    names = (CONF_PROJECT_ID, CONF_DATASET_ID, CONF_LOCATION, CONF_TABLE_ID)
    return [name for name in names if not _text(data, name)]


def destination_from(data: Mapping[str, Any]) -> Destination:
    """Return the destination that the data of a config entry describes.

    What is missing in them is empty.
    """
    return Destination(
        project=_text(data, CONF_PROJECT_ID),
        dataset=_text(data, CONF_DATASET_ID),
        location=_text(data, CONF_LOCATION),
        table=_text(data, CONF_TABLE_ID),
        api_endpoint=_text(data, CONF_API_ENDPOINT) or API_ENDPOINT,
        storage_endpoint=_text(data, CONF_STORAGE_ENDPOINT) or STORAGE_ENDPOINT,
    )


def service_account_of(data: Mapping[str, Any]) -> str:
    """Return the name of the service account of a config entry, if its key has it."""
    key = data.get(CONF_SERVICE_ACCOUNT_KEY)
    return _text(key, "client_email") if isinstance(key, Mapping) else ""


def name_of(destination: Destination) -> str:
    """Return dataset and table of a destination."""
    return f"{destination.dataset}.{destination.table}"


def console_links(destination: Destination) -> dict[str, str]:
    """Return the pages of Google's console about a destination, as placeholders of sentences."""
    project = urlencode({"project": destination.project})
    return {
        "apis_url": f"{_CONSOLE}/apis/library?{project}",
        "billing_url": f"{_CONSOLE}/billing/linkedaccount?{project}",
        "console_url": console_url(destination),
        "iam_url": f"{_CONSOLE}/iam-admin/iam?{project}",
        "keys_url": f"{_CONSOLE}/iam-admin/serviceaccounts?{project}",
    }


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
    return f"{_CONSOLE}/bigquery?{query}"


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
