"""When exports begin by themselves: on time, after a change of the clock, and to catch up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, override
from unittest.mock import AsyncMock, Mock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.bigquery_export.const import CONF_EXPORT_TIME, CONF_PAUSED, DOMAIN
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.scheduler import timer as timer_module
from custom_components.bigquery_export.scheduler.timer import ScheduleTimer
from custom_components.bigquery_export.settings.schedule import Frequency, Schedule, shift_of
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

BEGINNING = datetime(2026, 3, 28, 12, tzinfo=UTC)


class Entry(MockConfigEntry):
    """An entry without an integration, which can be unloaded all the same."""

    def __init__(self) -> None:
        """Have nothing to do yet when it is unloaded."""
        super().__init__(domain=DOMAIN)
        self.on_unload: list[Callable[[], Any]] = []

    @override
    def async_on_unload(self, func: Callable[[], Any]) -> None:
        self.on_unload.append(func)

    def unload(self) -> None:
        """Do what is to be done when it is unloaded."""
        for function in self.on_unload:
            function()


async def test_on_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Each time has one export, until the entry is unloaded; a late one runs once."""
    freezer.move_to(BEGINNING)
    await hass.config.async_set_time_zone("Europe/Berlin")
    entry = Entry()
    export = AsyncMock()
    schedule = Schedule(Frequency.MINUTES, time(), minutes=10)
    timer = ScheduleTimer(hass, entry, schedule, export, Mock())
    timer.async_start()
    first = BEGINNING + shift_of(entry.entry_id) % timedelta(minutes=10)
    first += timedelta(minutes=10) if first == BEGINNING else timedelta()
    assert timer.next == first
    for late, exports, due in ((-1, 0, 0), (0, 1, 10), (5, 1, 10), (600, 2, 20), (3601, 3, 70)):
        freezer.move_to(first + timedelta(seconds=late))
        async_fire_time_changed(hass)
        assert export.call_count == exports
        assert timer.next == first + timedelta(minutes=due)
    assert timer.missed(first)
    assert not timer.missed(first + timedelta(minutes=60))
    entry.unload()
    freezer.move_to(first + timedelta(hours=2))
    async_fire_time_changed(hass)
    assert export.call_count == 3


async def test_other_time_zone(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """A home that moves has its exports by its new clock, and it shows at once."""
    freezer.move_to(BEGINNING)
    await hass.config.async_set_time_zone("Europe/Berlin")
    entry = Entry()
    changed = Mock()
    timer = ScheduleTimer(hass, entry, Schedule(Frequency.DAILY, time(2, 30)), AsyncMock(), changed)
    timer.async_start()
    # Clocks go forward in that night, from 02:00 to 03:00.
    assert str(timer.next) == "2026-03-29 03:00:00+02:00"
    assert not changed.called
    await hass.config.async_update(time_zone="America/New_York")
    await hass.async_block_till_done()
    assert str(timer.next) == "2026-03-29 02:30:00-04:00"
    assert changed.call_count == 1
    entry.unload()
    await hass.config.async_update(time_zone="Asia/Kathmandu")
    await hass.async_block_till_done()
    assert changed.call_count == 1


@pytest.mark.parametrize(
    ("off", "missed"),
    [
        (timedelta(days=5 * 365), True),
        (timedelta(days=-20 * 365), True),
        (timedelta(hours=30), True),
        (timedelta(minutes=90), True),
        (timedelta(seconds=5), False),
    ],
    ids=str,
)
async def test_a_clock_that_is_set(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    off: timedelta,
    missed: bool,
) -> None:
    """The next export is the next by the clock as it is now, and one that was skipped is missed."""
    monkeypatch.setattr(timer_module, "monotonic", lambda: 60.0)
    freezer.move_to(BEGINNING + off)
    entry = Entry()
    changed = Mock()
    timer = ScheduleTimer(hass, entry, Schedule(Frequency.DAILY, time(3, 30)), AsyncMock(), changed)
    timer.async_start()
    last_export = dt_util.utcnow()
    assert not timer.async_check_clock()
    freezer.move_to(BEGINNING)
    is_set = abs(off) > timedelta(minutes=1)
    assert timer.async_check_clock() == is_set
    assert changed.called == is_set
    assert timer.next
    assert timedelta() < timer.next - BEGINNING <= timedelta(days=1)
    assert not timer.async_check_clock()
    assert timer.missed(last_export) == missed
    entry.unload()


async def test_the_clock_is_set_after_the_start(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    loaded: MockConfigEntry,
) -> None:
    """What waits is exported, and the next export is shown, when a clock is right again."""
    runtime_data = loaded.runtime_data
    begun = Mock()
    monkeypatch.setattr(runtime_data.scheduler, "_async_begin", begun)
    now = dt_util.utcnow()
    ahead = now + timedelta(days=2_000)
    monkeypatch.setattr(timer_module, "dt_util", Mock(wraps=dt_util, utcnow=lambda: ahead))
    runtime_data.coordinator.async_update_listeners()
    shown = runtime_data.coordinator.data.next_export
    assert shown is not None
    assert shown > ahead
    assert begun.call_count == 1
    monkeypatch.setattr(timer_module, "dt_util", dt_util)
    runtime_data.coordinator.async_update_listeners()
    shown = runtime_data.coordinator.data.next_export
    assert shown is not None
    assert timedelta() < shown - now <= timedelta(hours=25)
    runtime_data.coordinator.async_update_listeners()
    assert begun.call_count == 1


async def test_manually(hass: HomeAssistant) -> None:
    """Without a schedule nothing is due, ever."""
    entry = Entry()
    timer = ScheduleTimer(hass, entry, Schedule(Frequency.MANUAL, time()), AsyncMock(), Mock())
    timer.async_start()
    assert timer.next is None
    assert not timer.missed(BEGINNING)
    assert not timer.missed(dt_util.utcnow() + timedelta(days=9))
    entry.unload()


async def test_missed(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """An export that was due while Home Assistant was off is run later, once, and after a pause."""
    # Half a day from now, so that it is not due while this test runs.
    at = dt_util.now() + timedelta(hours=12)
    options = {CONF_EXPORT_TIME: at.time().isoformat("seconds")}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert warehouse.rows() == []
    await entry.runtime_data.runner.async_export(Trigger.ACTION)
    file = CheckpointFile(hass, entry.entry_id)
    checkpoint = await hass.async_add_executor_job(file.load)
    last_export = checkpoint.last_export
    assert last_export is not None
    due = entry.runtime_data.coordinator.data.next_export
    assert due is not None
    assert timedelta() < due - dt_util.utcnow() <= timedelta(hours=25)

    async def start(*, hours_off: int, paused: bool) -> None:
        assert await hass.config_entries.async_unload(entry.entry_id)
        before = replace(checkpoint, last_export=last_export - hours_off * 3600)
        await hass.async_add_executor_job(file.save, before)
        data = {**entry.data, CONF_PAUSED: paused}
        hass.config_entries.async_update_entry(entry, data=data)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)

    await record(hass, 2)
    rows = len(warehouse.rows())
    await start(hours_off=0, paused=False)
    assert len(warehouse.rows()) == rows
    await start(hours_off=48, paused=True)
    assert len(warehouse.rows()) == rows
    assert entry.runtime_data.coordinator.data.next_export is None
    await hass.services.async_call(DOMAIN, "resume", {}, blocking=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(warehouse.rows()) >= rows + 2
    rows = len(warehouse.rows())
    await record(hass, 2, name="later")
    await start(hours_off=48, paused=False)
    assert len(warehouse.rows()) >= rows + 2
    assert entry.runtime_data.coordinator.data.next_export is not None
    assert await hass.config_entries.async_unload(entry.entry_id)
