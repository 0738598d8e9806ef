"""What an export shows: the states of its sensors, and repair issues."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.settings.destination import console_links, destination_from

_OF_ALL_ISSUES = {"service_account", *console_links(destination_from({}))}
"""Placeholders that each issue has: who has to be given a role, and where that is done."""


def state(hass: HomeAssistant, key: str) -> str:
    """Return what a sensor of the export shows."""
    found = hass.states.get(f"sensor.home_sensor_data_{key}")
    assert found is not None
    return found.state


def issues_of(hass: HomeAssistant) -> dict[str, dict[str, str] | None]:
    """Return the repair issues that there are, and their own placeholders."""
    return {
        issue.translation_key or "": issue.translation_placeholders
        and {
            name: value
            for name, value in issue.translation_placeholders.items()
            if name not in _OF_ALL_ISSUES
        }
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    }
