"""The ways of docs/milliseconds.md that need nothing but Home Assistant."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
import json
import re
from typing import Any

from aiohttp import ClientResponseError
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.rows.export_log import Trigger
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.documentation.markdown import code
from tests.home.client import Client
from tests.home.home_assistant import free_port
from tests.machine.patience import async_wait_until
from tests.ways.arrivals import Arrivals
from tests.ways.page import PAGE, RECEIVER, TOKEN, configuration, parsed
from tests.ways.server_subscribers import Receiver
from tests.ways.subscribers import server_sent_events, subscribed_entities, subscribed_events

type Subscribe = Callable[[Client], AbstractAsyncContextManager[Arrivals]]

SECONDS = 10
"""That a change may take to a subscriber, on an idle machine."""


@pytest.fixture
async def client(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, hass_access_token: str
) -> Client:
    """Return a client of the home's own API, with the token of an administrator."""
    assert await async_setup_component(hass, "api", {})
    assert await async_setup_component(hass, "websocket_api", {})
    client = await hass_client()
    return Client(client.session, str(client.make_url("")).rstrip("/"), hass_access_token)


@pytest.mark.parametrize("subscribe", [server_sent_events, subscribed_events, subscribed_entities])
async def test_changes_arrive(hass: HomeAssistant, client: Client, subscribe: Subscribe) -> None:
    """Every change arrives, in its order, and what is no change of a state does not disturb."""
    hass.states.async_set("sensor.kitchen_power", "0")
    states = [str(number) for number in range(1, 101)]
    async with subscribe(client) as arrivals:
        for state in states:
            hass.states.async_set("sensor.kitchen_power", state, {"number": state})
        hass.states.async_set("sensor.kitchen_power", states[-1], {"number": "again"})
        hass.bus.async_fire("other", {"new_state": None})
        hass.states.async_remove("sensor.kitchen_power")
        hass.states.async_set("sensor.kitchen_power", "last")
        await async_wait_until(lambda: "last" in arrivals.times, SECONDS)
    assert [state for state in arrivals.times if state != "0"] == [*states, "last"]
    assert list(arrivals.times.values()) == sorted(arrivals.times.values())


async def test_requests_of_the_page(
    hass: HomeAssistant, client: Client, hass_read_only_access_token: str
) -> None:
    """They are taken: over the WebSocket from any user, the one that does not end from some."""
    hass.states.async_set("sensor.kitchen_power", "1")
    lines = [line for block in code(PAGE, "json") for line in block.splitlines()]
    login, *commands = map(json.loads, lines)
    assert login == {"type": "auth", "access_token": TOKEN}
    (path,) = re.findall(r"http://192\.168\.1\.5:8123(/\S+)'", PAGE.read_text())
    user = client.with_token(hass_read_only_access_token)
    async with user.socket() as socket:
        for command in commands:
            await socket.send_json(command)
            assert (await socket.receive_json())["success"]
        hass.states.async_set("sensor.kitchen_power", "2")
        while "2" not in str(answer := await socket.receive_json()):
            assert answer["type"] == "event"
    async with client.stream(path) as stream:
        assert await stream.readline() == b"data: ping\n"
    with pytest.raises(ClientResponseError, match="401"):
        async with user.stream(path):
            pass


async def test_an_automation_tells_of_exports(
    hass: HomeAssistant, warehouse: Warehouse, key: dict[str, Any]
) -> None:
    """The automation of the page sends a request when an export has ended, with what it did."""
    warehouse.create_table()
    entry: MockConfigEntry = warehouse.config_entry(key)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, title="BigQuery Export")
    assert await hass.config_entries.async_setup(entry.entry_id)
    port = free_port()
    settings = parsed(configuration("rest_command").replace(RECEIVER, f"http://127.0.0.1:{port}"))
    assert await async_setup_component(hass, "rest_command", settings)
    assert await async_setup_component(hass, "automation", settings)
    receiver = Receiver()
    async with receiver.running(port):
        for number in range(2):
            await record(hass, 3 + number)
            result = await entry.runtime_data.runner.async_export(Trigger.ACTION)
            await receiver.until_told(number + 1, SECONDS)
            told = receiver.received[-1]
            assert (told["event"], told["rows"]) == ("completed", result.total)
        await hass.async_block_till_done()
    assert len(receiver.received) == 2
    assert all(delay >= 0 for delay in receiver.arrivals.delays(receiver.changed))
    assert await hass.config_entries.async_unload(entry.entry_id)
