"""A copy whose server is away for a day: the export does not notice, and the copy catches up."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from freezegun import freeze_time
from freezegun.api import TickingDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.bigquery_export.const import CONF_FREQUENCY, DOMAIN
from custom_components.bigquery_export.runner.copy_runner import CopyRunner
from custom_components.bigquery_export.settings.schedule import Frequency
from tests.bigquery_export.support.copy_place import put_copy
from tests.bigquery_export.support.gate import Answer, Gate
from tests.bigquery_export.support.postgresql_copies import CopyDatabase
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import async_wait_until

HOUR = timedelta(hours=1)
LATEST = HOUR.total_seconds() + 30
"""How many seconds after its change a state is exported at the latest: an hour, and a moment."""
HOURS_BEFORE, HOURS_AWAY, HOURS_AFTER = 3, 24, 2


class Day:
    """A home whose hours pass when they are told to, each with a state of its own."""

    def __init__(
        self, hass: HomeAssistant, warehouse: Warehouse, clock: TickingDateTimeFactory
    ) -> None:
        """Begin with the first hour."""
        self._hass = hass
        self._warehouse = warehouse
        self._clock = clock
        self.hours = 0

    async def pass_hours(self, number: int) -> None:
        """Let hours pass, with all that is done in them."""
        for _ in range(number):
            await self.pass_hour()
            await self._hass.async_block_till_done(wait_background_tasks=True)

    async def pass_hour(self) -> None:
        """Record a state, and let the next hour begin."""
        await record(self._hass, 1, name=f"s{self.hours}_")
        self.hours += 1
        self._clock.tick(HOUR)
        self._warehouse.server.move_clock(HOUR.total_seconds())
        async_fire_time_changed(self._hass)

    def delays(self) -> Sequence[float]:
        """Return how many seconds after its change each state was exported to BigQuery."""
        sql = (
            "SELECT entity_id, TIMESTAMP_DIFF(export_timestamp, last_updated, SECOND) AS delay"
            " FROM home.sensor_data WHERE STARTS_WITH(entity_id, 'sensor.s')"
        )
        rows = self._warehouse.server.query(sql, self._warehouse.project)
        found = {row["entity_id"]: float(row["delay"]) for row in rows}
        assert len(rows) == len(found)
        return [found[f"sensor.s{hour}_0"] for hour in range(self.hours)]


def shown(hass: HomeAssistant, copy: CopyRunner, key: str) -> str:
    """Return what a sensor of a copy shows."""
    unique_id = f"{copy.copy.subentry_id}_{key}"
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
    assert entity_id
    found = hass.states.get(entity_id)
    assert found
    return found.state


@pytest.fixture
def clock(warehouse: Warehouse) -> Iterator[TickingDateTimeFactory]:
    """Return a clock that goes on, and can be moved.

    Tokens go by the right time, so one that is got at first has to last.
    """
    warehouse.server.change_settings(token_seconds=timedelta(days=7).total_seconds())
    with freeze_time(tick=True) as clock:
        assert isinstance(clock, TickingDateTimeFactory)
        yield clock
    warehouse.server.change_settings(token_seconds=HOUR.total_seconds())


@pytest.mark.long
async def test_a_day(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copy_database: CopyDatabase,
    warehouse: Warehouse,
    clock: TickingDateTimeFactory,
) -> None:
    """Each hour is in BigQuery as soon as ever, and afterwards once in the copy, too."""
    hass.config_entries.async_update_entry(entry, options={CONF_FREQUENCY: Frequency.HOURLY})
    address = copy_database.data
    async with Gate(address["host"], address["port"]) as gate:
        subentry = put_copy(hass, entry, copy_database, port=gate.port)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        copy = entry.runtime_data.runner.copies.of(subentry.subentry_id)
        day = Day(hass, warehouse, clock)
        await day.pass_hours(HOURS_BEFORE)
        assert shown(hass, copy, "status") == "idle"
        assert max(day.delays()) < LATEST

        # At first nothing answers at all, which no export waits for.
        await gate.answer(Answer.NONE)
        await day.pass_hour()
        await async_wait_until(lambda: not day_is_waiting(day), 30)
        assert copy.is_running
        await gate.answer(Answer.REFUSED)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert shown(hass, copy, "status") == "retrying"
        assert issues_of(hass) == {}

        await day.pass_hours(HOURS_AWAY - 1)
        assert issues_of(hass).keys() == {"copy_failed"}
        assert int(shown(hass, copy, "rows_waiting")) >= HOURS_AWAY
        assert max(day.delays()) < LATEST

        await gate.answer(Answer.FORWARDED)
        await day.pass_hours(HOURS_AFTER)
        assert issues_of(hass) == {}
        assert shown(hass, copy, "status") == "idle"
        assert shown(hass, copy, "last_error") == "none"
        assert max(day.delays()) < LATEST
    found = [row["entity_id"] for row in copy_database.rows()]
    wanted = [f"sensor.s{hour}_0" for hour in range(day.hours)]
    assert [name for name in found if name.startswith("sensor.s")] == wanted


def day_is_waiting(day: Day) -> bool:
    """Return whether an hour is not in BigQuery yet."""
    try:
        day.delays()
    except KeyError:
        return True
    return False
