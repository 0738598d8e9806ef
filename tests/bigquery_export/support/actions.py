"""The actions of the integration."""

from typing import Any

from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.const import DOMAIN


async def export_now(hass: HomeAssistant) -> Any:
    """Call the action and return its response."""
    return await hass.services.async_call(
        DOMAIN, "export_now", {}, blocking=True, return_response=True
    )


async def act(hass: HomeAssistant, name: str, **data: Any) -> Any:
    """Use an action, and return its response."""
    return await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
