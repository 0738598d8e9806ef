"""Forms as they are shown: with what there is to choose from, and sections with errors open."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from homeassistant.const import CONF_DOMAINS, CONF_EXCLUDE, CONF_INCLUDE
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers import entity_registry as er
import probatio

from ..const import CONF_INTEGRATIONS
from .field_rules import NO_ERROR, FormError
from .selectors import open_choices


@callback
def async_shown(
    hass: HomeAssistant, schema: probatio.Schema, error: FormError = NO_ERROR
) -> probatio.Schema:
    """Return the schema of a form, with this home's domains and integrations as choices.

    Sections with errors are open.
    """
    selection = _selection(hass)
    fields: dict[Any, Any] = {}
    for field, value in schema.schema.items():
        fields[field] = value
        if isinstance(value, section):
            inner = value.schema
            if field in (CONF_INCLUDE, CONF_EXCLUDE):
                inner = probatio.Schema(
                    {name: selection.get(str(name), of) for name, of in inner.schema.items()}
                )
            collapsed = value.options["collapsed"] and str(field) not in error.errors
            fields[field] = shown = copy(value)
            shown.schema, shown.options = inner, {"collapsed": collapsed}
    return probatio.Schema(fields)


def shown_errors(schema: probatio.Schema, error: FormError) -> dict[str, str]:
    """Return errors by field, as the form is to show them.

    The first one of a section also stands at the top of the form, which is what a user sees then:
    the section may be far below.
    """
    for field, value in schema.schema.items():
        if isinstance(value, section) and str(field) in error.errors:
            return {"base": error.errors[str(field)], **error.errors}
    return error.errors


@callback
def _selection(hass: HomeAssistant) -> Mapping[str, Any]:
    """Return selectors of the domains and integrations that this home's entities have."""
    integrations = {entry.platform for entry in er.async_get(hass).entities.values()}
    domains = {entity_id.partition(".")[0] for entity_id in hass.states.async_entity_ids()}
    return {
        CONF_DOMAINS: open_choices(sorted(domains)),
        CONF_INTEGRATIONS: open_choices(sorted(integrations)),
    }
