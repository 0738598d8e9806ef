"""Debian's Chromium, driven by Playwright."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
import os
from pathlib import Path
import shutil

from playwright.async_api import BrowserContext, Page, async_playwright

from .window import HEIGHT, WIDTH

PATIENCE = 90.0
"""Seconds that anything outside of a page may take: the machine may be slow."""

LONGEST = 1800.0
"""Seconds that anything on a page may take. Playwright measures the clock, also while others have
the processors; a journey that takes too long is ended before, see `journey`."""

PICTURES = "BROWSER_SCREENSHOTS"
"""The variable that names the folder for pictures that people will look at."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")
SHARP = 2
"""Pixels of a picture for each of the window's, in pictures that people will look at."""


class NoChromiumError(Exception):
    """There is no Chromium; the text says how to get one."""


def chromium() -> str:
    """Return where Chromium is. Raises NoChromiumError."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise NoChromiumError("there is no Chromium: apt-get install chromium, then run this again")


@asynccontextmanager
async def window(url: str, token: str, *, sharp: bool) -> AsyncIterator[Page]:
    """Open a window in which the owner of a long-lived access token has logged in."""
    async with (
        async_playwright() as playwright,
        # Without its sandbox, as Playwright has it by default: root could not start it otherwise.
        await playwright.chromium.launch(executable_path=chromium()) as browser,
        await browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=SHARP if sharp else 1,
            color_scheme="light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Amsterdam",
            # One run must not see what another one has left.
            service_workers="block",
        ) as context,
    ):
        context.set_default_timeout(LONGEST * 1000)
        await _log_in(context, url, token)
        yield await context.new_page()


async def _log_in(context: BrowserContext, url: str, token: str) -> None:
    """Keep the token where the frontend keeps its own."""
    tokens = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": 315_360_000,
        "hassUrl": url,
        "clientId": f"{url}/",
        "expires": 4_102_444_800_000,
        "refresh_token": "",
    }
    await context.add_init_script(
        f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})"
    )


def picture_folder() -> Path | None:
    """Make and return the folder that the pictures are wanted in, if they are wanted."""
    wanted = os.environ.get(PICTURES)
    if not wanted:
        return None
    folder = Path(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
