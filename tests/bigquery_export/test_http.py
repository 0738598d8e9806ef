"""The health of all exports for machines."""

from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import (
    RecorderUnreadableError,
    StorageUnreachableError,
)
from custom_components.bigquery_export.status.error_kinds import ErrorKind
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import state

URL = "/api/bigquery_export/health"


async def health(
    client: ClientSessionGenerator, url: str = URL
) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return what an address answers."""
    response = await (await client()).get(url)
    return HTTPStatus(response.status), await response.json()


async def test_all_well(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """Where exports succeed the status is 200, with what a monitor draws."""
    await record(hass, 3)
    await export_now(hass)
    status, answer = await health(hass_client)
    assert status is HTTPStatus.OK
    (export,) = answer.pop("exports")
    assert answer == {"healthy": True}
    last_export = dt_util.parse_datetime(export.pop("last_export"))
    assert last_export
    assert abs((dt_util.utcnow() - last_export).total_seconds()) < 60
    assert isinstance(export.pop("rows_waiting"), int)
    assert export == {
        "entry_id": loaded.entry_id,
        "title": loaded.title,
        "healthy": True,
        "status": "idle",
        "error": None,
    }


async def test_without_token(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """Nothing is told to who is not signed in."""
    response = await (await hass_client_no_auth()).get(URL)
    assert response.status == HTTPStatus.UNAUTHORIZED


async def test_nothing_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """An entry that is not loaded fails; one that is removed is not told of."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await hass.config_entries.async_unload(entry.entry_id)
    status, answer = await health(hass_client, f"{URL}?dependencies")
    assert status is HTTPStatus.SERVICE_UNAVAILABLE
    assert answer["exports"] == [
        {
            "entry_id": entry.entry_id,
            "title": entry.title,
            "healthy": False,
            "status": "not_loaded",
            "error": None,
            "dependencies": {},
        }
    ]
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert await health(hass_client) == (HTTPStatus.OK, {"healthy": True, "exports": []})


async def test_bigquery_fails(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """Where BigQuery fails the status is 503, and it is told which of the two it is."""
    await record(hass, 3)
    error = StorageUnreachableError(endpoint="https://x", message="no answer")
    with (
        patch.object(StorageWriteDelivery, "begin", side_effect=error),
        pytest.raises(HomeAssistantError),
    ):
        await export_now(hass)
    status, answer = await health(hass_client, f"{URL}?dependencies")
    assert status is HTTPStatus.SERVICE_UNAVAILABLE
    (export,) = answer["exports"]
    assert (export["status"], export["error"]) == ("retrying", "storage_unreachable")
    dependencies = export["dependencies"]
    assert {name: one["state"] for name, one in dependencies.items()} == {
        "recorder": "ok",
        "bigquery": "failing",
    }
    await export_now(hass)
    status, answer = await health(hass_client, f"{URL}?dependencies")
    assert status is HTTPStatus.OK
    for dependency in answer["exports"][0]["dependencies"].values():
        assert dependency["state"] == "ok"
        assert 0 < dependency["response_seconds"] < 30
        answered = dt_util.parse_datetime(dependency["last_response"])
        assert answered
        assert abs((dt_util.utcnow() - answered).total_seconds()) < 60


async def test_recorder_fails(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """A recorder that cannot be read is told apart from BigQuery."""
    with patch(
        "custom_components.bigquery_export.coordinator.async_read_backlog",
        side_effect=RecorderUnreadableError(message="no such table"),
    ):
        await loaded.runtime_data.coordinator.async_refresh()
    status, answer = await health(hass_client, f"{URL}?dependencies")
    assert status is HTTPStatus.SERVICE_UNAVAILABLE
    states = {name: one["state"] for name, one in answer["exports"][0]["dependencies"].items()}
    assert states == {"recorder": "failing", "bigquery": "ok"}


@pytest.mark.usefixtures("all_enabled")
async def test_counters(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Failed exports are counted by kind, and seconds by what they were spent with."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    error = StorageUnreachableError(endpoint="https://x", message="no answer")
    for _ in range(2):
        with (
            patch.object(StorageWriteDelivery, "begin", side_effect=error),
            pytest.raises(HomeAssistantError),
        ):
            await export_now(hass)
    with (
        patch.object(StorageWriteDelivery, "begin", side_effect=ZeroDivisionError),
        pytest.raises(ZeroDivisionError),
    ):
        await export_now(hass)
    await export_now(hass)
    errors = {kind: int(state(hass, f"errors_{kind}")) for kind in ErrorKind}
    assert {kind: number for kind, number in errors.items() if number} == {
        "connection": 2,
        "other": 1,
    }
    assert all(
        0 < entry.runtime_data.runner.phase_seconds[phase] < 60
        for phase in entry.runtime_data.runner.phase_seconds
    )
    assert float(state(hass, "time_committing")) > 0
