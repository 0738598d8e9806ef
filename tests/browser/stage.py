"""What the journeys need: a home with a history, its BigQuery, and a window to look through."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
import json
from pathlib import Path
from typing import Protocol

from playwright.async_api import expect
import pytest

from tests.demo.rooms import CONFIGURATION, furnish
from tests.home.client import Client, Json
from tests.home.home_assistant import NO_PURGE, HomeAssistant
from tests.home.launcher import TRANSACTION_ROWS
from tests.home.log import problems
from tests.home.recorder_database import make
from tests.local_bigquery.fixtures import open_sockets
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery, start
from tests.machine.patience import MOST, patient

from .chromium import LONGEST, PATIENCE, picture_folder, window
from .screens import DOMAIN
from .window import Window

PROJECT = "my-home"
STATES = 15_000
DAYS = 11
"""As in most homes, the oldest rows are about to be deleted when the export is set up."""
JOURNEY_SECONDS = 180
"""Seconds that a journey may take: several times as many as it does."""
HOURS_UNTIL_LISTED = 3
ROWS_IN_A_TRANSACTION = 1_000
"""So few that a backfill has many, between which its progress can be seen."""


@dataclass(slots=True)
class Stage:
    """A home, its BigQuery, and the window through which a user sees both."""

    home: HomeAssistant
    bigquery: LocalBigQuery
    window: Window
    folder: Path
    key: Json = field(repr=False)
    """The key of the account that the export uses."""
    expected: list[str] = field(default_factory=list)
    """What the log may say about the integration, because a journey lets it happen."""

    @property
    def client(self) -> Client:
        """Return the client of the home."""
        return self.home.client

    def key_file(self, key: Json) -> Path:
        """Write a key into a file, as Google's console downloads it."""
        path = self.folder / f"{key['project_id']}-{key['private_key_id'][:12]}.json"
        path.write_text(json.dumps(key, indent=2))
        return path

    def grant(self, *roles: str) -> None:
        """Give the account these roles, and no other."""
        grants = [{"role": role, "project": PROJECT} for role in roles]
        self.bigquery.set_grants(self.key["client_email"], grants)

    async def rows(self) -> int:
        """Return how many states are in BigQuery."""
        sql = "SELECT COUNT(*) AS rows_ FROM `home_assistant.sensor_data`"
        (row,) = await asyncio.to_thread(self.bigquery.query, sql, PROJECT)
        return int(row["rows_"])

    async def until_rows(self) -> None:
        """Wait until states are in BigQuery."""
        async with patient(PATIENCE):
            while True:
                if await self.rows():
                    return
                await asyncio.sleep(0.1)

    async def entities(self) -> list[Json]:
        """Return the integration's entities, as the registry has them."""
        registry: list[Json] = await self.client.command("config/entity_registry/list")
        return [entity for entity in registry if entity["platform"] == DOMAIN]

    async def reload(self) -> None:
        """Reload the entry, so that it asks Google for a new access token."""
        (entry,) = await self.client.entries(DOMAIN)
        await self.client.reload_entry(entry["entry_id"])

    async def export_elsewhere(self) -> None:
        """Let the home export, and then a copy of it."""
        await self.window.leave()
        await self.home.stop()
        async with self.home.copied(self.folder.with_name("copy")) as copy:
            for home in (self.home, copy):
                await home.start()
                await home.client.perform_action(DOMAIN, "export_now", {})
                # What was sent is listed when the other one looks for it.
                self.bigquery.move_clock(HOURS_UNTIL_LISTED * 60 * 60)

    async def until_state(self, key: str, wanted: str) -> None:
        """Wait until an entity of the export, by its translation key, has a state."""
        (entity_id,) = (
            entity["entity_id"]
            for entity in await self.entities()
            if entity["translation_key"] == key and not entity["config_subentry_id"]
        )
        # An export that goes on has more to do than a page.
        async with patient(2 * PATIENCE):
            while True:
                if await self.client.state(entity_id) == wanted:
                    return
                await asyncio.sleep(0.1)


def journey[**Given](
    test: Callable[Given, Coroutine[None, None, None]],
) -> Callable[Given, Coroutine[None, None, None]]:
    """Let a test end in TimeoutError, at the line that it waits in, when it takes too long."""

    @wraps(test)
    async def limited(*args: Given.args, **options: Given.kwargs) -> None:
        async with patient(JOURNEY_SECONDS):
            await test(*args, **options)

    return limited


JOURNEYS = [
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    # Later than the journey itself ends when it takes too long, also on a busy machine.
    pytest.mark.timeout(JOURNEY_SECONDS * (MOST + 1)),
]
"""The marks of a module of journeys."""


class StageSetUp(Protocol):
    """Sets up a home in a folder of its own, and opens a window to it."""

    def __call__(
        self, folder: Path, pictures: Path, *, sharp: bool
    ) -> AbstractAsyncContextManager[Stage]:
        """Return the stage; `sharp` pictures are those of the documentation."""


@asynccontextmanager
async def shared(set_up: StageSetUp, folders: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Set up what all journeys of a module share."""
    wanted = picture_folder()
    pictures = wanted or folders.mktemp("pictures")
    async with AsyncExitStack() as stack:
        with open_sockets():
            opened = set_up(folders.mktemp("home"), pictures, sharp=wanted is not None)
            seen = await stack.enter_async_context(opened)
        yield seen


@asynccontextmanager
async def stage(folder: Path, pictures: Path, *, sharp: bool) -> AsyncIterator[Stage]:
    """Set up a home of some rooms, with a history of some days."""
    home = HomeAssistant(
        folder,
        configuration=CONFIGURATION.replace(NO_PURGE, ""),
        environment={TRANSACTION_ROWS: str(ROWS_IN_A_TRANSACTION)},
    )
    make(home.database, states=STATES, days=DAYS, statistics_days=DAYS, short_term_days=0)
    async with stage_of(home, pictures, sharp=sharp) as seen:
        await furnish(seen.client)
        yield seen


@asynccontextmanager
async def stage_of(home: HomeAssistant, pictures: Path, *, sharp: bool) -> AsyncIterator[Stage]:
    """Start a home and all else, and make sure at the end that the log is clean."""
    expect.set_options(timeout=LONGEST * 1000)
    with start() as bigquery:
        key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
        async with home:
            await _ignore_repairs(home.client)
            async with window(home.url, home.client.token, sharp=sharp) as page:
                looked_through = Window(page, home.url, pictures, every_form=sharp)
                seen = Stage(home, bigquery, looked_through, home.directory, key)
                yield seen
    _check_log(home, seen)


async def _ignore_repairs(client: Client) -> None:
    """Ignore what is to be repaired in the test's own configuration, such as `http:`."""
    for issue in (await client.command("repairs/list_issues"))["issues"]:
        await client.command(
            "repairs/ignore_issue",
            domain=issue["domain"],
            issue_id=issue["issue_id"],
            ignore=True,
        )


def _check_log(home: HomeAssistant, seen: Stage) -> None:
    found = [
        problem
        for problem in problems(home.log(), DOMAIN)
        if not any(expected in problem for expected in seen.expected)
    ]
    assert not found, "in Home Assistant's log:\n" + "\n".join(found)
    key = seen.key["private_key"].splitlines()[1:-1]
    assert not any(line in home.log() for line in key), "the log has the private key"
    assert home.exit_status == 0
