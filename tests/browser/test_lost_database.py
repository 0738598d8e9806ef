"""What a user does whose database was lost: a click, and the old years are there again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta
from math import cos, tau
from pathlib import Path

import pytest
import pytest_asyncio

from tests.home.client import Client, Json
from tests.home.home_assistant import DATABASE, HomeAssistant
from tests.home.integration import add_integration
from tests.machine.patience import patient

from .chromium import PATIENCE
from .screens import DOMAIN, DevicePage, EnergyPage, RepairsPage
from .stage import HOURS_UNTIL_LISTED, JOURNEYS, Stage, journey, shared, stage_of

pytestmark = JOURNEYS

_YEARS = 3
_EVERY = 12
"""Hours between two rows of a statistic: so few that they are back within seconds."""
_METERS = {"sensor.electricity": (14.0, 4.0), "sensor.solar": (9.0, -7.5)}
"""What each counts in a day, on the average, and how much more in winter."""
_LISTED = 60 + 12 * _YEARS + 12 * _YEARS // 2
"""Months that are looked at until 60 have nothing, and half of those that come back."""
_SOME = 20.0
"""Percent."""
_ENERGY = {
    "energy_sources": [
        {
            "type": "grid",
            "stat_energy_from": "sensor.electricity",
            "name": "Electricity",
            "cost_adjustment_day": 0,
        },
        {"type": "solar", "stat_energy_from": "sensor.solar", "name": "Solar"},
    ]
}
_THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stage(
    browser_needed: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Return a stage with a home that is to have years of statistics."""

    def set_up(folder: Path, pictures: Path, *, sharp: bool) -> AbstractAsyncContextManager[Stage]:
        home = HomeAssistant(folder, configuration="energy:\n")
        return stage_of(home, pictures, sharp=sharp)

    async with shared(set_up, tmp_path_factory) as seen:
        yield seen


async def record(client: Client, since: datetime, until: datetime, begun: datetime) -> None:
    """Let meters have hours of a time, of a database that has counted since it was begun."""
    for statistic_id, (daily, more) in _METERS.items():
        rows: list[Json] = []
        state, before = 1_000.0, None
        time = _THIS_HOUR - timedelta(days=365 * _YEARS)
        while time < until:
            season = cos(tau * time.timetuple().tm_yday / 365)
            state += (daily + more * season) * _EVERY / 24
            before = state if before is None and time >= begun else before
            if time >= since:
                rows.append(
                    {"start": time.isoformat(), "state": state, "sum": state - (before or 0.0)}
                )
            time += timedelta(hours=_EVERY)
        metadata = {
            "has_sum": True,
            "mean_type": 0,
            "name": None,
            "source": "recorder",
            "statistic_id": statistic_id,
            "unit_class": "energy",
            "unit_of_measurement": "kWh",
        }
        await client.import_statistics(metadata, rows)


async def changes(client: Client) -> dict[str, dict[float, float]]:
    """Return what each meter has counted, by the hour, as Home Assistant shows it."""
    found = await client.command(
        "recorder/statistics_during_period",
        start_time="2000-01-01T00:00:00+00:00",
        period="hour",
        statistic_ids=list(_METERS),
        types=["change"],
    )
    return {name: {row["start"]: row["change"] for row in rows} for name, rows in found.items()}


async def export(on: Stage) -> None:
    """Export, and let BigQuery list what was sent."""
    await on.client.perform_action_with_response(
        DOMAIN, "export_now", {"flush": True, "force": True}
    )
    on.bigquery.move_clock(HOURS_UNTIL_LISTED * 60 * 60)


async def until_some_are_back(on: Stage) -> None:
    """Wait until the sensor shows that some hours have come back, but not all."""
    (progress,) = (
        entity["entity_id"]
        for entity in await on.entities()
        if entity["translation_key"] == "restore_progress"
    )
    async with patient(PATIENCE):
        while True:
            with suppress(ValueError):
                if _SOME <= float(await on.client.state(progress)) < 100:
                    return
            await asyncio.sleep(0.1)


@journey
async def test_lost_database(on: Stage) -> None:
    """The database is deleted; the repair brings everything back, and the graphs show it."""
    on.expected.append("The recorder's database is not as it was at the last export")
    # The local BigQuery takes longer for a view of years of statistics than Home Assistant waits.
    on.expected.append("is still running at shutdown")
    lost = _THIS_HOUR - timedelta(hours=_EVERY)
    begin = _THIS_HOUR - timedelta(days=365 * _YEARS)
    await add_integration(
        on.client,
        on.key,
        rest_url=on.bigquery.rest_url,
        storage_url=on.bigquery.storage_url,
        what={"tables": ["statistics"]},
    )
    await on.client.command("energy/save_prefs", **_ENERGY)
    await record(on.client, begin, lost, begin)
    await export(on)
    before = await changes(on.client)

    await on.window.leave()
    await on.home.stop()
    for file in list(on.home.directory.glob(f"{DATABASE}*")):
        file.unlink()
    await on.home.start()
    await record(on.client, lost, _THIS_HOUR, lost)
    await export(on)

    energy = EnergyPage(on.window)
    await energy.open_last_year()
    await on.window.photograph("energy-lost")
    await energy.until_empty()

    repairs = RepairsPage(on.window)
    await repairs.open()
    await repairs.until_shown("restore_offered")
    await on.window.photograph("restore-repair")
    repair = await repairs.try_again("restore_offered")
    await on.window.photograph("restore-dialog")
    # All months are looked at first; when half of them have come back, the others are slow.
    on.bigquery.add_fault(
        "tabledata.list", "delay", table="statistics", skip=_LISTED, times=None, seconds=2
    )
    await repair.submit()
    await repair.until_over()
    await repair.finish()

    device = DevicePage(on.window)
    await device.open((await on.entities())[0]["device_id"])
    await until_some_are_back(on)
    await on.window.photograph("restore-progress", height=1320)
    on.bigquery.clear_faults()
    await on.until_state("restore_progress", "100.0")
    await on.until_state("status", "idle")

    await energy.open_last_year()
    await energy.until_shown()
    await on.window.photograph("restore-energy")
    after = await changes(on.client)
    for name, hours in before.items():
        assert {start: after[name][start] for start in hours} == pytest.approx(hours)
