"""From a home's history on disk to BigQuery, and nobody in the home notices."""

import asyncio
from collections.abc import Coroutine, Iterator
import gc
import json
from pathlib import Path
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
from tests.home.compare import compare, newest_state_id
from tests.home.recorder_database import make

from .test_config_flow import WHAT, destination
from .warehouse import Warehouse

# Other tests beside these would hold up the event loop, too.
pytestmark = pytest.mark.alone

STATES = 30_000
APART = f"{DOMAIN} apart"
SLOW = 0.05
"""Seconds that nobody may hold up Home Assistant's event loop."""


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
def log_slow_callbacks(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let asyncio log what holds up the event loop."""
    hass.loop.set_debug(True)
    hass.loop.slow_callback_duration = SLOW
    # In debug mode each future notes where it was made, which itself takes up to 80 ms when the
    # source files are read for it. The log does without.
    monkeypatch.setattr(hass.loop, "get_debug", lambda: False)
    # What the tests before have left on the heap is not ours to be collected.
    gc.collect()
    gc.freeze()
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
    assert hass.states.is_state("sensor.home_sensor_data_status", "idle")

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


async def test_a_slow_callback_would_be_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The check above sees code of ours that holds up the event loop."""

    async def hold_up() -> None:
        time.sleep(2 * SLOW)  # noqa: ASYNC251 (that is the point)

    await apart(hold_up())
    assert len(slow_callbacks(caplog)) == 1
