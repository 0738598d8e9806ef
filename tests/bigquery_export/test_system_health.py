"""System health."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.bigquery_export.const import DOMAIN
from tests.bigquery_export.support.metadata import ENGLISH
from tests.bigquery_export.support.recording import record


async def test_system_health(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    aioclient_mock: AiohttpClientMocker,
) -> None:
    """It says whether Google answers and how all exports are, with a word for each."""
    google = [
        "https://bigquery.googleapis.com",
        "https://bigquerystorage.googleapis.com",
        "https://oauth2.googleapis.com/token",
    ]
    for url in google:
        aioclient_mock.get(url, status=404)
    assert await async_setup_component(hass, "system_health", {})
    await record(hass, 3)
    assert await hass.config_entries.async_setup(entry.entry_id)
    info = await get_system_health_info(hass, DOMAIN)
    # Nothing is asked of the local BigQuery: an address of one's own may not answer to GET.
    assert info.keys() == ENGLISH["system_health"]["info"].keys() - {"api", "storage", "sign_in"}
    waiting = info.pop("rows_waiting")
    assert waiting >= 3
    assert info == {
        "exports": 1,
        "failing": 0,
        "paused": 0,
        "last_export": None,
        "rejected_rows": 0,
    }
    assert not aioclient_mock.mock_calls
    assert await hass.config_entries.async_unload(entry.entry_id)
    info = await get_system_health_info(hass, DOMAIN)
    assert (info["exports"], info["failing"]) == (1, 1)
    assert await hass.config_entries.async_remove(entry.entry_id)
    info = await get_system_health_info(hass, DOMAIN)
    assert info.keys() == ENGLISH["system_health"]["info"].keys()
    assert [await info[key] for key in ("api", "storage", "sign_in")] == ["ok"] * 3
    assert (info["exports"], info["failing"]) == (0, 0)
    assert [str(call[1]) for call in aioclient_mock.mock_calls] == google
    assert not any(call[3] for call in aioclient_mock.mock_calls)
