"""Sentences in the descriptions of forms that depend on the export."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback

from ..const import CONF_CONTEXT_ENTITIES
from ..errors import ExportError
from ..estimate.estimate import Estimate, async_estimate
from ..settings.key_age import key_days
from ..settings.options import options_from
from ..translation import async_load_translations, async_text
from .connection_check import CheckedDestination

_NO_BREAK_SPACE = "\u00a0"


async def async_key_age_sentence(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return the sentence about the age of a key, if that is known."""
    await async_load_translations(hass)
    days = key_days(entry)
    return {"key_age": _key_age(hass, days) if days is not None else ""}


async def async_content_sentences(
    hass: HomeAssistant,
    *,
    options: Mapping[str, Any],
    checked: CheckedDestination,
    service_account: str,
) -> dict[str, str]:
    """Return the estimate of an export, and warnings about its destination, as sentences."""
    await async_load_translations(hass)
    # Options that were just submitted may lack the names of context entities.
    named = [{CONF_NAME: "", **item} for item in options.get(CONF_CONTEXT_ENTITIES, ())]
    try:
        estimate = estimate_sentence(
            hass,
            await async_estimate(hass, options_from({**options, CONF_CONTEXT_ENTITIES: named})),
        )
    except ExportError:
        estimate = _text(hass, "estimate_unknown")
    warnings = []
    if checked.expiring:
        warnings.append(_text(hass, "expiring", days=min(checked.expiring.values())))
    if checked.needless:
        permissions = ", ".join(checked.needless)
        warnings.append(
            _text(hass, "privileges", permissions=permissions, service_account=service_account)
        )
    return {"estimate": estimate, "privileges": "\n\n".join(warnings)}


@callback
def estimate_sentence(hass: HomeAssistant, estimate: Estimate) -> str:
    """Return an estimate as a sentence."""
    return _text(
        hass,
        "estimate",
        rows=estimate.rows,
        size=_size(hass, estimate.bytes),
        duration=_duration(hass, estimate.seconds),
        rows_per_day=estimate.rows_per_day,
        size_per_day=_size(hass, estimate.bytes_per_day),
        size_per_year=_size(hass, estimate.bytes_per_year),
        cost=_cost(hass, estimate),
    )


def _key_age(hass: HomeAssistant, days: int) -> str:
    if days < 1:
        return _text(hass, "key_age_today")
    if days == 1:
        return _text(hass, "key_age_yesterday")
    return _text(hass, "key_age", days=days)


def _cost(hass: HomeAssistant, estimate: Estimate) -> str:
    cost = estimate.cost
    if cost.is_free:
        years = estimate.years_of_free_storage
        if years >= 20:
            return _text(hass, "cost_free_for_long", years="20")
        return _text(hass, "cost_free", years=_years(hass, years))
    return _text(
        hass,
        "cost",
        sending_history=_dollars(hass, cost.sending_history),
        sending=_dollars(hass, cost.sending_per_month),
        storage=_dollars(hass, cost.storage_per_month),
        storage_later=_dollars(hass, cost.storage_per_month_after_a_year),
    )


def _duration(hass: HomeAssistant, seconds: float) -> str:
    if seconds < 90:
        return _text(hass, "about_a_minute")
    if seconds < 5_400:
        return _text(hass, "about_minutes", minutes=f"{seconds / 60:.0f}")
    return _text(hass, "about_hours", hours=f"{seconds / 3_600:.0f}")


def _years(hass: HomeAssistant, years: float) -> str:
    """Return a number of years, with a decimal only where it matters."""
    return f"{years:.0f}" if years >= 1.95 else _decimal(hass, years, 1)


def _size(hass: HomeAssistant, size: int) -> str:
    """Return a size in megabytes or, where that is long, in gigabytes."""
    if size < 1e9:
        return f"{max(1, round(size / 1e6))}{_NO_BREAK_SPACE}MB"
    return f"{_decimal(hass, size / 1e9, 1)}{_NO_BREAK_SPACE}GB"


def _dollars(hass: HomeAssistant, dollars: float) -> str:
    return f"${_decimal(hass, dollars, 2)}"


def _decimal(hass: HomeAssistant, number: float, digits: int) -> str:
    """Return a number with the decimal sign of the language."""
    return f"{number:.{digits}f}".replace(".", _text(hass, "decimal_sign"))


def _text(hass: HomeAssistant, key: str, **placeholders: str | int) -> str:
    return async_text(hass, "common", key, placeholders)
