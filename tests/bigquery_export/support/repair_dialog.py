"""The dialog of a repair, by the requests that the frontend makes."""

from http import HTTPStatus
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import DOMAIN


class RepairDialog:
    """The dialog of a repair, as the frontend has it."""

    def __init__(self, hass: HomeAssistant, client: Any) -> None:
        """Open no repair yet."""
        self._hass = hass
        self._client = client
        self._url = "/api/repairs/issues/fix"
        self.step: dict[str, Any] = {}

    @classmethod
    async def create(cls, hass: HomeAssistant, client: ClientSessionGenerator) -> RepairDialog:
        """Return a dialog in which repairs can be opened."""
        for name in ("repairs", "file_upload"):
            assert await async_setup_component(hass, name, {})
        return cls(hass, await client())

    async def open(self, name: str, entry: MockConfigEntry) -> dict[str, Any]:
        """Open a repair, and return its first step."""
        data = {"handler": DOMAIN, "issue_id": f"{name}_{entry.entry_id}"}
        self.step = await self._post("", data)
        return self.step

    async def submit(self, **data: Any) -> dict[str, Any]:
        """Submit a step, and return the next one."""
        self.step = await self._post(f"/{self.step['flow_id']}", data)
        return self.step

    async def _post(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(self._url + path, json=data)
        assert response.status == HTTPStatus.OK, await response.text()
        await self._hass.async_block_till_done()
        step: dict[str, Any] = await response.json()
        return step
