"""The key: how to get one, and the one from a form, uploaded or pasted and accepted by Google."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from ..bigquery.credentials import check_key, read_key
from ..bigquery.key_file import KeyFileError
from ..const import CONF_KEY_FILE, CONF_KEY_JSON, DOCS_URL
from ..errors import ExportError
from ..settings.destination import console_links, destination_from, service_account_of
from .descriptions import async_key_age_sentence
from .field_rules import FormError

KEY_HELP = f"{DOCS_URL}/google-cloud.md"
GCLOUD = (
    "PROJECT=$(gcloud config get-value project)\n"
    "gcloud iam service-accounts keys create \\\n"
    "  home-assistant-key.json --iam-account \\\n"
    '  "home-assistant@$PROJECT.iam.gserviceaccount.com"'
)
"""Lines short enough for the dialog, which does not wrap them."""

_MAX_BYTES = 1_000_000
"""What is longer is no key."""


async def async_about_key(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return the placeholders about the key of an entry, and how to get a new one."""
    return {
        **console_links(destination_from(entry.data)),
        **await async_key_age_sentence(hass, entry),
        "help_url": f"{KEY_HELP}#the-key",
        "service_account": service_account_of(entry.data),
    }


def has_key(user_input: Mapping[str, Any]) -> bool:
    """Return whether a submitted form has a key."""
    return any(user_input.get(field) for field in (CONF_KEY_FILE, CONF_KEY_JSON))


async def async_take_key(hass: HomeAssistant, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key from a submitted form, once Google has accepted it. Raises FormError."""
    field = CONF_KEY_FILE if user_input.get(CONF_KEY_FILE) else CONF_KEY_JSON
    if not has_key(user_input):
        raise FormError({"base": "key_missing"})
    try:
        return await hass.async_add_executor_job(_read, hass, field, user_input[field])
    except KeyFileError as err:
        raise FormError({field: err.key}) from None
    except ExportError as err:
        raise FormError({field: err.key}, err.placeholders) from err


def _read(hass: HomeAssistant, field: str, value: str) -> dict[str, Any]:
    """Return the key from an uploaded file or from text; this blocks."""
    key = read_key(_uploaded(hass, value) if field == CONF_KEY_FILE else value)
    check_key(key)
    return key


def _uploaded(hass: HomeAssistant, file_id: str) -> bytes:
    """Return the content of an uploaded file, which is deleted afterwards."""
    try:
        with process_uploaded_file(hass, file_id) as path, path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except ValueError:
        raise FormError({CONF_KEY_FILE: "file_gone"}) from None
