"""Diagnostics of BigQuery Export, for a bug report."""

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant

from .const import CONF_API_ENDPOINT, CONF_SERVICE_ACCOUNT_KEY, CONF_STORAGE_ENDPOINT
from .coordinator import BigQueryExportConfigEntry

TO_REDACT = {CONF_API_ENDPOINT, CONF_SERVICE_ACCOUNT_KEY, CONF_STORAGE_ENDPOINT}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: BigQueryExportConfigEntry
) -> dict[str, Any]:
    """Return what helps to find a mistake, without any secret."""
    return {
        "data": async_redact_data(entry.data, TO_REDACT),
        "options": dict(entry.options),
        "status": asdict(entry.runtime_data.data),
    }
