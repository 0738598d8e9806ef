"""Reading meters and their hours, on each database."""

from homeassistant.components.recorder.db_schema import Statistics, StatisticsMeta
from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.source.meter_readings import (
    Meter,
    MeterReading,
    MeterReadings,
)
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_rows import HOUR, START, row


@ON_EACH_DATABASE
async def test_read(hass: HomeAssistant, database: str) -> None:
    """Meters of the recorder are read, and those hours that have both a reading and a sum."""
    reader = MeterReadings(hass)
    assert await in_recorder(hass, reader.newest) is None
    assert await in_recorder(hass, reader.meters) == []
    meta = {"unit_of_measurement": "kWh", "mean_type": 0, "source": "recorder", "has_sum": True}
    await insert_rows(
        hass,
        StatisticsMeta,
        [
            {**meta, "id": 1, "statistic_id": "sensor.meter"},
            {**meta, "id": 2, "statistic_id": "sensor.mean", "has_sum": False},
            {**meta, "id": 3, "statistic_id": "provider:energy", "source": "provider"},
        ],
    )
    hours = [row(number, state=4_500.0 + number, sum=number / 2) for number in (3, 1, 2, 5)]
    hours[3]["last_reset_ts"] = START + 0.5
    hours += [row(4, sum=1.0), row(6, state=1.0), row(7, metadata_id=3, state=1.0, sum=1.0)]
    await insert_rows(hass, Statistics, hours)
    assert await in_recorder(hass, reader.meters) == [Meter(1, "sensor.meter", "kWh")]
    assert await in_recorder(hass, reader.newest) == START + 7 * HOUR
    expected = [
        MeterReading(START + number * HOUR, 4_500.0 + number, number / 2, reset)
        for number, reset in ((1, None), (2, None), (3, None), (5, START + 0.5))
    ]
    first, last = START + HOUR, START + 5 * HOUR
    assert await in_recorder(hass, reader.span, 1, first, last) == expected
    assert await in_recorder(hass, reader.span, 1, first, last, 2) == expected[:2]
    assert await in_recorder(hass, reader.span, 1, first + 1, last - 1) == expected[1:3]
    assert await in_recorder(hass, reader.before, 1, last, 2) == expected[1:3]
    assert await in_recorder(hass, reader.before, 1, last + 1, 9) == expected
    if database == "sqlite":
        await execute(hass, "UPDATE statistics SET state = 'odd' WHERE id = 2")
        assert await in_recorder(hass, reader.span, 1, first, last) == expected[1:]
        for odd in ("'2026-01-01'", "x'ff'", "9e999", "NULL"):
            await execute(hass, f"UPDATE statistics SET start_ts = {odd} WHERE id = 1")  # noqa: S608
            assert await in_recorder(hass, reader.newest) == START + 7 * HOUR
