"""Statistics by the day: what Home Assistant says of them is sent once, wherever a run ends."""

from datetime import date, timedelta
from random import Random
from typing import Any

from homeassistant.components.recorder.db_schema import Statistics, StatisticsRuns
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
from sqlalchemy import delete

from custom_components.bigquery_export.export.corrections import current_digests
from custom_components.bigquery_export.export.pace import Pace
from tests.bigquery_export.support.daily_statistics import (
    ALL,
    BEGIN,
    CLOCKS_BACK,
    DAYS,
    END,
    GAS,
    HOUR,
    KITCHEN,
    METER,
    DailyExporter,
    compile_until,
    deleted,
    hours,
    metadata,
    midnight,
    record,
    record_days,
    same,
    sent,
)
from tests.bigquery_export.support.databases import ON_ANY_DATABASE, ON_EACH_DATABASE, in_database
from tests.bigquery_export.support.random_corrections import Changes
from tests.bigquery_export.support.statistics_corrections import record_statistics
from tests.bigquery_export.support.warehouse import Warehouse

DAY = timedelta(days=1)


@ON_EACH_DATABASE
async def test_same_as_home_assistant(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    warehouse: Warehouse,
    exporter: DailyExporter,
) -> None:
    """Days have what Home Assistant's own API says of them, over DST and in the recorder's unit."""
    assert await async_setup_component(hass, "energy", {})
    hass.states.async_set("sensor.meter", "5", {"unit_of_measurement": "Wh"})
    share = metadata("sensor.fossil", "%", "unitless", mean_type=1, has_sum=False)
    await record_days(hass, statistics=(*ALL, share))
    assert await exporter.export_days() == 5 * DAYS

    client = await hass_ws_client(hass)
    span = {
        "start_time": midnight(BEGIN).isoformat(),
        "end_time": (midnight(END) - timedelta(seconds=1)).isoformat(),
        "period": "day",
    }
    await client.send_json_auto_id(
        {
            "type": "recorder/statistics_during_period",
            "statistic_ids": [one["statistic_id"] for one in ALL],
            "units": {"energy": "kWh", "volume": "m³", "temperature": "°C"},
            **span,
        }
    )
    units = {one["statistic_id"]: one["unit_of_measurement"] for one in ALL}
    result = (await client.receive_json())["result"]
    names = ("mean", "min", "max", "last_reset", "state", "sum", "change")
    times = ("start", "end", "last_reset")
    expected = []
    for statistic_id, rows in result.items():
        for row in rows:
            row |= {name: row[name] / 1_000 for name in times if row.get(name)}
            expected.append(
                (
                    *(statistic_id, units[statistic_id], row["start"], row["end"]),
                    *(row.get(name) for name in names),
                )
            )
    found = [row for row in sent(warehouse) if row[0] != "sensor.fossil"]
    assert [(*row[:4], *row[5:]) for row in found] == sorted(expected, key=lambda row: row[:3:2])
    dates = [str(BEGIN + number * DAY) for number in range(DAYS)]
    assert [row[4] for row in found if row[0] == "sensor.meter"] == dates
    lengths = {row[4]: row[3] - row[2] for row in found}
    assert lengths.pop(str(CLOCKS_BACK)) == 25 * 3_600
    assert set(lengths.values()) == {24 * 3_600}

    # All of it is fossil where the share that is says so; else this is a part of it.
    for name, part in (("sensor.none", 1.0), ("sensor.fossil", None)):
        await client.send_json_auto_id(
            {
                "type": "energy/fossil_energy_consumption",
                "energy_statistic_ids": ["sensor.meter"],
                "co2_statistic_id": name,
                **span,
            }
        )
        energy = (await client.receive_json())["result"]
        changes = [row[-1] for row in found if row[0] == "sensor.meter"]
        if part:
            assert list(energy.values()) == pytest.approx(changes)
        else:
            assert all(0 < some < all_ for some, all_ in zip(energy.values(), changes, strict=True))
    assert await exporter.export_days() == 0


async def test_clocks_forward(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """The day on which clocks are set forward has 23 hours."""
    await record_days(hass, date(2025, 3, 28), date(2025, 4, 2))
    assert await exporter.export_days() == 5 * len(ALL)
    await same(hass, warehouse, date(2025, 4, 2))
    lengths = {(day[4], day[3] - day[2]) for day in sent(warehouse)}
    assert {day for day, seconds in lengths if seconds != 24 * 3_600} == {"2025-03-30"}
    assert ("2025-03-30", 23 * 3_600) in lengths


async def test_each_day(hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter) -> None:
    """Each day is sent when it has ended, whatever was there of it before."""
    await record_days(hass, statistics=[METER, KITCHEN])
    assert await exporter.export_days() == 2 * DAYS
    exporter.again = True
    for hour in (1, 13, 24):
        now = midnight(END) + hour * HOUR
        for statistic in (METER, KITCHEN):
            await record(hass, statistic, hours(statistic, midnight(END), hour))
        await compile_until(hass, now)
        assert await exporter.export_days() == (2 if hour == 24 else 0)
        await same(hass, warehouse, END + DAY if hour == 24 else END)
    assert deleted(warehouse) == []
    assert len(sent(warehouse)) == 2 * (DAYS + 1)


async def test_silence(hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter) -> None:
    """What is silent, or brought in days later, has its days when there are hours of them."""
    await record_days(hass, statistics=[METER, GAS])
    await exporter.export_days()
    await record_days(hass, END, END + 3 * DAY, [METER])
    assert await exporter.export_days() == 3
    await record(hass, GAS, hours(GAS, midnight(END + DAY), 10))
    exporter.again = True
    assert await exporter.export_days() == 1
    await same(hass, warehouse, END + 3 * DAY)
    assert deleted(warehouse) == []
    await record(hass, GAS, hours(GAS, midnight(END + DAY) + 10 * HOUR, 20))
    # The day that had ten hours, another row that covers these, and the day after.
    assert await exporter.export_days() == 3
    await same(hass, warehouse, END + 3 * DAY)
    start = midnight(END + DAY).timestamp()
    assert deleted(warehouse) == [("provider:gas", start, start + 86_400)]


async def test_day_that_has_not_ended(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """Nothing is sent of a day whose last hour is not compiled, and nothing is looked at then."""
    await record_days(hass, statistics=[METER])
    await compile_until(hass, midnight(END) - timedelta(minutes=5))
    assert await exporter.export_days() == DAYS - 1
    await compile_until(hass, midnight(END))
    assert await exporter.export_days() == 1
    await in_database(hass, lambda db: db.execute(delete(StatisticsRuns)))
    exporter.again = True
    assert await exporter.export_days() == 0
    assert len(sent(warehouse)) == DAYS


async def test_clock_that_was_ahead(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter
) -> None:
    """Days that the clock had passed too soon are sent when they are there, and when they end."""
    await record_days(hass, statistics=[METER, KITCHEN])
    await record(hass, METER, hours(METER, midnight(END), 3))
    await compile_until(hass, midnight(END + 200 * DAY))
    assert await exporter.export_days() == 2 * DAYS + 1
    await record_days(hass, END, END + 2 * DAY, [METER, KITCHEN])
    # Two days of each, and a row that covers the one of three hours.
    assert await exporter.export_days() == 5
    await same(hass, warehouse, END + 2 * DAY)


async def adjust(hass: HomeAssistant) -> None:
    """Adjust a sum from the second hour of the 27th on."""
    when = midnight(CLOCKS_BACK + DAY) + HOUR
    get_instance(hass).async_adjust_statistics("sensor.meter", when, 7.25, "kWh")


async def convert(hass: HomeAssistant) -> None:
    """Convert all values of a statistic to another unit."""
    get_instance(hass).async_change_statistics_unit(
        "sensor.kitchen", new_unit_of_measurement="°F", old_unit_of_measurement="°C"
    )


async def rename(hass: HomeAssistant) -> None:
    """Give a statistic another id."""
    get_instance(hass).async_update_statistics_metadata(
        "sensor.meter", new_statistic_id="sensor.new_meter"
    )


async def clear(hass: HomeAssistant) -> None:
    """Delete a statistic."""
    get_instance(hass).async_clear_statistics(["sensor.meter"])


async def clear_a_day(hass: HomeAssistant) -> None:
    """Delete the hours of a day in the middle."""
    start = midnight(CLOCKS_BACK).timestamp()
    await in_database(
        hass,
        lambda db: db.execute(
            delete(Statistics).where(
                Statistics.start_ts >= start, Statistics.start_ts < start + 90_000
            )
        ),
    )


async def bring_in(hass: HomeAssistant) -> None:
    """Bring in hours before all others, and in place of others."""
    await record(hass, KITCHEN, hours(KITCHEN, midnight(BEGIN - 40 * DAY), 5))
    await record(hass, METER, hours(METER, midnight(CLOCKS_BACK) - HOUR, 3, shift=0.5))


async def move(hass: HomeAssistant) -> None:
    """Move to another time zone."""
    await hass.config.async_set_time_zone("America/New_York")


CORRECTIONS: dict[Any, tuple[int, int]] = {
    # How many days are sent again, and how many rows cover what was sent: one in each month.
    adjust: (8, 2),
    convert: (8, 2),
    rename: (8, 2),
    clear: (0, 2),
    clear_a_day: (14, 4),
    bring_in: (17, 4),
    # The first day has 18 hours now, and the last one, which had begun, has not ended.
    move: (16, 4),
}


@pytest.mark.parametrize("correct", CORRECTIONS, ids=lambda one: one.__name__)
async def test_corrections(
    hass: HomeAssistant, warehouse: Warehouse, exporter: DailyExporter, correct: Any
) -> None:
    """What Home Assistant changes later is sent anew, and covers what was sent before."""
    await record_days(hass, statistics=[KITCHEN, METER])
    assert await exporter.export_days() == 2 * DAYS
    exporter.again = True
    assert await exporter.export_days() == 0
    await correct(hass)
    await async_wait_recording_done(hass)
    days, covering = CORRECTIONS[correct]
    assert await exporter.export_days() == days + covering
    assert len(deleted(warehouse)) == covering
    await same(hass, warehouse, END - DAY if correct is move else END)
    assert await exporter.export_days() == 0
    if correct is not move:
        await record_days(hass, END, END + 2 * DAY, [GAS])
        assert await exporter.export_days() == 2
        await same(hass, warehouse, END + 2 * DAY)
        assert len(deleted(warehouse)) == covering


@pytest.mark.parametrize("seed", range(6))
@ON_ANY_DATABASE
async def test_any_corrections(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: DailyExporter,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    """Whatever is changed, the view shows what Home Assistant says."""

    async def rest(_: Pace) -> None:
        pass

    monkeypatch.setattr(Pace, "async_rest", rest)
    monkeypatch.setattr(current_digests, "SUMMED_IDS", 17)
    random = Random(seed)  # noqa: S311
    exporter.again = True
    await record_statistics(hass)
    end = date(2026, 10, 4)
    await compile_until(hass, midnight(end))
    for _ in range(5):
        await exporter.export_days()
        await same(hass, warehouse, end)
        for _ in range(random.randrange(1, 4)):
            await in_database(hass, lambda db: Changes(random, db, "statistics", Statistics).make())
        get_instance(hass).statistics_meta_manager.reset()
        end += random.randrange(2) * DAY
        await compile_until(hass, midnight(end))
