"""Reading single statistics, and hours of them that have values of any type."""

from datetime import UTC, datetime

from homeassistant.components.recorder.db_schema import (
    Statistics,
    StatisticsMeta,
    StatisticsRuns,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.source.recorded_hours import RecordedHour, RecordedHours
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_rows import HOUR, START, row

META = {"id": 1, "statistic_id": "sensor.meter", "source": "recorder", "has_sum": True}


@ON_EACH_DATABASE
async def test_read(hass: HomeAssistant) -> None:
    """Hours are found by statistic and time, and five minutes where there is no hour."""
    reader = RecordedHours(hass)
    await execute(hass, "DELETE FROM statistics_runs")  # The recorder's own.
    assert await in_recorder(hass, reader.statistics) == {}
    assert await in_recorder(hass, reader.oldest) is None
    assert await in_recorder(hass, reader.newest_id) == 0
    assert await in_recorder(hass, reader.compiled_until) == float("-inf")
    await insert_rows(
        hass,
        StatisticsMeta,
        [{**META, "mean_type": 0}, {**META, "id": 2, "statistic_id": "sensor.x", "mean_type": 0}],
    )
    hours = [row(n, state=1.0 + n, sum=0.5 + n) for n in (2, 0, 1)]
    await insert_rows(hass, Statistics, [*hours, row(0, metadata_id=2, last_reset_ts=START)])
    await insert_rows(hass, StatisticsShortTerm, [row(5, state=9.0), row(4, metadata_id=2)])
    run = datetime.fromtimestamp(START + 3 * HOUR, UTC)
    await insert_rows(hass, StatisticsRuns, [{"start": run}])

    found = await in_recorder(hass, reader.statistics)
    assert {name: (id_, known.has_sum) for name, (id_, known) in found.items()} == {
        "sensor.meter": (1, True),
        "sensor.x": (2, True),
    }
    expected = [
        RecordedHour(id_, START + n * HOUR, None, 1.0 + n, 0.5 + n)
        for n, id_ in ((0, 2), (1, 3), (2, 1))
    ]
    end = START + 9 * HOUR
    assert await in_recorder(hass, reader.hours, 1, START, end) == expected
    assert await in_recorder(hass, reader.hours, 1, START + HOUR, START + 2 * HOUR) == expected[1:2]
    assert await in_recorder(hass, reader.before, 1, START + 2 * HOUR) == expected[1]
    assert await in_recorder(hass, reader.before, 1, START) is None
    assert await in_recorder(hass, reader.first_from, 1, START + 1) == expected[1]
    first = await in_recorder(hass, reader.first_from, 1, START + 3 * HOUR)
    assert first == RecordedHour(1, START + 5 * HOUR, None, 9.0, None)
    assert await in_recorder(hass, reader.first_from, 1, end) is None
    assert await in_recorder(hass, reader.oldest) == START
    assert await in_recorder(hass, reader.newest_id) == 4
    assert await in_recorder(hass, reader.compiled_until) == START + 3 * HOUR + 300


@pytest.mark.parametrize("odd", ["'odd'", "''", "x'ff00'", "'1.5 kWh'", "9e999"])
async def test_any_value(hass: HomeAssistant, odd: str) -> None:
    """What is no number is left out, and a row whose time is none."""
    await insert_rows(hass, StatisticsMeta, [{**META, "mean_type": 0}])
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
