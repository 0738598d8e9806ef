"""Reading single statistics, and hours of them that have values of any type."""

from homeassistant.components.recorder.db_schema import Statistics, StatisticsMeta
from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.source.recorded_hours import RecordedHour, RecordedHours
from tests.bigquery_export.support.databases import in_recorder, insert_rows
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_rows import HOUR, START, row


@pytest.mark.parametrize("odd", ["'odd'", "''", "x'ff00'", "'1.5 kWh'", "9e999"])
async def test_any_value(hass: HomeAssistant, odd: str) -> None:
    """What is no number is left out, and a row whose time is none."""
    meta = {"id": 1, "statistic_id": "sensor.meter", "source": "recorder", "has_sum": True}
    await insert_rows(hass, StatisticsMeta, [{**meta, "mean_type": 0}])
    await insert_rows(hass, Statistics, [row(n, state=1.0 + n, sum=0.5 + n) for n in range(4)])
    for change in (
        f"sum = {odd}, last_reset_ts = {odd} WHERE id = 2",
        f"state = {odd} WHERE id = 3",
        f"start_ts = {odd} WHERE id = 4",
    ):
        await execute(hass, f"UPDATE statistics SET {change}")  # noqa: S608
    reader = RecordedHours(hass)
    expected = [
        RecordedHour(1, START, None, 1.0, 0.5),
        RecordedHour(2, START + HOUR, None, 2.0, None),
        RecordedHour(3, START + 2 * HOUR, None, None, 2.5),
    ]
    assert await in_recorder(hass, reader.hours, 1, START, float("inf")) == expected
    assert await in_recorder(hass, reader.before, 1, START + 9 * HOUR) == expected[-1]
    assert await in_recorder(hass, reader.first_from, 1, START) == expected[0]
    assert await in_recorder(hass, reader.first_from, 1, START + 3 * HOUR) is None
    assert await in_recorder(hass, reader.oldest) == START
