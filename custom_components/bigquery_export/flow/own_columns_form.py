"""The section of own columns: its fields, and what is checked of them before BigQuery is asked."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from homeassistant.const import (
    CONF_ATTRIBUTE,
    CONF_DOMAINS,
    CONF_NAME,
    CONF_TYPE,
    CONF_UNIT_OF_MEASUREMENT,
)
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
from homeassistant.helpers.selector import (
    ObjectSelector,
    ObjectSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import probatio

from ..const import CONF_INTEGRATIONS, CONF_OWN, CONF_OWN_COLUMNS, CONF_VALUE_UNIT
from ..rows.own_columns import OWN_TYPES, is_column_name, is_taken
from ..rows.own_values import can_convert, units
from ..rows.table import ColumnType
from .field_rules import DOMAIN_PATTERN, GLOB_PATTERN, FormError
from .selectors import TEXTS, open_choices

_MAX_COLUMNS = 100
_UNIT = SelectSelector(SelectSelectorConfig(options=units(), mode=SelectSelectorMode.DROPDOWN))

OWN_COLUMNS_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_OWN_COLUMNS): ObjectSelector(
            ObjectSelectorConfig(
                fields={
                    CONF_NAME: {"selector": TextSelector(), "required": True},
                    CONF_TYPE: {
                        "selector": SelectSelector(
                            SelectSelectorConfig(
                                options=[type_.value for type_ in OWN_TYPES],
                                mode=SelectSelectorMode.DROPDOWN,
                            )
                        ),
                        "required": True,
                    },
                    CONF_ATTRIBUTE: {"selector": TextSelector()},
                    CONF_DOMAINS: {"selector": open_choices([])},
                    CONF_ENTITY_GLOBS: {"selector": TEXTS},
                    CONF_INTEGRATIONS: {"selector": open_choices([])},
                    CONF_UNIT_OF_MEASUREMENT: {"selector": _UNIT},
                    CONF_VALUE_UNIT: {"selector": _UNIT},
                },
                multiple=True,
                label_field=CONF_NAME,
                description_field=CONF_ATTRIBUTE,
                translation_key=CONF_OWN_COLUMNS,
            )
        )
    }
)


def checked_own_columns(
    items: Iterable[Mapping[str, Any]], in_views: Collection[str]
) -> list[dict[str, Any]]:
    """Return own columns as the options store them, without what is empty.

    `in_views` are names that views use. Raises FormError, at their section.
    """
    columns = [
        {
            name: value
            for name, field in item.items()
            if (value := field.strip() if isinstance(field, str) else field)
        }
        for item in items
    ]
    for key, text in _errors(columns, in_views):
        raise FormError({CONF_OWN: key}, {"text": text})
    return columns


def _errors(
    columns: Iterable[Mapping[str, Any]], in_views: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the keys of errors, and what each is about."""
    names = set[str]()
    for column in columns:
        name = column.get(CONF_NAME, "")
        if not is_column_name(name):
            yield "own_column_name_invalid", name
        if is_taken(name) or name.casefold() in in_views:
            yield "own_column_name_taken", name
        if name.casefold() in names:
            yield "own_column_name_twice", name
        names.add(name.casefold())
        yield from _unit_errors(name, column)
        for text in column.get(CONF_ENTITY_GLOBS, ()):
            if not GLOB_PATTERN.fullmatch(text):
                yield "glob_invalid", text
        for text in (*column.get(CONF_DOMAINS, ()), *column.get(CONF_INTEGRATIONS, ())):
            if not DOMAIN_PATTERN.fullmatch(text):
                yield "domain_invalid", text
    if len(names) > _MAX_COLUMNS:
        yield "own_columns_too_many", str(_MAX_COLUMNS)


def _unit_errors(name: str, column: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    unit, before = column.get(CONF_UNIT_OF_MEASUREMENT), column.get(CONF_VALUE_UNIT)
    if unit and column[CONF_TYPE] != ColumnType.FLOAT64:
        yield "own_column_unit_type", name
    if before and not (unit and can_convert(before, unit)):
        yield "own_column_units_unfit", name
