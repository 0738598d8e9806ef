"""What tells that the recorder has committed."""

import asyncio

from homeassistant.components.recorder.db_schema import States
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import func, select

from custom_components.bigquery_export.source.connections import connected
from custom_components.bigquery_export.source.recorder_commits import RecorderCommits
from tests.bigquery_export.support.databases import ON_EACH_DATABASE, in_recorder
from tests.bigquery_export.support.recording import record


def newest(hass: HomeAssistant) -> int:
    """Return the highest id of the states that are committed."""
    with connected(hass) as connection:
        return connection.execute(select(func.max(States.state_id))).scalar() or 0


@ON_EACH_DATABASE
async def test_a_commit_is_told(hass: HomeAssistant) -> None:
    """It is told when what was committed can be read, and reading alone is not told."""
    reads: list[asyncio.Task[int]] = []
    commits = RecorderCommits(
        hass, lambda: reads.append(hass.async_create_task(in_recorder(hass, newest, hass)))
    )
    commits.listen()
    for number in range(3):
        before = await in_recorder(hass, newest, hass)
        await record(hass, 1, name=f"told{number}")
        assert reads
        assert await reads[0] > before
        await hass.async_block_till_done()
        reads.clear()
    await in_recorder(hass, newest, hass)
    await hass.async_block_till_done()
    assert not reads
    commits.close()
    await record(hass, 1)
    await hass.async_block_till_done()
    assert not reads


async def test_without_a_database(hass: HomeAssistant) -> None:
    """When the recorder has shut down nothing is told, and to end it does nothing."""
    instance = get_instance(hass)
    engine, instance.engine = instance.engine, None
    commits = RecorderCommits(hass, lambda: None)
    commits.listen()
    commits.close()
    instance.engine = engine
