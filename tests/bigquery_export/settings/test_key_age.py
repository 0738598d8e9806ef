"""How long a key has been in use, and the advice to replace it."""

from datetime import datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import CONF_KEY_SINCE, DOMAIN
from custom_components.bigquery_export.flow.descriptions import async_key_age_sentence
from custom_components.bigquery_export.settings.key_age import key_age, key_since
from custom_components.bigquery_export.settings.options import options_from
from custom_components.bigquery_export.status.issues import async_remove_issues, async_show_old_key


async def test_key_age(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """A key is as old as its time in use; who never said so has none, and gets no advice."""
    await async_load_integrations(hass, {DOMAIN})
    entry = MockConfigEntry(domain=DOMAIN, title="home.sensor_data")
    entry.add_to_hass(hass)
    assert key_since(entry) is None
    assert key_age(entry) is None
    issue = f"key_old_{entry.entry_id}"
    registry = ir.async_get(hass)

    def advised(days: int) -> bool:
        async_show_old_key(hass, entry, days)
        return registry.async_get_issue(DOMAIN, issue) is not None

    assert not advised(1)
    now = dt_util.utcnow()
    hass.config_entries.async_update_entry(entry, data={CONF_KEY_SINCE: now.isoformat()})
    assert key_since(entry) == now
    freezer.tick(timedelta(days=90, seconds=1))
    assert key_age(entry) == timedelta(days=90, seconds=1)
    assert not advised(0)
    assert not advised(91)
    assert advised(90)
    found = registry.async_get_issue(DOMAIN, issue)
    assert found
    assert found.severity is ir.IssueSeverity.WARNING
    own = {"title": "home.sensor_data", "days": "90", "limit": "90"}
    assert own.items() <= (found.translation_placeholders or {}).items()
    # A new key ends it, and so does the end of the export.
    assert not advised(91)
    assert advised(90)
    async_remove_issues(hass, entry)
    assert not registry.async_get_issue(DOMAIN, issue)


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(days=200)], ids=str)
def test_key_of_a_time_to_come(hass: HomeAssistant, ahead: timedelta) -> None:
    """A key that was saved while the clock was ahead is new."""
    data = {CONF_KEY_SINCE: (dt_util.utcnow() + ahead).isoformat()}
    entry = MockConfigEntry(domain=DOMAIN, data=data)
    assert key_age(entry) == timedelta()


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("2026-11-21 21:00", "saved today"),
        ("2026-11-21 00:00", "saved today"),
        ("2026-11-20 23:59", "saved yesterday"),
        ("2026-11-19 23:59", "saved 2 days ago"),
        ("2026-10-22 12:00", "saved 30 days ago"),
        ("2026-11-23 12:00", "saved today"),
    ],
)
async def test_key_age_in_words(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, since: str, said: str
) -> None:
    """A form says how old a key is by the days of the home, also when its clock was wrong."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    zone = dt_util.get_default_time_zone()
    freezer.move_to(datetime(2026, 11, 21, 22, tzinfo=zone))
    saved = datetime.fromisoformat(since).replace(tzinfo=zone)
    data = {CONF_KEY_SINCE: dt_util.as_utc(saved).isoformat()}
    entry = MockConfigEntry(domain=DOMAIN, data=data)
    assert f"{said}." in (await async_key_age_sentence(hass, entry))["key_age"]


def test_days_are_an_option() -> None:
    """A year is the advice, unless the user sets something else."""
    assert options_from({}).key_days == 365
    assert options_from({"key_days": 0}).key_days == 0
