"""Sentences of the translations in Home Assistant's language, which may differ from a browser's.

Home Assistant loads them when it sets up the integration, but a flow can run before that.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.translation import (
    async_get_cached_translations,
    async_load_integrations,
)

from .const import DOMAIN
from .errors import ExportError


async def async_load_translations(hass: HomeAssistant) -> None:
    """Load what `async_text` needs; flows call it, as the integration may not be set up yet."""
    await async_load_integrations(hass, {DOMAIN})


@callback
def async_text(
    hass: HomeAssistant, category: str, key: str, placeholders: Mapping[str, Any]
) -> str:
    """Return a sentence with its placeholders filled in, numbers as the language writes them."""
    texts = async_get_cached_translations(hass, hass.config.language, category, DOMAIN)
    shown = {
        name: async_number(hass, value) if type(value) in (int, float) else value
        for name, value in placeholders.items()
    }
    return texts[f"component.{DOMAIN}.{category}.{key}"].format_map(shown)


@callback
def async_number(hass: HomeAssistant, number: float) -> str:
    """Return a number with the separators of the language, and six decimals at most."""
    digits = f"{number:_}" if isinstance(number, int) else f"{number:_.6f}".rstrip("0")
    group, decimal = (async_text(hass, "common", key, {}) for key in ("group_sign", "decimal_sign"))
    return digits.removesuffix(".").translate(str.maketrans("_.", group + decimal))


@callback
def async_reason(hass: HomeAssistant, err: ExportError | HomeAssistantError) -> str:
    """Return the sentence of an error; the string of a HomeAssistantError is in English."""
    if isinstance(err, ExportError):
        return async_text(hass, "exceptions", f"{err.key}.message", err.placeholders)
    if err.translation_domain != DOMAIN:
        return str(err)
    key = f"{err.translation_key}.message"
    return async_text(hass, "exceptions", key, err.translation_placeholders or {})


def translated[E: HomeAssistantError](exception: type[E], err: ExportError) -> E:
    """Return an exception of Home Assistant with the sentence of an error."""
    return exception(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders=err.placeholders,
    )


def validation_error(key: str, **placeholders: str) -> ServiceValidationError:
    """Return an exception for a call of an action that cannot be executed."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )
