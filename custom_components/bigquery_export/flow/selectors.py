"""Selectors that several fields of the options use."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
import probatio

SQL = TextSelector(TextSelectorConfig(multiline=True))
TEXTS = TextSelector(TextSelectorConfig(multiple=True))


def choice(options: Iterable[StrEnum], key: str) -> SelectSelector:
    """Return a selector of one of some values."""
    return SelectSelector(
        SelectSelectorConfig(
            options=[option.value for option in options],
            translation_key=key,
            mode=SelectSelectorMode.LIST,
        )
    )


def choices(options: Iterable[str], key: str) -> SelectSelector:
    """Return a selector of any of some values."""
    return SelectSelector(
        SelectSelectorConfig(
            options=list(options),
            translation_key=key,
            multiple=True,
            mode=SelectSelectorMode.LIST,
        )
    )


def open_choices(options: list[str]) -> SelectSelector:
    """Return a selector of any of some values, or of others that are typed."""
    return SelectSelector(
        SelectSelectorConfig(
            options=options, multiple=True, custom_value=True, mode=SelectSelectorMode.DROPDOWN
        )
    )


def number(least: int, most: int, step: int = 1, unit: str | None = None) -> probatio.All[Any]:
    """Return a selector of a whole number."""
    config = NumberSelectorConfig(min=least, max=most, step=step, mode=NumberSelectorMode.BOX)
    if unit:
        config["unit_of_measurement"] = unit
    return probatio.All(NumberSelector(config), probatio.Coerce(int))
