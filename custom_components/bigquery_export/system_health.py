"""System health: whether Google can be reached, and the status of all exports."""

from typing import Any
from urllib.parse import urlsplit

from homeassistant.components.system_health import (
    SystemHealthRegistration,
    async_check_can_reach_url,
)
from homeassistant.core import HomeAssistant, callback

from .bigquery.connection import API_ENDPOINT, STORAGE_ENDPOINT
from .const import CONF_SERVICE_ACCOUNT_KEY, DOMAIN
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .settings.destination import destination_from

_SIGN_IN = "https://oauth2.googleapis.com/token"
"""The token endpoint that all keys of service accounts have."""


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register what system health asks."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return whether Google can be reached, without a key, and the status of all exports."""
    entries: list[BigQueryExportConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_disabled=False
    )
    loaded_entries: list[BigQueryExportConfigEntry] = hass.config_entries.async_loaded_entries(
        DOMAIN
    )
    loaded = [entry.runtime_data.coordinator for entry in loaded_entries]
    times = [one.data.last_export for one in loaded if one.data.last_export]
    info: dict[str, Any] = {
        name: async_check_can_reach_url(hass, url)
        for name, url in _urls(entries).items()
        if _is_google(url)
    }
    return info | {
        "exports": len(entries),
        "failing": len(entries) - sum(not one.failing for one in loaded),
        "paused": sum(one.paused for one in loaded),
        "last_export": max(times, default=None),
        "rows_waiting": sum(one.data.rows_waiting for one in loaded),
        "rejected_rows": sum(sum(one.data.rejected.values()) + one.data.left_out for one in loaded),
    }


def _urls(entries: list[BigQueryExportConfigEntry]) -> dict[str, str]:
    """Return the addresses of Google's services that the first export uses."""
    for entry in entries:
        destination = destination_from(entry.data)
        return {
            "api": destination.api_endpoint,
            "storage": destination.storage_endpoint,
            "sign_in": (entry.data.get(CONF_SERVICE_ACCOUNT_KEY) or {}).get("token_uri", _SIGN_IN),
        }
    return {"api": API_ENDPOINT, "storage": STORAGE_ENDPOINT, "sign_in": _SIGN_IN}


def _is_google(url: str) -> bool:
    """Return whether an address is Google's; another one may be no server that answers to GET."""
    return (urlsplit(url).hostname or "").endswith(".googleapis.com")
