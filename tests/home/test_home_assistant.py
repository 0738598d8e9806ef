"""Tests of running a real Home Assistant."""

import asyncio
from contextlib import closing
from pathlib import Path
import signal
import sqlite3

import pytest

from tests.machine.patience import async_wait_until

from .client import ApiError
from .compare import newest_state_id
from .home_assistant import HomeAssistant

ENTITY = "sensor.garden_temperature"


def states(database: Path) -> list[str]:
    """Return the states of the entity that the recorder has committed."""
    with closing(sqlite3.connect(database)) as recorder:
        rows = recorder.execute(
            "SELECT state FROM states JOIN states_meta AS meta USING (metadata_id)"
            " WHERE meta.entity_id = ?",
            (ENTITY,),
        ).fetchall()
    return [state for (state,) in rows]


@pytest.mark.usefixtures("socket_enabled")
async def test_runs_records_and_survives(tmp_path: Path) -> None:
    """It takes states by its API, records them, and goes on after a kill, as does a copy beside it.

    Both have the same token, and the same recorder until then.
    """
    async with HomeAssistant(tmp_path / "first", integrations=()) as home:
        await home.client.set_state(ENTITY, "21.5", {"unit_of_measurement": "°C"})
        with pytest.raises(ApiError, match="404"):
            await home.client.remove_state("sensor.nowhere")
        assert (await home.client.recorder_info())["recording"]
        await async_wait_until(lambda: states(home.database) == ["21.5"], 30)
        newest = newest_state_id(home.database)

        await home.kill()
        assert home.exit_status == -signal.SIGKILL
        async with home.copied(tmp_path / "second") as copy:
            assert newest_state_id(copy.database) >= newest
            await asyncio.gather(home.start(), copy.start())
            assert copy.port != home.port
            await copy.client.set_state(ENTITY, "22.5", {})
            assert await copy.client.state(ENTITY) == "22.5"
            with pytest.raises(ApiError, match="404"):
                await home.client.state(ENTITY)
        assert copy.exit_status == 0
        assert await home.client.core_state() == "RUNNING"

    assert home.exit_status == 0
    with closing(sqlite3.connect(home.database)) as recorder:
        runs = recorder.execute("SELECT closed_incorrect FROM recorder_runs").fetchall()
    assert runs == [(1,), (0,)]
    assert states(home.database) == ["21.5"]
