"""The actions of the integration."""

from typing import Any

from homeassistant.core import Context, HomeAssistant
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.bigquery_export.const import DOMAIN


async def export_now(hass: HomeAssistant) -> Any:
    """Call the action and return its response."""
    return await hass.services.async_call(
        DOMAIN, "export_now", {}, blocking=True, return_response=True
    )


async def act(hass: HomeAssistant, name: str, **data: Any) -> Any:
    """Use an action, and return its response."""
    return await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)


async def act_as(hass: HomeAssistant, user: MockUser, name: str, **data: Any) -> Any:
    """Use an action as a user, and return its response."""
    context = Context(user_id=user.id)
    return await hass.services.async_call(
        DOMAIN, name, data, blocking=True, return_response=True, context=context
    )
