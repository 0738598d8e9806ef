"""What entities were at any moment, by BigQuery and by Home Assistant's own history."""

from datetime import UTC, datetime, timedelta
from itertools import batched
from random import Random
from typing import Any

from homeassistant.components.recorder.history import get_significant_states
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.warehouse import Warehouse

ENTITIES = [f"sensor.s{number}" for number in range(8)]
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
SECONDS = 5 * 60 * 60
_MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def lived(hass: HomeAssistant, exporter: Exporter, warehouse: Warehouse) -> set[datetime]:
    """Return the times at which states were written; all are exported.

    Some are unavailable, some change an attribute alone, and an entity is removed and comes back.
    """
    random = Random(21)  # noqa: S311 (no secret)
    times = sorted(random.uniform(0, SECONDS) for _ in range(300))
    written = set()
    for number, seconds in enumerate(times):
        time = BEGIN + timedelta(seconds=seconds)
        written.add(time)
        entity_id = random.choice(ENTITIES)
        state = random.choice(["on", "off", str(number), "unavailable"])
        hass.states.async_set(entity_id, state, {"number": number // 3}, timestamp=time.timestamp())
    await async_wait_recording_done(hass)
    await exporter.export()
    with warehouse.connecting() as connection:
        views = DatasetViews(connection)
        assert not views.ensure([SENSOR_DATA])
    return written


async def by_home_assistant(hass: HomeAssistant, moment: datetime) -> set[tuple[str, str]]:
    """Return the state that each entity had at a moment, as the history says."""

    def read() -> dict[str, Any]:
        return dict(
            get_significant_states(
                hass,
                moment + _MICROSECOND,  # The state before that.
                moment + 2 * _MICROSECOND,
                ENTITIES,
                significant_changes_only=False,
            )
        )

    found = await in_recorder(hass, read)
    return {(entity_id, states[0].state) for entity_id, states in found.items() if states}


async def test_random_moments(
    hass: HomeAssistant, warehouse: Warehouse, lived: set[datetime]
) -> None:
    """At 200 moments, some of them at a change itself, both say the same of each entity."""
    random = Random(22)  # noqa: S311 (no secret)
    moments = random.sample(sorted(lived), 50)
    moments += [BEGIN + timedelta(seconds=random.uniform(-60, SECONDS + 60)) for _ in range(150)]
    found: list[set[tuple[str, str]]] = [set() for _ in moments]
    for numbers in batched(range(len(moments)), 25, strict=True):
        calls = [
            f"SELECT {number} AS number, entity_id, state FROM home.state_at("  # noqa: S608
            f"TIMESTAMP '{moments[number].isoformat(' ')}', TIMESTAMP '{BEGIN.isoformat(' ')}')"
            for number in numbers
        ]
        for row in warehouse.server.query(" UNION ALL ".join(calls), warehouse.project):
            if row["entity_id"] in ENTITIES:
                found[int(row["number"])].add((row["entity_id"], row["state"]))
    assert {len(states) for states in found} >= {0, len(ENTITIES)}
    for moment, states in zip(moments, found, strict=True):
        assert states == await by_home_assistant(hass, moment), moment
