"""Sentences for the descriptions of forms, where a form has to choose between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from ..bigquery.prices import GIB
from ..const import CONF_CONTEXT_ENTITIES, DOMAIN
from ..errors import ExportError
from ..estimate.estimate import Estimate, async_estimate
from ..settings.key_age import key_days
from ..settings.options import options_from

_NO_BREAK_SPACE = "\u00a0"


async def async_key_age_sentence(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return what says how long a key has been in use, if that is known."""
    days = key_days(entry)
    sentences = await Sentences.async_load(hass)
    return {"key_age": sentences.key_age(days) if days is not None else ""}


async def async_content_sentences(
    hass: HomeAssistant,
    *,
    options: Mapping[str, Any],
    needless: Sequence[str],
    service_account: str,
) -> dict[str, str]:
    """Return what an export with these options comes to, and what its key need not be able to."""
    sentences = await Sentences.async_load(hass)
    # What a user has just filled in may lack names.
    named = [{CONF_NAME: "", **item} for item in options.get(CONF_CONTEXT_ENTITIES, ())]
    try:
        estimate = sentences.estimate(
            await async_estimate(hass, options_from({**options, CONF_CONTEXT_ENTITIES: named}))
        )
    except ExportError:
        estimate = sentences.say("estimate_unknown")
    permissions = ", ".join(needless)
    placeholders = {"permissions": permissions, "service_account": service_account}
    return {
        "estimate": estimate,
        "privileges": sentences.say("privileges", **placeholders) if needless else "",
    }


class Sentences:
    """The sentences of `common` in the translations, in the language of Home Assistant."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Take sentences from these texts, by their full keys."""
        self._texts = texts

    @classmethod
    async def async_load(cls, hass: HomeAssistant) -> Sentences:
        """Return the sentences."""
        return cls(await async_get_translations(hass, hass.config.language, "common", [DOMAIN]))

    def say(self, key: str, **placeholders: str) -> str:
        """Return a sentence with its blanks filled in."""
        return self._texts[f"component.{DOMAIN}.common.{key}"].format_map(placeholders)

    def key_age(self, days: int) -> str:
        """Return since when a key has been in use."""
        if days < 1:
            return self.say("key_age_today")
        if days == 1:
            return self.say("key_age_yesterday")
        return self.say("key_age", days=str(days))

    def estimate(self, estimate: Estimate) -> str:
        """Return what an export comes to."""
        return self.say(
            "estimate",
            rows=_number(estimate.rows),
            size=self._size(estimate.bytes),
            duration=self._duration(estimate.seconds),
            rows_per_second=_number(round(estimate.speed.rows_per_second)),
            size_per_second=self._size(round(estimate.speed.bytes_per_second)),
            rows_per_day=_number(estimate.rows_per_day),
            size_per_day=self._size(estimate.bytes_per_day),
            size_per_year=self._size(estimate.bytes_per_year),
            cost=self._cost(estimate),
        )

    def _cost(self, estimate: Estimate) -> str:
        cost = estimate.cost
        if cost.is_free:
            years = estimate.years_of_free_storage
            if years >= 20:
                return self.say("cost_free_for_long", years="20")
            return self.say("cost_free", years=self._years(years))
        return self.say(
            "cost",
            sending_history=self._dollars(cost.sending_history),
            sending=self._dollars(cost.sending_per_month),
            storage=self._dollars(cost.storage_per_month),
            storage_later=self._dollars(cost.storage_per_month_after_a_year),
        )

    def _duration(self, seconds: float) -> str:
        if seconds < 90:
            return self.say("about_a_minute")
        if seconds < 5_400:
            return self.say("about_minutes", minutes=f"{seconds / 60:.0f}")
        return self.say("about_hours", hours=f"{seconds / 3_600:.0f}")

    def _years(self, years: float) -> str:
        """Return a number of years, with a decimal only where it matters."""
        return f"{years:.0f}" if years >= 1.95 else self._decimal(years, 1)

    def _size(self, size: int) -> str:
        """Return a size in megabytes or, where that is long, in gigabytes as Google counts them."""
        if size < GIB:
            return f"{max(1, round(size / 2**20))}{_NO_BREAK_SPACE}MB"
        return f"{self._decimal(size / GIB, 1)}{_NO_BREAK_SPACE}GB"

    def _dollars(self, dollars: float) -> str:
        return f"${self._decimal(dollars, 2)}"

    def _decimal(self, number: float, digits: int) -> str:
        """Return a number with the decimal sign of the language."""
        return f"{number:.{digits}f}".replace(".", self.say("decimal_sign"))


def _number(number: int) -> str:
    """Return a number with spaces, which no language reads as a decimal sign."""
    return f"{number:_}".replace("_", _NO_BREAK_SPACE)
