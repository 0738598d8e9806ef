"""The recorder finds its database damaged while an export runs, and begins an empty one."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.tasks import RecorderTask
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.errors import RecorderBusyError
from custom_components.bigquery_export.export.session import Session
from custom_components.bigquery_export.source.meter_readings import MeterReadings
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

ROWS = 600


@dataclass
class FindDamage(RecorderTask):
    """Do what the recorder does when SQLite says that its database is malformed."""

    @override
    def run(self, instance: Recorder) -> None:
        """Run in the recorder's thread, where such errors are handled."""
        instance._handle_sqlite_corruption(setup_run=True)


async def begin_anew(hass: HomeAssistant, name: str) -> None:
    """Put an empty database in the place of the recorder's, and record others in it."""
    get_instance(hass).queue_task(FindDamage())
    await async_wait_recording_done(hass)
    await record(hass, ROWS, name=name)


def names(warehouse: Warehouse) -> dict[str, int]:
    """Return how many rows in BigQuery each entity has."""
    entities = [row["entity_id"] for row in warehouse.rows("entity_id")]
    return {name: entities.count(name) for name in sorted(set(entities))}


async def test_while_states_are_read(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No row has the name of an entity that had its number in the old database."""
    await record(hass, ROWS, name="old")
    rest = Session.async_rest
    rests: list[int] = []

    async def rest_and_begin_anew(session: Session) -> None:
        rests.append(len(rests))
        if len(rests) == 2:
            await begin_anew(hass, "new")
        await rest(session)

    monkeypatch.setattr(Session, "async_rest", rest_and_begin_anew)
    with pytest.raises(RecorderBusyError):
        await exporter.new_run(batch_rows=100).async_run()
    assert len(rests) >= 2
    result: Any = await exporter.new_run().async_run()
    assert result.rows == {"sensor_data": ROWS}
    sent = names(warehouse)
    assert sent.pop("sensor.new0") == ROWS
    assert sent.keys() <= {"sensor.old0"}
    assert sent.get("sensor.old0", 0) < ROWS


async def test_readers_of_one_run(hass: HomeAssistant) -> None:
    """What has read from one database reads no other, and what is made afterwards does."""
    readings = MeterReadings(hass)
    await in_recorder(hass, readings.newest)
    await begin_anew(hass, "new")
    with pytest.raises(RuntimeError, match="another database"):
        await in_recorder(hass, readings.newest)
    assert await in_recorder(hass, MeterReadings(hass).newest) is None
