"""Statistics from SQL: what the recorder has of them, and that they are not sent back."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.select_query import Answer, Column
from custom_components.bigquery_export.const import CONF_TABLES
from custom_components.bigquery_export.query import external_statistics
from custom_components.bigquery_export.query.external_statistics import hours_of
from custom_components.bigquery_export.query.refusals import StatisticTooLongError
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.saved_queries import (
    add_query,
    change_query,
    move_clock,
    put_query,
    settled,
)
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse
from tests.documentation.markdown import COOKBOOK, ROOT, queries

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600
START = datetime(2026, 10, 24, 12, tzinfo=UTC)
"""On the next night the clocks in Berlin are set back, at 01:00 UTC."""


@pytest.fixture
def options() -> dict[str, Any]:
    """Return options of the export beside that queries are on."""
    return {CONF_TABLES: ["sensor_data", "statistics"]}


@pytest.fixture(autouse=True)
async def first_export(hass: HomeAssistant, set_up: None) -> None:
    """Export once."""
    await export(hass)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what is added to the time for saved queries, in seconds."""
    return move_clock(monkeypatch)


async def export(hass: HomeAssistant) -> None:
    """Record three states, export them, and let all be asked that is due."""
    await record(hass, 3)
    await export_now(hass)
    await settled(hass)
    await async_wait_recording_done(hass)


def rows_of(*rows: str) -> str:
    """Return a query of rows, each as SQL has it."""
    return " UNION ALL ".join(f"SELECT {row}" for row in rows)


def sums(first: datetime, values: Sequence[float]) -> str:
    """Return a query of hours with sums."""
    return rows_of(
        *(
            f"TIMESTAMP '{(first + number * timedelta(hours=1)).isoformat()}' AS start,"
            f" {float(value)} AS sum"
            for number, value in enumerate(values)
        )
    )


async def recorded(
    hass: HomeAssistant, statistic_id: str, period: Any = "hour"
) -> list[dict[str, Any]]:
    """Return what the recorder has of a statistic, as cards ask for it."""
    await async_wait_recording_done(hass)
    found = await in_recorder(
        hass,
        lambda: statistics_during_period(
            hass,
            datetime(2000, 1, 1, tzinfo=UTC),
            None,
            {statistic_id},
            period,
            None,
            {"change", "state", "sum", "mean", "min", "max"},
        ),
    )
    return [dict(row) for row in found.get(statistic_id, ())]


async def test_a_sum(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A sum is as the query says, with unit and name."""
    sql = sums(START, [1, 2.5, 4])
    added = await add_query(
        hass, entry, "statistic", "Heat of the house", query=sql, unit_of_measurement="kWh"
    )
    statistic_id = "bigquery_export:heat_of_the_house"
    assert added.unique_id == statistic_id
    rows = await recorded(hass, statistic_id)
    assert [(row["start"], row["sum"]) for row in rows] == [
        (START.timestamp() + number * HOUR, value) for number, value in enumerate([1, 2.5, 4])
    ]
    found = await in_recorder(hass, lambda: get_metadata(hass, statistic_ids={statistic_id}))
    _, metadata = found[statistic_id]
    assert metadata == {
        "has_mean": False,
        "mean_type": 0,
        "has_sum": True,
        "name": "Heat of the house",
        "source": "bigquery_export",
        "statistic_id": statistic_id,
        "unit_class": "energy",
        "unit_of_measurement": "kWh",
    }


async def test_a_mean(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A mean has its extremes, and a sum beside it its state."""
    sql = rows_of(
        f"TIMESTAMP '{START.isoformat()}' AS start, 1 AS sum, 2 AS state, 3.5 AS mean, 3 AS min,"
        " NUMERIC '4' AS max"
    )
    added = await add_query(hass, entry, "statistic", "All", query=sql)
    (row,) = await recorded(hass, added.unique_id or "")
    values = {name: row[name] for name in ("sum", "state", "mean", "min", "max")}
    assert values == {"sum": 1, "state": 2, "mean": 3.5, "min": 3, "max": 4}


LIGHT = [
    ("2026-10-24 20:00:00+00:00", "on"),
    ("2026-10-25 00:30:00+00:00", "off"),  # 02:30, the first time
    ("2026-10-25 01:15:00+00:00", "on"),  # 02:15, the second time
    ("2026-10-25 22:45:00+00:00", "off"),  # 23:45 in winter
    ("2026-10-25 23:30:00+00:00", "on"),
    ("2026-10-26 01:00:00+00:00", "off"),
]


def on_page(warehouse: Warehouse, page: Path, title: str) -> str:
    """Return the query under a heading of the documentation, as of the end of that October."""
    (query,) = (query for query in queries(page) if query.title == title)
    sql = query.sql.replace("my-project.home_assistant", f"{warehouse.project}.home")
    sql = sql.replace("CURRENT_TIMESTAMP()", "TIMESTAMP '2026-10-31'")
    return sql.replace("Europe/Amsterdam", "Europe/Berlin")


async def test_light_hours_by_day(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """By day of the home a statistic is what SQL says of these days, also of one of 25 hours."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    for time, state in LIGHT:
        moment = datetime.fromisoformat(time).timestamp()
        hass.states.async_set("light.kitchen", state, timestamp=moment)
    await export(hass)
    sql = on_page(warehouse, ROOT / "docs" / "questions.md", "A statistic")
    added = await add_query(hass, entry, "statistic", "Light", query=sql, unit_of_measurement="h")
    days = await recorded(hass, added.unique_id or "", "day")
    of_recorder = {
        datetime.fromtimestamp(row["start"], BERLIN).date().isoformat(): round(row["change"], 1)
        for row in days
    }
    by_day = on_page(warehouse, COOKBOOK, "How long was the light on each day?")
    of_sql = warehouse.server.query(by_day, warehouse.project)
    assert of_recorder == {row["day"]: float(row["hours"]) for row in of_sql}
    assert of_recorder == {"2026-10-24": 2.0, "2026-10-25": 24.0, "2026-10-26": 1.5}


async def test_kept_up_to_date(
    hass: HomeAssistant, entry: MockConfigEntry, clock: list[float]
) -> None:
    """Only hours that differ are handed over; where some are gone, all are."""
    handed: list[int] = []

    def follow(hass: HomeAssistant, metadata: Any, statistics: Any) -> None:
        handed.append(len(statistics))
        async_add_external_statistics(hass, metadata, statistics)

    # Each hour begins where the answer counts states, so that exports change it.
    sql = (
        "SELECT TIMESTAMP_ADD(TIMESTAMP '2026-01-01 00:00:00+00:00', INTERVAL n HOUR) AS start,"
        " n * 1.5 AS sum FROM (SELECT COUNT(*) AS c FROM sensor_data"
        " WHERE entity_id LIKE 'sensor.s%')"
        " CROSS JOIN UNNEST(GENERATE_ARRAY(IF(c > 9, 2, 0), c)) AS n"
    )
    with patch.object(external_statistics, "async_add_external_statistics", follow):
        added = await add_query(hass, entry, "statistic", "Rows", query=sql)
        statistic_id = added.unique_id or ""
        assert [row["sum"] for row in await recorded(hass, statistic_id)] == [0, 1.5, 3, 4.5]
        assert handed == [4]
        clock[0] = 30 * HOUR
        await export(hass)
        assert len(await recorded(hass, statistic_id)) == 7
        assert handed == [4, 3]
        clock[0] = 60 * HOUR
        await export(hass)
        assert len(await recorded(hass, statistic_id)) == 10
        clock[0] = 90 * HOUR
        await export(hass)
        rows = await recorded(hass, statistic_id)
        assert [row["sum"] for row in rows] == [n * 1.5 for n in range(2, 13)]
        assert handed == [4, 3, 3, 11]
        await export(hass)
        assert handed == [4, 3, 3, 11]


async def test_pieces(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Years are handed over in pieces, and the recorder writes each before the next one comes."""
    handed: list[tuple[int, int]] = []

    def follow(hass: HomeAssistant, metadata: Any, statistics: Any) -> None:
        handed.append((len(statistics), recorder_mock.backlog))
        async_add_external_statistics(hass, metadata, statistics)

    recorder_mock = hass.data["recorder_instance"]
    sql = (
        "SELECT TIMESTAMP_ADD(TIMESTAMP '2020-01-01 00:00:00+00:00', INTERVAL n HOUR) AS start,"
        " n AS mean FROM UNNEST(GENERATE_ARRAY(0, 2499)) AS n"
    )
    with patch.object(external_statistics, "async_add_external_statistics", follow):
        added = await add_query(hass, entry, "statistic", "Long", query=sql)
    assert handed == [(1_000, 0), (1_000, 0), (500, 0)]
    rows = await recorded(hass, added.unique_id or "")
    assert [row["mean"] for row in rows] == list(range(2_500))


ONE = f"TIMESTAMP '{START.isoformat()}' AS start"
HALF = f"TIMESTAMP '{(START + timedelta(minutes=30)).isoformat()}' AS start"
NEXT = f"TIMESTAMP '{(START + timedelta(hours=1)).isoformat()}' AS start"
BAD = [
    (
        f"TIMESTAMP '{(START + timedelta(minutes=30)).isoformat()}' AS start, 2 AS sum",
        "no full hour",
    ),
    ("CAST(NULL AS TIMESTAMP) AS start, 2 AS sum", "start NULL"),
    (f"{ONE}, 2 AS sum", "Two rows have the start 2026-10-24T12:00:00+00:00"),
    (f"{NEXT}, NULL AS sum", "in sum"),
    (
        f"{NEXT}, CAST('inf' AS FLOAT64) AS sum",
        "The hour 2026-10-24T13:00:00+00:00 has no finite number in sum",
    ),
]


@pytest.mark.parametrize(("row", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
async def test_bad_rows(
    hass: HomeAssistant, entry: MockConfigEntry, row: str, sentence: str
) -> None:
    """A row that is none of an hour is a repair that says which, and no hour is written."""
    added = await add_query(
        hass, entry, "statistic", "Bad", query=rows_of(f"{ONE}, 1.0 AS sum", row)
    )
    assert await recorded(hass, added.unique_id or "") == []
    issue = issues_of(hass)["queries_failed"]
    assert issue is not None
    assert issue["queries"] == "Bad"
    assert sentence in issue["problem"]
    await change_query(hass, entry, added, query=sums(START, [5]))
    assert len(await recorded(hass, added.unique_id or "")) == 1
    assert "queries_failed" not in issues_of(hass)


async def test_changed_query(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The hours of another query replace those of the one before, as soon as it works."""
    added = await add_query(hass, entry, "statistic", "Any", query=sums(START, [1, 2, 3]))
    statistic_id = added.unique_id or ""
    await change_query(hass, entry, added, query=rows_of(f"{ONE}, 1.0 AS sum", f"{ONE}, 2 AS sum"))
    assert [row["sum"] for row in await recorded(hass, statistic_id)] == [1, 2, 3]
    means = sums(START, [4, 5, 6]).replace("AS sum", "AS mean")
    await change_query(hass, entry, added, query=means, unit_of_measurement="W")
    rows = await recorded(hass, statistic_id)
    assert [(row["mean"], row.get("sum")) for row in rows] == [(4, None), (5, None), (6, None)]
    found = await in_recorder(hass, lambda: get_metadata(hass, statistic_ids={statistic_id}))
    _, metadata = found[statistic_id]
    assert (metadata["unit_of_measurement"], metadata["has_sum"]) == ("W", False)
    await change_query(hass, entry, added, query=sums(START, [7]))
    assert [row["sum"] for row in await recorded(hass, statistic_id)] == [7]


async def test_removal(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """With its subentry a statistic goes, also where the export did not run; others stay."""
    one, other, third = [
        await add_query(hass, entry, "statistic", name, query=sums(START, [1, 2]))
        for name in ("One", "Other", "Third")
    ]
    assert hass.config_entries.async_remove_subentry(entry, one.subentry_id)
    await settled(hass)
    assert await recorded(hass, one.unique_id or "") == []
    found = await in_recorder(hass, lambda: get_metadata(hass, statistic_source="bigquery_export"))
    assert found.keys() == {other.unique_id, third.unique_id}
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert hass.config_entries.async_remove_subentry(entry, other.subentry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    assert await recorded(hass, other.unique_id or "") == []
    assert len(await recorded(hass, third.unique_id or "")) == 2
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert await recorded(hass, third.unique_id or "") == []


async def test_added_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A statistic that has the id of one that was removed has its own hours alone."""
    first = await add_query(hass, entry, "statistic", "Same", query=sums(START, [1, 2, 3]))
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert hass.config_entries.async_remove_subentry(entry, first.subentry_id)
    put_query(hass, entry, "statistic", "Same", unique_id="same", query=sums(START, [7]))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    rows = await recorded(hass, first.unique_id or "")
    assert [row["sum"] for row in rows] == [7]


async def test_interrupted(hass: HomeAssistant, entry: MockConfigEntry, clock: list[float]) -> None:
    """Hours that were not handed over, as Home Assistant has ended, are so the next time."""
    calls = 0

    def crash(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("the process has ended")
        async_add_external_statistics(*args)

    sql = (
        "SELECT TIMESTAMP_ADD(TIMESTAMP '2020-01-01 00:00:00+00:00', INTERVAL n HOUR) AS start,"
        " n AS mean FROM UNNEST(GENERATE_ARRAY(0, 1499)) AS n"
    )
    with patch.object(external_statistics, "async_add_external_statistics", crash):
        added = await add_query(hass, entry, "statistic", "Long", query=sql)
    statistic_id = added.unique_id or ""
    assert len(await recorded(hass, statistic_id)) == 1_000
    clock[0] = HOUR
    await export(hass)
    assert len(await recorded(hass, statistic_id)) == 1_500


async def test_unload_while_hours_are_written(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """An export that is unloaded does not wait for the recorder; the next start writes the rest."""
    sql = (
        "SELECT TIMESTAMP_ADD(TIMESTAMP '2020-01-01 00:00:00+00:00', INTERVAL n HOUR) AS start,"
        " n AS mean FROM UNNEST(GENERATE_ARRAY(0, 3999)) AS n"
    )
    handed = asyncio.Event()

    def follow(*args: Any) -> None:
        async_add_external_statistics(*args)
        handed.set()

    with patch.object(external_statistics, "async_add_external_statistics", follow):
        added = put_query(hass, entry, "statistic", "Long", unique_id="long", query=sql)
        await handed.wait()
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert 1_000 <= len(await recorded(hass, added.unique_id or "")) < 4_000
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    assert len(await recorded(hass, added.unique_id or "")) == 4_000


async def test_not_sent_back(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What came from BigQuery is not exported, corrected or restored; other statistics are."""
    await add_query(hass, entry, "statistic", "Mine", query=sums(START, [1, 2, 3]))
    metadata: Any = {
        "mean_type": 0,
        "has_sum": True,
        "name": None,
        "source": "other",
        "statistic_id": "other:mine",
        "unit_class": None,
        "unit_of_measurement": None,
    }
    async_add_external_statistics(hass, metadata, [{"start": START, "sum": 1.0}])
    await async_wait_recording_done(hass)
    table = f"{warehouse.project}.home.statistics"
    for _ in range(2):
        await export(hass)
        found = warehouse.server.query(
            f"SELECT DISTINCT statistic_id FROM `{table}`",  # noqa: S608
            warehouse.project,
        )
        assert found == [{"statistic_id": "other:mine"}]
        assert await hass.config_entries.async_reload(entry.entry_id)
    (mine,) = entry.subentries.values()
    await change_query(hass, entry, mine, query=sums(START, [1, 2, 5]))
    await hass.services.async_call(
        "bigquery_export", "export_now", {"force": True}, blocking=True, return_response=True
    )
    found = warehouse.server.query(
        f"SELECT DISTINCT statistic_id FROM `{table}`",  # noqa: S608
        warehouse.project,
    )
    assert found == [{"statistic_id": "other:mine"}]


def test_too_long() -> None:
    """An answer that is cut off is not written."""
    columns = (Column("start", "TIMESTAMP"), Column("sum", "FLOAT"))
    rows = [{"start": START.isoformat(), "sum": 1.0}]
    columns_found, hours = hours_of(Answer(columns, rows, False, 0, False))
    assert columns_found == ("sum",)
    assert hours == {START.timestamp(): (None, 1.0, None, None, None)}
    with pytest.raises(StatisticTooLongError):
        hours_of(Answer(columns, rows, True, 0, False))
