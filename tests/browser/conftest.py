"""Fixtures of the browser tests."""

from collections.abc import AsyncIterator, Generator
import os

import pytest
import pytest_asyncio

from .chromium import NoChromiumError, chromium
from .stage import Stage, shared, stage

_FAILED = pytest.StashKey[str]()
"""The journey that has failed, on which the others build."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember the first journey that fails."""
    report = yield
    if report.failed:
        item.session.stash.setdefault(_FAILED, item.name)
    return report


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Let the stage stay from test to test, with its threads."""


@pytest.fixture(scope="module")
def browser_needed() -> None:
    """Skip the tests where there is no browser, but not where all tests must run."""
    try:
        chromium()
    except NoChromiumError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stage(
    browser_needed: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Return the stage that all journeys share."""
    async with shared(stage, tmp_path_factory) as seen:
        yield seen


@pytest_asyncio.fixture(loop_scope="module")
async def on(
    shared_stage: Stage, socket_enabled: None, request: pytest.FixtureRequest
) -> AsyncIterator[Stage]:
    """Return the stage for one journey, and make sure that the page has not complained."""
    stash = request.session.stash
    if _FAILED in stash:
        pytest.skip(f"it builds on {stash[_FAILED]}, which failed")
    yield shared_stage
    if _FAILED in stash:
        await shared_stage.window.photograph(f"failed-{request.node.name}")
    assert shared_stage.window.take_complaints() == []
