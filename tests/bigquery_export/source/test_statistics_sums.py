"""Sums of statistics: every change of a row shows, and changes of several rows do not cancel."""

from functools import partial
from itertools import pairwise
from typing import Any

from homeassistant.components.recorder.db_schema import Statistics, StatisticsMeta
from homeassistant.core import HomeAssistant
import pytest
from sqlalchemy import Connection, update

from custom_components.bigquery_export.source.statistics import STATISTICS, Statistic
from custom_components.bigquery_export.source.statistics_sums import DaySum, StatisticsSums
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.query_plans import plan, statements
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_rows import HOUR, START, row

COLUMNS = ("mean", "mean_weight", "min", "max", "last_reset_ts", "state", "sum", "created_ts")
DAY = 86_400.0


async def record(hass: HomeAssistant, *rows: Any) -> None:
    """Write rows of two statistics."""
    meta = [
        {"id": id_, "statistic_id": f"sensor.s{id_}", "source": "recorder", "mean_type": 0}
        for id_ in (1, 2)
    ]
    await insert_rows(hass, StatisticsMeta, meta)
    await insert_rows(hass, Statistics, rows)


async def total(hass: HomeAssistant, after: int = 0, until: int = 1_000) -> int | None:
    """Return the sum of rows."""
    return await in_recorder(hass, StatisticsSums(hass, STATISTICS).total, after, until)


async def by_day(hass: HomeAssistant, after: int = 0, until: int = 1_000) -> list[DaySum]:
    """Return the sums by day, in the order of statistics and times."""
    found = await in_recorder(hass, StatisticsSums(hass, STATISTICS).by_day, after, until)
    return sorted(found, key=lambda day: (day.metadata_id, day.first or 0.0))


def _execute(statement: Any, db: Connection) -> None:
    db.execute(statement)


@ON_EACH_DATABASE
@pytest.mark.parametrize("column", COLUMNS)
async def test_each_value(hass: HomeAssistant, column: str, database: str) -> None:
    """Each value of each column has a sum of its own, NULL and small differences too."""
    await record(hass, row(1), row(2))
    found = []
    values: list[float | None] = [None, 0.0, 1.0, -1.0, 21.3, 21.3 + 1e-5, 1.5e9, 2.5e11]
    if column not in ("last_reset_ts", "created_ts"):
        values += [1e-9, 1e-9 + 1e-14, 21.3 + 1e-12, 21.3 + 2e-12, 2.0**53, 1e18]
    for value in values:
        changed = update(Statistics).where(Statistics.id == 1).values({column: value})
        await in_database(hass, partial(_execute, changed))
        found.append(await total(hass))
    assert None not in found
    assert len(set(found)) == len(values)


@ON_EACH_DATABASE
@pytest.mark.parametrize(
    "change",
    [
        "sum = sum + CASE id WHEN 1 THEN 1 WHEN 2 THEN -1 ELSE 0 END",
        "sum = sum + CASE id WHEN 1 THEN 1 WHEN 2 THEN -2 WHEN 3 THEN 1 ELSE 0 END",
        "sum = sum + CASE id WHEN 1 THEN 1 WHEN 2 THEN -3 WHEN 3 THEN 3 WHEN 4 THEN -1 ELSE 0 END",
        "sum = sum + CASE WHEN id IN (1, 4) THEN 1 WHEN id IN (2, 3) THEN -1 ELSE 0 END",
        "sum = sum + 0.5, state = state - 0.5",
        "sum = state, state = sum WHERE id = 3",
        "sum = 10 - sum",
        "sum = CASE id WHEN 1 THEN 4 WHEN 2 THEN 2 WHEN 3 THEN 6 WHEN 4 THEN 8 ELSE 10 END",
        "start_ts = start_ts + 1",
        "metadata_id = 2 WHERE id = 3",
    ],
)
async def test_changes_that_cancel(hass: HomeAssistant, change: str, database: str) -> None:
    """Changes of some rows, or columns, do not hide those of others."""
    await record(hass, *(row(n, sum=n * 2.0, state=n + 0.25) for n in range(1, 6)))
    before = await total(hass), await by_day(hass)
    await execute(hass, f"UPDATE statistics SET {change}")  # noqa: S608
    after = await total(hass), await by_day(hass)
    assert after[1] != before[1]
    # Of which statistic a row is shows in the sums by statistic alone.
    assert (after[0] != before[0]) != ("metadata_id" in change)


@ON_EACH_DATABASE
async def test_parts(hass: HomeAssistant, database: str) -> None:
    """Sums of parts are together those of the whole, in whatever parts and order."""
    rows = [row(n, metadata_id=1 + n % 2, mean=n / 7) for n in range(80)]
    await record(hass, *rows)
    bounds = [0, 1, 30, 33, 80, 1_000]
    whole = await total(hass)
    assert whole == sum([await total(hass, *part) or 0 for part in pairwise(bounds)])
    days = await by_day(hass)
    assert whole == sum(day.sum or 0 for day in days)
    together: dict[Any, int] = {}
    for part in pairwise(bounds):
        for day in await by_day(hass, *part):
            assert isinstance(day.first, float)
            key = day.metadata_id, day.first // DAY
            together[key] = together.get(key, 0) + (day.sum or 0)
    assert list(together.values()) == [day.sum for day in days] or sorted(
        together.values()
    ) == sorted(day.sum or 0 for day in days)
    assert sum(day.rows for day in days) == 80
    assert await total(hass, 500, 1_000) == 0
    assert await by_day(hass, 500, 1_000) == []


@ON_EACH_DATABASE
async def test_days(hass: HomeAssistant, database: str) -> None:
    """A sum is of rows of one day and statistic, and has the first and the last time of them."""
    midnight = START // DAY * DAY
    times = [(1, -1.0), (1, 0.0), (1, DAY - 1), (1, DAY), (2, 5 * HOUR), (1, 1e12), (2, None)]
    await record(
        hass,
        *(
            row(0, metadata_id=id_, start_ts=None if time is None else midnight + time)
            for id_, time in times
        ),
    )
    found = await by_day(hass)
    assert {(day.metadata_id, day.first, day.last, day.rows) for day in found} == {
        (1, midnight - 1, midnight - 1, 1),
        (1, midnight, midnight + DAY - 1, 2),
        (1, midnight + DAY, midnight + DAY, 1),
        (2, midnight + 5 * HOUR, midnight + 5 * HOUR, 1),
        (1, midnight + 1e12, midnight + 1e12, 1),
        (2, None, None, 1),
    }


@ON_EACH_DATABASE
async def test_too_large(hass: HomeAssistant, database: str) -> None:
    """Where a value is too large there is no sum of its day, nor of all, but of others there is."""
    await record(hass, row(1, mean=1e300), row(2, mean=1.0), row(30, created_ts=1e300))
    await insert_rows(hass, Statistics, [row(3, metadata_id=2)])
    assert await total(hass) is None
    assert await total(hass, 1, 2)
    assert [day.sum is None for day in await by_day(hass)] == [True, True, False]


async def test_statistics(hass: HomeAssistant) -> None:
    """All metadata is read; and what identifies the statement is the same each time."""
    await record(hass)
    sums = StatisticsSums(hass, STATISTICS)
    assert (await in_recorder(hass, sums.statistics))[2] == Statistic(
        "sensor.s2", "recorder", None, None, None, None, 0
    )
    one, two = [
        await in_recorder(hass, StatisticsSums(hass, STATISTICS).statement) for _ in range(2)
    ]
    assert one == two


@ON_EACH_DATABASE
async def test_plan(hass: HomeAssistant, database: str) -> None:
    """Rows are found by their ids, without reading others."""
    await record(hass, row(1))
    with statements(hass) as sent:
        await total(hass)
        await by_day(hass)
    for statement, parameters in sent:
        steps = await in_database(hass, partial(plan, statement=statement, parameters=parameters))
        assert any("PRIMARY" in step or "statistics_pkey" in step for step in steps)
        whole = ("SCAN statistics", "Seq Scan on statistics")
        assert not any(name in step for step in steps for name in whole)
        assert not any(step.startswith("ALL") and "of statistics" in step for step in steps)
