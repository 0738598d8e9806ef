"""The sentences in the descriptions of forms."""

from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.estimate.estimate import Estimate, TableEstimate
from custom_components.bigquery_export.flow.descriptions import estimate_sentence
from custom_components.bigquery_export.translation import async_load_translations


def estimate(rows: int, per_day: float, size: int) -> Estimate:
    """Return an estimate of one table."""
    return Estimate({"sensor_data": TableEstimate(rows, per_day, size)})


async def test_sentences(hass: HomeAssistant) -> None:
    """A user reads sizes, times and money in words, and that nothing is to be paid."""
    await async_load_translations(hass)
    text = estimate_sentence(hass, estimate(1_234_567, 50_000, 400))
    for part in ("1,234,567 rows", "494\u00a0MB", "about 8 minutes", "50,000 rows"):
        assert part in text
    assert "Free at Google" in text
    assert "for about 1.4 years" in text
    assert "7.3\u00a0GB a year" in text
    assert "$" not in text
    assert "about a minute" in estimate_sentence(hass, estimate(9, 1, 400))
    assert "more than 20 years" in estimate_sentence(hass, estimate(9, 1, 400))
    assert "about 4 years" in estimate_sentence(hass, estimate(0, 20_000, 400))
    assert "about 2 years" in estimate_sentence(hass, estimate(0, 37_500, 400))
    dear = estimate_sentence(hass, estimate(60_000_000, 10_000_000, 400))
    assert "about 7 hours" in dear
    assert "$0.25 a month for storage, $27.44 after a year" in dear


async def test_decimal_sign(hass: HomeAssistant) -> None:
    """Numbers have the decimal sign of Home Assistant's language."""
    hass.config.language = "de"
    await async_load_translations(hass)
    text = estimate_sentence(hass, estimate(1_234_567, 50_000, 400))
    assert "etwa 1,4 Jahre" in text
    assert "7,3\u00a0GB" in text
    assert "$27,44" in estimate_sentence(hass, estimate(60_000_000, 10_000_000, 400))
