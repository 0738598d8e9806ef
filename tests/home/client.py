"""A client of Home Assistant's REST and WebSocket API."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import (
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    FormData,
    StreamReader,
)

type Json = dict[str, Any]

_SUBENTRY_FLOWS = "/api/config/config_entries/subentries/flow"


class ApiError(Exception):
    """Home Assistant refused a request; the text is its answer."""

    def __init__(self, text: str, key: str | None = None) -> None:
        """Keep the answer, and the key of its sentence in the translations, if it has one."""
        super().__init__(text)
        self.key = key


class Client:
    """Talks to one Home Assistant, as the owner of a long-lived access token."""

    def __init__(self, session: ClientSession, url: str, token: str) -> None:
        """Use the session, which remains the caller's to close."""
        self._session = session
        self._url = url
        self.token = token

    def at(self, url: str) -> Client:
        """Return a client of another Home Assistant that knows the same token."""
        return Client(self._session, url, self.token)

    def with_token(self, token: str) -> Client:
        """Return a client of the same Home Assistant as another user."""
        return Client(self._session, self._url, token)

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Make a REST request and return the JSON of its answer."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._session.request(
            method, f"{self._url}{path}", headers=headers, **options
        ) as response:
            if not response.ok:
                raise ApiError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json()

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientWebSocketResponse]:
        """Open a WebSocket and log in."""
        async with self._session.ws_connect(f"{self._url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            if (await socket.receive_json())["type"] != "auth_ok":
                raise ApiError("the access token was refused")
            yield socket

    async def command(self, command: str, **fields: Any) -> Any:
        """Send one WebSocket command and return its result."""
        async with self.socket() as socket:
            await socket.send_json({"id": 1, "type": command} | fields)
            answer = await socket.receive_json()
            if not answer["success"]:
                error = answer["error"]
                raise ApiError(f"{command}: {error}", error.get("translation_key"))
            return answer["result"]

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[StreamReader]:
        """Make a REST request whose answer does not end."""
        headers = {"Authorization": f"Bearer {self.token}"}
        timeout = ClientTimeout(total=None)
        async with self._session.get(
            f"{self._url}{path}", headers=headers, timeout=timeout, raise_for_status=True
        ) as response:
            yield response.content

    async def core_state(self) -> str:
        """Return what Home Assistant is doing, such as RUNNING."""
        state: str = (await self.request("GET", "/api/core/state"))["state"]
        return state

    async def states(self) -> list[Json]:
        """Return the states of all entities."""
        states: list[Json] = await self.request("GET", "/api/states")
        return states

    async def state(self, entity_id: str) -> str:
        """Return the state of an entity."""
        state: str = (await self.request("GET", f"/api/states/{entity_id}"))["state"]
        return state

    async def set_state(self, entity_id: str, state: str, attributes: Json) -> Json:
        """Write a state into the state machine, as an integration would, and return it."""
        body = {"state": state, "attributes": attributes}
        written: Json = await self.request("POST", f"/api/states/{entity_id}", json=body)
        return written

    async def remove_state(self, entity_id: str) -> None:
        """Take an entity out of the state machine."""
        await self.request("DELETE", f"/api/states/{entity_id}")

    async def fire_event(self, event_type: str, data: Json) -> None:
        """Fire an event, as another Home Assistant would: its origin is remote."""
        await self.request("POST", f"/api/events/{event_type}", json=data)

    async def import_statistics(self, metadata: Json, rows: Sequence[Json]) -> None:
        """Let the recorder write rows of statistics that it does not compile itself."""
        await self.command("recorder/import_statistics", metadata=metadata, stats=rows)

    async def upload(self, name: str, content: bytes) -> str:
        """Upload a file and return the id that stands for it in a form."""
        form = FormData()
        form.add_field("file", content, filename=name)
        file_id: str = (await self.request("POST", "/api/file_upload", data=form))["file_id"]
        return file_id

    async def start_flow(self, domain: str) -> Json:
        """Start to add an integration and return the first step."""
        step: Json = await self.request(
            "POST", "/api/config/config_entries/flow", json={"handler": domain}
        )
        return step

    async def submit(self, flow_id: str, fields: Json) -> Json:
        """Fill in a step's form and return the next step."""
        step: Json = await self.request(
            "POST", f"/api/config/config_entries/flow/{flow_id}", json=fields
        )
        return step

    async def submit_options(self, entry_id: str, fields: Json) -> Json:
        """Fill in the form of an entry's options and return the next step."""
        flows = "/api/config/config_entries/options/flow"
        flow_id = (await self.request("POST", flows, json={"handler": entry_id}))["flow_id"]
        step: Json = await self.request("POST", f"{flows}/{flow_id}", json=fields)
        return step

    async def start_subentry_flow(self, entry_id: str, subentry_type: str) -> Json:
        """Start to add a subentry to a config entry, and return the first step."""
        step: Json = await self.request(
            "POST", _SUBENTRY_FLOWS, json={"handler": [entry_id, subentry_type]}
        )
        return step

    async def submit_subentry(self, flow_id: str, fields: Json) -> Json:
        """Fill in a step's form of a subentry, and return the next step."""
        step: Json = await self.request("POST", f"{_SUBENTRY_FLOWS}/{flow_id}", json=fields)
        return step

    async def entries(self, domain: str) -> list[Json]:
        """Return an integration's config entries."""
        entries: list[Json] = await self.request(
            "GET", "/api/config/config_entries/entry", params={"domain": domain}
        )
        return entries

    async def until_loaded(self, domain: str) -> None:
        """Wait until all config entries of an integration are loaded, such as after a reload."""
        while True:
            if all(entry["state"] == "loaded" for entry in await self.entries(domain)):
                return
            await asyncio.sleep(0.05)

    async def reload_entry(self, entry_id: str) -> None:
        """Reload a config entry."""
        await self.request("POST", f"/api/config/config_entries/entry/{entry_id}/reload")

    async def delete_entry(self, entry_id: str) -> None:
        """Delete a config entry."""
        await self.request("DELETE", f"/api/config/config_entries/entry/{entry_id}")

    async def perform_action(self, domain: str, action: str, data: Json) -> None:
        """Perform an action that has no response."""
        await self.request("POST", f"/api/services/{domain}/{action}", json=data)

    async def perform_action_with_response(
        self, domain: str, action: str, data: Json, *, seconds: float = 300
    ) -> Json:
        """Perform an action and return its response, which may take so long."""
        answer = await self.request(
            "POST",
            f"/api/services/{domain}/{action}",
            params={"return_response": ""},
            json=data,
            timeout=ClientTimeout(total=seconds),
        )
        response: Json = answer["service_response"]
        return response

    async def call_action(self, domain: str, action: str, data: Json) -> Json:
        """Perform an action over the WebSocket, where an error names its sentence."""
        fields = {"domain": domain, "service": action, "service_data": data}
        result = await self.command("call_service", return_response=True, **fields)
        response: Json = result["response"]
        return response

    async def start_fix(self, domain: str, issue_id: str) -> Json:
        """Open the repair of an issue and return the first step."""
        body = {"handler": domain, "issue_id": issue_id}
        step: Json = await self.request("POST", "/api/repairs/issues/fix", json=body)
        return step

    async def submit_fix(self, flow_id: str, fields: Json) -> Json:
        """Fill in a step of a repair and return the next one."""
        step: Json = await self.request("POST", f"/api/repairs/issues/fix/{flow_id}", json=fields)
        return step

    async def recorder_info(self) -> Json:
        """Return how the recorder does: its backlog, and whether it migrates or records."""
        info: Json = await self.command("recorder/info")
        return info

    async def system_log(self) -> list[Json]:
        """Return the warnings and errors since the start."""
        entries: list[Json] = await self.command("system_log/list")
        return entries
