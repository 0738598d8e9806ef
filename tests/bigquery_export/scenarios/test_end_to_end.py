"""From a home's history on disk to BigQuery, without being noticed in the home."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
import gc
import json
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.const import DOMAIN
from tests.bigquery_export.support.forms import WHAT, destination
from tests.bigquery_export.support.warehouse import Warehouse
from tests.home.compare import compare, newest_state_id
from tests.home.recorder_database import make
from tests.machine.slow_callbacks import logged_slow_callbacks

# Other tests beside these would hold up the event loop, too.
pytestmark = pytest.mark.alone

STATES = 30_000
APART = f"{DOMAIN} apart"
SLOW = 0.05
"""Seconds that nothing may hold up Home Assistant's event loop."""


@pytest.fixture
def recorder_db_url(tmp_path: Path) -> str:
    """Return a database with the history of ten days."""
    path = tmp_path / "home-assistant_v2.db"
    make(path, states=STATES)
    return f"sqlite:///{path}"


@pytest.fixture
def database(recorder_db_url: str) -> Path:
    """Return the recorder's database."""
    return Path(recorder_db_url.removeprefix("sqlite:///"))


@pytest.fixture(autouse=True)
async def log_slow_callbacks(hass: HomeAssistant) -> AsyncIterator[None]:
    """Let asyncio log what holds up the event loop."""
    # What the tests before have left on the heap is not ours to be collected.
    gc.collect()
    gc.freeze()
    with logged_slow_callbacks(hass.loop, SLOW):
        yield
    gc.unfreeze()


def slow_callbacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what asyncio says of our code that held up the event loop."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "asyncio"
        and "Executing" in record.getMessage()
        and (APART in record.getMessage() or f"custom_components/{DOMAIN}/" in record.getMessage())
    ]


async def apart[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run something in a task of its own, so that asyncio's log tells it from the test."""
    return await asyncio.Task(coroutine, name=APART)


async def test_from_set_up_to_the_last_row(
    hass: HomeAssistant,
    database: Path,
    warehouse: Warehouse,
    key: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Set up, export, live on, export again: all is there once, and the loop was never held up."""
    get_instance(hass).auto_purge = False  # Else the oldest states are exported at once.
    flows = hass.config_entries.flow
    result = await apart(flows.async_init(DOMAIN, context={"source": SOURCE_USER}))
    flow_id = result["flow_id"]
    await apart(flows.async_configure(flow_id, {"key_json": json.dumps(key)}))
    await apart(flows.async_configure(flow_id, destination(warehouse)))
    result = await apart(flows.async_configure(flow_id, WHAT))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()

    for additions in (0, 50):
        for number in range(additions):
            hass.states.async_set("sensor.new", str(number), {"number": number})
        await async_wait_recording_done(hass)
        newest = newest_state_id(database)
        await apart(hass.services.async_call(DOMAIN, "export_now", {}, blocking=True))
    assert hass.states.is_state("sensor.bigquery_export_status", "idle")

    comparison = await asyncio.to_thread(
        compare,
        database,
        lambda sql: warehouse.server.query(sql, warehouse.project),
        warehouse.destination.table_id,
        up_to=newest,
        time_zone=hass.config.time_zone,
        sample=2_000,
    )
    assert comparison.ok, comparison
    assert comparison.recorder > STATES
    assert comparison.sampled == 2_000
    assert await apart(hass.config_entries.async_unload(result["result"].entry_id))
    assert slow_callbacks(caplog) == []


@contextmanager
def busy_processors(each: int) -> Iterator[None]:
    """Give each processor so many programs that always want it; they end after a minute."""
    spin = "import time; end = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    with ExitStack() as programs:
        for _ in range(each * (os.process_cpu_count() or 1)):
            program = programs.enter_context(subprocess.Popen([sys.executable, "-Sc", spin]))
            programs.callback(program.kill)
        yield


def compute() -> None:
    """Keep a processor busy for twice as long as is allowed, by its own clock."""
    end = time.thread_time() + 2 * SLOW
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("hold_up", [compute, partial(time.sleep, 2 * SLOW)])
async def test_a_slow_callback_would_be_seen(
    caplog: pytest.LogCaptureFixture, hold_up: Callable[[], None]
) -> None:
    """The check above sees code of ours that holds up the event loop, computing or waiting."""

    async def step() -> None:
        hold_up()

    await apart(step())
    assert len(slow_callbacks(caplog)) == 1


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="Linux only")
async def test_a_busy_machine_is_not_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    """What takes long by the clock, because others have the processors, holds up nothing."""

    async def step() -> float:
        began = time.perf_counter()
        end = time.thread_time() + SLOW / 2
        while time.thread_time() < end:
            pass
        return time.perf_counter() - began

    with busy_processors(each=8):
        await asyncio.sleep(0)  # To start them took long, too, and was not waiting.
        seconds = [await apart(step()) for _ in range(10)]
    assert max(seconds) > SLOW
    assert slow_callbacks(caplog) == []
