"""Sentences of the translations in the language of Home Assistant, whatever a browser speaks."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .errors import ExportError


def translated[E: HomeAssistantError](exception: type[E], err: ExportError) -> E:
    """Return an exception that says in the user's language what an export ran into."""
    return exception(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders=err.placeholders,
    )


@callback
def async_text(
    hass: HomeAssistant, category: str, key: str, placeholders: Mapping[str, Any]
) -> str:
    """Return a sentence with its blanks filled in."""
    texts = async_get_cached_translations(hass, hass.config.language, category, DOMAIN)
    return texts[f"component.{DOMAIN}.{category}.{key}"].format_map(placeholders)


@callback
def async_reason(hass: HomeAssistant, err: ExportError | HomeAssistantError) -> str:
    """Return what an error says; as a string, one of Home Assistant speaks English."""
    if isinstance(err, ExportError):
        return async_text(hass, "exceptions", f"{err.key}.message", err.placeholders)
    if err.translation_domain != DOMAIN:
        return str(err)
    key = f"{err.translation_key}.message"
    return async_text(hass, "exceptions", key, err.translation_placeholders or {})
