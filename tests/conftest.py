"""What all tests share."""

import asyncio

from hypothesis import settings
import pytest

# By the clock, an example may take any time: the machine may be busy.
settings.register_profile("tests", settings(deadline=None))
settings.load_profile("tests")


@pytest.fixture(autouse=True)
async def enable_event_loop_debug() -> None:
    """Let the event loop notice slow steps and calls from other threads, as the test plugin does.

    In debug mode each future and each callback notes where it was made as well, which takes
    longer than most of what they do.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.get_debug = lambda: False  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest modules, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
