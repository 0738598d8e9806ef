"""The dialog of a flow, which asks a user step by step."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
import re

from playwright.async_api import Locator, expect

from .texts import pattern, patterns, text
from .window import Window

_MOMENT = 5.0
"""Seconds after which a click has surely gone astray."""


async def _is_in_view(text: Locator) -> bool:
    """Return whether a text is seen, and not only there when one scrolls."""
    with suppress(AssertionError):
        await expect(text).to_be_in_viewport(ratio=1, timeout=_MOMENT * 100)
        return True
    return False


class Dialog:
    """The dialog of a flow; it counts what a user has to go through in it."""

    def __init__(self, window: Window) -> None:
        """Look at the dialog of the window, whether it is open or not yet."""
        self._page = window.page
        self._dialog = window.page.locator("dialog-data-entry-flow")
        self.screens = 0
        self.values = 0

    async def until_step(self, key: str) -> None:
        """Wait for a form, by the key of its step."""
        whole = re.compile(rf"^\s*{pattern(f'{key}.title').pattern}\s*$")
        title = self._dialog.get_by_text(whole)
        await expect(title.first).to_be_visible()
        await expect(self._button("Submit")).to_be_enabled()
        self.screens += 1

    async def upload(self, file: Path) -> None:
        """Choose a file."""
        upload = self._dialog.locator("ha-file-upload")
        await upload.locator("input[type=file]").set_input_files(file)
        # The name is there before the file is uploaded, the button that takes it away is not.
        await expect(upload.locator("ha-icon-button")).to_be_visible()
        await expect(upload.get_by_text(file.name).first).to_be_visible()
        self.values += 1

    def time(self, key: str) -> Locator:
        """Return the boxes of a time, by the key of its label."""
        return self._dialog.locator("ha-selector-time", has_text=text(key)).locator("input")

    async def type(self, field: str, value: str) -> None:
        """Type a text into a field."""
        await self._dialog.locator(f"input[name={field}]").fill(value)
        self.values += 1

    async def type_all(self, values: Mapping[str, str]) -> None:
        """Type texts into fields."""
        for field, value in values.items():
            await self.type(field, value)

    async def until_has(self, field: str, value: str) -> None:
        """Wait until a field has a text."""
        await expect(self._dialog.locator(f"input[name={field}]")).to_have_value(value)

    async def write(self, value: str) -> None:
        """Write a text of several lines, into the only field for one."""
        await self._dialog.locator("textarea").first.fill(value)

    def number(self, key: str) -> Locator:
        """Return the box of a number, by the key of its label."""
        return self._dialog.locator("ha-selector-number", has_text=text(key)).locator("input")

    def choice(self, key: str) -> Locator:
        """Return one of several choices, of which one is taken, by the key of its text."""
        return self._dialog.get_by_role("radio", name=text(key), exact=True)

    def box(self, key: str) -> Locator:
        """Return a box to tick, by the key of its text."""
        return self._dialog.get_by_role("checkbox", name=text(key), exact=True)

    def switch(self, key: str) -> Locator:
        """Return a switch, by the key of its label."""
        return self._dialog.locator("ha-selector-boolean", has_text=text(key)).locator("input")

    async def tick(self, box: Locator) -> None:
        """Tick a box."""
        # What draws it lies above it.
        await box.press("Space")
        await expect(box).to_be_checked()

    async def until_seen(self, text: str) -> None:
        """Wait for a text that no translation has."""
        await expect(self._dialog.get_by_text(text, exact=True).first).to_be_visible()

    async def untick(self, box: Locator) -> None:
        """Take the tick of a box away."""
        await box.press("Space")
        await expect(box).not_to_be_checked()

    async def unfold(self, key: str) -> None:
        """Open a section, by the key of its name."""
        panel = self._dialog.locator("ha-expansion-panel", has=self.section(key))
        await panel.locator("[slot=header]").click()
        # Until it is open all the way, what is in it cannot be clicked.
        await expect(panel.locator(".container")).to_have_css("overflow", "visible")

    async def choose(self, choice: Locator) -> None:
        """Take a choice; a click goes astray when what is above grows at that moment."""
        while not await choice.is_checked():
            await choice.click()
            with suppress(AssertionError):
                await expect(choice).to_be_checked(timeout=_MOMENT * 1000)

    async def choose_from_menu(self, key: str) -> None:
        """Take an option of a menu, by the key of its text."""
        await self._dialog.get_by_text(text(key), exact=True).click()

    def section(self, key: str) -> Locator:
        """Return the heading of a section, by the key of its name."""
        name = re.compile(rf"^\s*{re.escape(text(key))}\s*$")
        return self._page.locator("[slot=header]", has_text=name)

    async def submit(self) -> None:
        """Submit a form."""
        await self._button("Submit").click()

    async def until_told(self, key: str) -> None:
        """Wait for an error, by its key, where a user sees it without looking for it."""
        errors = self._dialog.get_by_text(pattern(key))
        await expect(errors.first).to_be_visible()
        while not any([await _is_in_view(error) for error in await errors.all()]):
            pass  # Each look waits for a moment.
        await expect(self._button("Submit")).to_be_enabled()

    async def until_said(self, key: str) -> None:
        """Wait for a text in what a step says, by its key."""
        for line in patterns(key):
            await expect(self._dialog.get_by_text(line).first).to_be_visible()

    async def until_over(self) -> None:
        """Wait for the last screen of a flow that made or changed something."""
        await expect(self._finish).to_be_visible()
        self.screens += 1

    async def until_ended(self) -> None:
        """Wait for the last screen of a flow that changed an entry: it says so, and no more."""
        await expect(self._button("Submit")).to_have_count(0)
        await expect(self._button("Close")).not_to_have_count(0)
        await expect(self._dialog.locator("ha-spinner")).to_have_count(0)

    async def finish(self) -> None:
        """Close the last screen."""
        await self._end(self._finish)

    async def close(self) -> None:
        """Close the dialog before its time, or when its flow has ended without a result."""
        await self._end(self._button("Close").first)

    async def _end(self, button: Locator) -> None:
        await button.click()
        await expect(self._dialog.get_by_role("button")).to_have_count(0)

    def _button(self, name: str) -> Locator:
        return self._dialog.get_by_role("button", name=name, exact=True)

    @property
    def _finish(self) -> Locator:
        # "Finish", or "Skip and finish" where it also asks for an area.
        return self._dialog.get_by_role("button", name=re.compile("finish", re.IGNORECASE))
