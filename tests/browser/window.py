"""The browser's window: what is seen in it is photographed, and what goes wrong is kept."""

import asyncio
import json
from pathlib import Path

from playwright.async_api import ConsoleMessage, Error, Page, Request, Response

WIDTH = 1280
HEIGHT = 900

_LEFT_OUT = "/api/brands/"
"""Pictures of integrations that Home Assistant would fetch from the internet."""
_LEFT_PAGE = "net::ERR_ABORTED"
"""What was still on its way when the window went to another page."""
_NOTHING_TO_REMEMBER = "Failed to read the 'localStorage' property"
"""What an empty page says to the values that every page shall find."""
_LEFT_LIST = "disconnected"
"""What the frontend's long lists throw when they are left before they are laid out."""

_MOMENT = 0.3
"""Seconds after which a page that still loads looks otherwise."""
_PICTURES = 10
"""Pictures at most until a page stands still: some are never."""


class Window:
    """A window that was logged in to a Home Assistant."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        """Keep pictures in the folder."""
        self.page = page
        self._url = url
        self._folder = folder
        self._pictures = 0
        self._complaints: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)

    async def open(self, path: str) -> None:
        """Go to a page of Home Assistant."""
        await self.page.goto(f"{self._url}{path}")

    async def leave(self) -> None:
        """Show an empty page, which does not mind that Home Assistant is not running."""
        await self.page.goto("data:,")

    async def remember(self, name: str, value: str) -> None:
        """Let every page find a value in the browser's storage, as if a user had left it there."""
        await self.page.add_init_script(
            f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})"
        )

    async def photograph(self, name: str, *, height: int = HEIGHT) -> None:
        """Keep what is seen as NN-name.png, once it stands still; the window may be higher."""
        self._pictures += 1
        await self.page.set_viewport_size({"width": WIDTH, "height": height})
        picture = await self._stand_still()
        await self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        (self._folder / f"{self._pictures:02}-{name}.png").write_bytes(picture)

    async def _stand_still(self) -> bytes:
        """Return a picture that was the same a moment before, or the last one of many."""
        before = b""
        for _ in range(_PICTURES):
            picture = await self.page.screenshot(animations="disabled")
            if picture == before:
                break
            before = picture
            await asyncio.sleep(_MOMENT)
        return picture

    def take_complaints(self) -> list[str]:
        """Return what the page and its requests have complained of since the last time."""
        complaints, self._complaints = self._complaints, []
        return complaints

    def _on_console(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        if message.type == "error" and _LEFT_OUT not in address:
            self._complaints.append(f"console: {message.text} ({address})")

    def _on_error(self, error: Error) -> None:
        if error.message != _LEFT_LIST and not error.message.startswith(_NOTHING_TO_REMEMBER):
            self._complaints.append(f"page: {error.stack or error.message}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != _LEFT_PAGE:
            self._complaints.append(f"request: {request.url} {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and _LEFT_OUT not in response.url:
            self._complaints.append(f"request: {response.url} was answered {response.status}")
