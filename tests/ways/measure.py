"""How long it takes from a change in a real Home Assistant until a subscriber has it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

from aiohttp import ClientSession

from tests.benchmark import sink
from tests.home.client import Client, Json
from tests.home.home_assistant import HomeAssistant, free_port
from tests.home.integration import DOMAIN, add_integration
from tests.local_bigquery.process import DATA_EDITOR, start
from tests.machine.patience import async_wait_until

from .arrivals import Arrivals, Delays
from .packages import MissingPackageError, debian_program
from .page import RECEIVER, base_topic, configuration, scrape_configuration
from .server_subscribers import Receiver, mqtt_messages, prometheus_answers
from .servers import mqtt_broker, prometheus_server
from .subscribers import server_sent_events, subscribed_entities, subscribed_events

PROJECT = "ways-home"
SENSOR = "sensor.kitchen_power"
ATTRIBUTES: Json = {"unit_of_measurement": "W", "device_class": "power"}
CHANGES_PER_SECOND = 50
FIRST = 1_000_000
"""The first state; the others are the numbers after it, which no other entity has."""
SECONDS_TO_ARRIVE = 10
WARM_UP = 20
"""Changes before those that are measured."""
NO_TLS = {"set_client_cert": False, "set_ca_cert": "off"}
"""What the form of MQTT asks for besides, in its defaults."""
API = {
    "server-sent events": server_sent_events,
    "WebSocket, subscribe_events": subscribed_events,
    "WebSocket, subscribe_entities": subscribed_entities,
}
"""The ways that need nothing but Home Assistant."""


class Ways:
    """Measures one way after the other in one home."""

    def __init__(
        self, folder: Path, changes: int, exports: int, say: Callable[[str], None]
    ) -> None:
        """Measure so many changes of a state by each way, and exports that are told of."""
        self._folder = Path(mkdtemp(dir=folder, prefix="ways-"))
        self._changes = changes
        self._exports = exports
        self._say = say
        self._next = FIRST
        self.delays: list[Delays] = []
        self.missing: list[str] = []
        """What could not be measured, and why."""

    async def measure(self) -> None:
        """Measure all ways that can be had."""
        receiver_port = free_port()
        home_folder = self._folder / "home"
        home_folder.mkdir()
        home = HomeAssistant(
            home_folder,
            configuration=configuration("rest_command").replace(
                RECEIVER, f"http://127.0.0.1:{receiver_port}"
            ),
        )
        async with home:
            for name, subscribe in API.items():
                await self._measure(name, home.client, subscribe(home.client))
            await self._measure_exports(home.client, receiver_port)
            for measure in (self._measure_prometheus, self._measure_mqtt):
                try:
                    await measure(home)
                except MissingPackageError as missing:
                    self.missing.append(str(missing))

    async def _measure(
        self, name: str, client: Client, subscribed: AbstractAsyncContextManager[Arrivals]
    ) -> None:
        """Let a state change, and see when it arrives at a subscriber."""
        async with subscribed as arrivals:
            await self._change(client, WARM_UP)
            await self._until_arrived(arrivals)
            changed = await self._change(client, self._changes)
            with suppress(TimeoutError):
                await self._until_arrived(arrivals)
        self._note(Delays.of(name, arrivals, changed))

    async def _until_arrived(self, arrivals: Arrivals) -> None:
        """Wait until the last state has arrived. Raises TimeoutError."""
        last = str(self._next - 1)
        await async_wait_until(lambda: last in arrivals.times, SECONDS_TO_ARRIVE)

    async def _measure_exports(self, client: Client, port: int) -> None:
        """Export, and see when the automation tells of it."""
        receiver = Receiver()
        with start(self._folder / "sink", module=sink.MODULE) as bigquery:
            key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
            entry_id = await add_integration(
                client,
                key,
                rest_url=bigquery.rest_url,
                storage_url=bigquery.storage_url,
                what={"tables": ["sensor_data"]},
            )
            async with receiver.running(port):
                for _ in range(self._exports):
                    told = len(receiver.received)
                    await client.perform_action_with_response(
                        DOMAIN, "export_now", {"config_entry_id": entry_id}
                    )
                    await receiver.until_told(told + 1, SECONDS_TO_ARRIVE)
            await client.request("DELETE", f"/api/config/config_entries/entry/{entry_id}")
        self._note(Delays.of("a request after an export", receiver.arrivals, receiver.changed))

    async def _measure_prometheus(self, home: HomeAssistant) -> None:
        """Let Prometheus ask for the state, and ask Prometheus. Raises MissingPackageError."""
        prometheus = debian_program("prometheus", self._folder / "prometheus-package")
        await self._restart_with(home, "prometheus")
        settings = scrape_configuration(f"127.0.0.1:{home.port}", home.client.token)
        query = f'{{__name__=~"homeassistant_sensor_.+", entity="{SENSOR}"}}'
        with prometheus_server(prometheus, self._folder, settings) as url:
            async with ClientSession() as session:
                answers = prometheus_answers(session, url, query, self._next)
                await self._measure("Prometheus", home.client, answers)

    async def _measure_mqtt(self, home: HomeAssistant) -> None:
        """Let MQTT Statestream publish the state. Raises MissingPackageError."""
        mosquitto = debian_program("mosquitto", self._folder / "mosquitto-package")
        with mqtt_broker(mosquitto, self._folder) as port:
            step = await home.client.start_flow("mqtt")
            fields = {"broker": "127.0.0.1", "port": port, "other_settings": NO_TLS}
            added = await home.client.submit(step["flow_id"], fields)
            assert added["type"] == "create_entry", added
            await self._restart_with(home, "mqtt_statestream")
            topic = f"{base_topic()}/{SENSOR.replace('.', '/')}/state"
            await self._measure("MQTT", home.client, mqtt_messages(port, topic))

    async def _restart_with(self, home: HomeAssistant, integration: str) -> None:
        """Start Home Assistant again with what the page says of an integration."""
        with (home.directory / "configuration.yaml").open("a") as file:
            file.write(configuration(integration))
        await home.stop()
        await home.start()

    def _note(self, delays: Delays) -> None:
        self.delays.append(delays)
        self._say(f"the way {delays.name}: {delays.p50:.1f} ms, 99%: {delays.p99:.1f} ms")

    async def _change(self, client: Client, number: int) -> dict[str, float]:
        """Change a state so often; return when it had each, in seconds since 1970."""
        changed = {}

        async def change(state: str) -> None:
            written = await client.set_state(SENSOR, state, ATTRIBUTES)
            changed[state] = datetime.fromisoformat(written["last_updated"]).timestamp()

        for state in range(self._next, self._next + number):
            await asyncio.gather(change(str(state)), asyncio.sleep(1 / CHANGES_PER_SECOND))
        self._next += number
        return changed
