"""Errors of an export as Home Assistant's exceptions, whose sentences are in the translations."""

from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .export.errors import ExportError


def translated[E: HomeAssistantError](exception: type[E], err: ExportError) -> E:
    """Return an exception that says in the user's language what an export ran into."""
    return exception(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders=err.placeholders,
    )
