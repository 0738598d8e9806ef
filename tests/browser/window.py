"""The browser's window: what is seen in it is photographed, and what goes wrong is kept."""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path

from playwright.async_api import ConsoleMessage, Error, Page, Request, Response

from .texts import is_own

WIDTH = 1280
HEIGHT = 900
PHONE_WIDTH = 390
PHONE_HEIGHT = 844

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
_CUT = """async () => {
  await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const cut = [];
  const inner = element => {
    if (element.shadowRoot) return element.shadowRoot.childNodes;
    const slotted = element.assignedNodes?.() ?? [];
    return slotted.length ? slotted : element.childNodes;
  };
  const visit = (node, place) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (!node.data.trim()) return;
      const range = document.createRange();
      range.selectNodeContents(node);
      const {left, right, width} = range.getBoundingClientRect();
      if (width && (left < place.left - 1 || right > place.right + 1)) cut.push(node.data.trim());
    } else if (node.nodeType === Node.ELEMENT_NODE && node.tagName !== "PRE") {
      const style = getComputedStyle(node);
      if (style.display !== "contents" && !node.checkVisibility({visibilityProperty: true})) return;
      const clips = style.display !== "contents" && style.overflowX !== "visible";
      const within = clips ? node.getBoundingClientRect() : place;
      for (const child of inner(node)) visit(child, within);
    }
  };
  visit(document.body, {left: 0, right: innerWidth});
  return cut;
}"""
"""Finds texts that are wider than the window, or than the element that hides what is outside."""


class Window:
    """A window that was logged in to a Home Assistant."""

    def __init__(self, page: Page, url: str, folder: Path, *, every_form: bool) -> None:
        """Keep pictures in the folder, dark ones and those of a phone as well if wanted."""
        self.page = page
        self._every_form = every_form
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

    async def sizes(self) -> AsyncIterator[int]:
        """Yield the width of a desktop's window and that of a phone, while the page has it."""
        for width, height in ((PHONE_WIDTH, PHONE_HEIGHT), (WIDTH, HEIGHT)):
            await self.page.set_viewport_size({"width": width, "height": height})
            yield width

    async def photograph(self, name: str, *, height: int = HEIGHT) -> None:
        """Keep what is seen as NN-name.png, once it stands still; the window may be higher.

        Texts of the integration that are cut are complained of, also on a phone. Where every form
        is wanted, NN-name-dark.png and NN-name-phone.png are made.
        """
        self._pictures += 1
        path = self._folder / f"{self._pictures:02}-{name}"
        await self.page.set_viewport_size({"width": WIDTH, "height": height})
        path.with_name(f"{path.name}.png").write_bytes(await self._stand_still())
        await self._look_for_cut_texts(name)
        if self._every_form:
            await self.page.emulate_media(color_scheme="dark")
            path.with_name(f"{path.name}-dark.png").write_bytes(await self._stand_still())
            await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size({"width": PHONE_WIDTH, "height": PHONE_HEIGHT})
        if self._every_form:
            path.with_name(f"{path.name}-phone.png").write_bytes(await self._stand_still())
        await self._look_for_cut_texts(f"{name} on a phone")
        await self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    async def _look_for_cut_texts(self, place: str) -> None:
        for text in await self.page.evaluate(_CUT):
            if is_own(text):
                self._complaints.append(f"cut: {text} ({place})")

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
