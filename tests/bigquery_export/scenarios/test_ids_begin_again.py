"""A database whose numbering begins again below what was exported."""

from typing import Any

from homeassistant.components.recorder.db_schema import States
from homeassistant.core import HomeAssistant
import pytest
from sqlalchemy import delete

from custom_components.bigquery_export.errors import IdsBelowError
from tests.bigquery_export.support.databases import ON_ANY_DATABASE, in_database, insert_rows
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record
from tests.bigquery_export.support.warehouse import Warehouse

FIRST = 1_000_001
TIME = 1_790_000_000.0


async def insert(hass: HomeAssistant, first: int, count: int, *, seconds: float = 0) -> None:
    """Write states with ids from `first` on; their times are `seconds` later than the first."""
    rows: list[dict[str, Any]] = [
        {
            "state_id": first + number,
            "metadata_id": 1,
            "state": str(first + number),
            "last_updated_ts": TIME + seconds + number,
            "context_id_bin": (first + number).to_bytes(16),
        }
        for number in range(count)
    ]
    await insert_rows(hass, States, rows)


async def begin(hass: HomeAssistant) -> None:
    """Have states with high ids only."""
    await record(hass, 1)
    await in_database(hass, lambda connection: connection.execute(delete(States)))
    await insert(hass, FIRST, 20)


@ON_ANY_DATABASE
async def test_new_rows_with_lower_ids(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """It is an error as long as new rows come there, and what comes above is exported."""
    await begin(hass)
    await exporter.export()
    for first in (1, 8):
        await insert(hass, first, 7, seconds=100 * first)
        with pytest.raises(IdsBelowError) as raised:
            await exporter.export()
        assert raised.value.placeholders == {"table": "sensor_data"}
        assert exporter.file.load().position("sensor_data").cursor == FIRST + 19
    # The sequence was put right.
    await insert(hass, FIRST + 20, 3, seconds=5_000)
    assert (await exporter.export()).rows == {"sensor_data": 3}
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert len(states_in(warehouse)) == 23


async def test_after_a_purge(hass: HomeAssistant, exporter: Exporter) -> None:
    """The lowest id is the one that was left by the last purge."""
    await begin(hass)
    await insert(hass, 1, 5, seconds=-1_000)
    await exporter.export()
    await execute(hass, "DELETE FROM states WHERE state_id < 1000")
    await exporter.export()
    assert exporter.file.load().lowest == {"sensor_data": FIRST}
    await insert(hass, 1, 5, seconds=1_000)
    with pytest.raises(IdsBelowError):
        await exporter.export()


async def test_old_rows_with_lower_ids(hass: HomeAssistant, exporter: Exporter) -> None:
    """Old rows that are brought in below are no error: nothing new has come there."""
    await begin(hass)
    await exporter.export()
    await insert(hass, 1, 7, seconds=-5_000)
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert exporter.file.load().lowest == {"sensor_data": 1}


async def test_another_database(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A new database has low ids, and is exported from its first row on."""
    await begin(hass)
    await exporter.export()
    await in_database(hass, lambda connection: connection.execute(delete(States)))
    await insert(hass, 1, 7, seconds=1_000)
    assert (await exporter.export()).rows == {"sensor_data": 7}
    assert exporter.file.load().lowest == {"sensor_data": 1}


async def test_another_database_that_is_empty_at_first(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """An export that finds no row forgets which ids there were: they may begin again at 1."""
    await begin(hass)
    await exporter.export()
    await in_database(hass, lambda connection: connection.execute(delete(States)))
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert exporter.file.load().lowest == {"sensor_data": 0}
    await insert(hass, 1, 7, seconds=1_000)
    assert (await exporter.export()).rows == {"sensor_data": 7}
