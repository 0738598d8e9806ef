"""The form for what a new export contains: its fields, and the options that follow from it."""

from collections.abc import Iterator, Mapping
from typing import Any

from homeassistant.const import CONF_EXCLUDE, CONF_INCLUDE
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio

from ..const import (
    CONF_CONTEXT_ENTITIES,
    CONF_EVENT_PRESETS,
    CONF_EXPORT_AT_ONCE,
    CONF_HISTORY,
    CONF_PRIVACY,
    CONF_TABLES,
)
from ..export.tables import DEFAULT_TABLES
from ..runner.start_position import History
from .field_rules import check_options, checked_context_entities
from .options_form import OPTIONS_SCHEMA


def _fields(schema: probatio.Schema) -> Iterator[tuple[Any, Any]]:
    """Yield the fields of a form, and those of its sections."""
    for field, validator in schema.schema.items():
        yield field, validator
        if isinstance(validator, section):
            yield from _fields(validator.schema)


_OPTIONS = dict(_fields(OPTIONS_SCHEMA))
CONTENT_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_TABLES, default=list(DEFAULT_TABLES)): _OPTIONS[CONF_TABLES],
        probatio.Optional(CONF_EVENT_PRESETS, default=[]): _OPTIONS[CONF_EVENT_PRESETS],
        probatio.Required(CONF_HISTORY, default=History.ALL.value): SelectSelector(
            SelectSelectorConfig(
                options=[choice.value for choice in History],
                translation_key=CONF_HISTORY,
                mode=SelectSelectorMode.LIST,
            )
        ),
        probatio.Optional(CONF_CONTEXT_ENTITIES): _OPTIONS[CONF_CONTEXT_ENTITIES],
        probatio.Optional(CONF_INCLUDE): _OPTIONS[CONF_INCLUDE],
        probatio.Optional(CONF_EXCLUDE): _OPTIONS[CONF_EXCLUDE],
        probatio.Optional(CONF_PRIVACY): _OPTIONS[CONF_PRIVACY],
        probatio.Required(CONF_EXPORT_AT_ONCE, default=True): BooleanSelector(),
    }
)


@callback
def content_options(hass: HomeAssistant, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options from a submitted form. Raises FormError."""
    check_options(user_input)
    # An empty list says that the user wants none, not even the default ones.
    context_entities = checked_context_entities(
        hass, user_input.get(CONF_CONTEXT_ENTITIES, []), CONF_CONTEXT_ENTITIES
    )
    no_options = (CONF_EXPORT_AT_ONCE, CONF_HISTORY)
    options = {name: value for name, value in user_input.items() if name not in no_options}
    return {**options, CONF_CONTEXT_ENTITIES: context_entities}
