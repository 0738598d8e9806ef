"""Energy and costs in BigQuery, compared with what Home Assistant shows of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    async_import_statistics,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.rows.relationships import RELATIONSHIPS
from custom_components.bigquery_export.rows.statistics import STATISTICS
from tests.bigquery_export.support.exporter import PLACE, Exporter
from tests.bigquery_export.support.warehouse import Warehouse
from tests.documentation.history import History

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 10, 20, tzinfo=PLACE.zone)
"""Five days before clocks are set back, in the night to the 25th of October."""
DAYS = 9
METERS = {"sensor.bought": "kWh", "sensor.sun": "Wh", "utility:gas": "m³"}
COST = "sensor.bought_cost"
UNITS = {**METERS, COST: "EUR"}
UNIT_CLASSES = {"m³": "volume", "EUR": None}


def metadata(statistic_id: str, unit: str) -> Any:
    """Return what a statistic is."""
    return {
        "statistic_id": statistic_id,
        "source": "recorder" if "." in statistic_id else statistic_id.partition(":")[0],
        "name": None,
        "unit_of_measurement": unit,
        "unit_class": UNIT_CLASSES.get(unit, "energy"),
        "mean_type": StatisticMeanType.NONE,
        "has_sum": True,
    }


def hours(factor: float) -> list[Any]:
    """Return the hours of a meter, which is silent for half a day and begins again once."""
    rows = []
    for number in range(-30, 24 * DAYS):
        start = BEGIN.astimezone(UTC) + number * HOUR
        if 100 <= number < 112:
            continue
        grown = factor * (number + 31 + (number % 7) / 4)
        state = grown if number < 150 else grown - factor * 181
        rows.append({"start": start, "state": state, "sum": grown})
    return rows


async def counted(hass: HomeAssistant, period: str) -> dict[tuple[str, datetime], float]:
    """Return what Home Assistant counts for each day or hour, by statistic and beginning."""
    rows: Any = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        hass,
        BEGIN,
        BEGIN + timedelta(days=DAYS),
        set(UNITS),
        period,
        {"energy": "kWh"},
        {"change"},
    )
    return {
        (statistic_id, datetime.fromtimestamp(row["start"], UTC)): row["change"]
        for statistic_id, changes in rows.items()
        for row in changes
    }


async def answer(hass: HomeAssistant, warehouse: Warehouse, function: str) -> list[dict[str, Any]]:
    """Return what a function says of the same time."""
    end = BEGIN + timedelta(days=DAYS)
    query = f"SELECT * FROM home.{function}(TIMESTAMP '{BEGIN}', TIMESTAMP '{end}')"  # noqa: S608
    return await hass.async_add_executor_job(warehouse.server.query, query, warehouse.project)


@pytest.mark.usefixtures("socket_enabled")
async def test_same_as_home_assistant(
    hass: HomeAssistant, exporter: Exporter, warehouse: Warehouse
) -> None:
    """Days and hours have what Home Assistant counts, over DST, silence and a new meter."""
    await hass.config.async_set_time_zone(str(PLACE.zone))
    home = History({})
    for place, (statistic_id, unit) in enumerate(UNITS.items(), 1):
        add = async_import_statistics if "." in statistic_id else async_add_external_statistics
        add(hass, metadata(statistic_id, unit), hours(place))
        type_ = "entity" if "." in statistic_id else "statistic"
        if statistic_id in METERS:
            home.edge(f"energy_flow:device measured_by {type_}:{statistic_id}")
    home.edge(f"sensor.bought has_cost {COST}")
    await async_wait_recording_done(hass)
    await hass.async_add_executor_job(warehouse.create_table, STATISTICS, RELATIONSHIPS)
    await hass.async_add_executor_job(home.send, warehouse)
    exporter.tables = (STATISTICS.name,)
    await exporter.export()

    days = {
        (name, str(start.astimezone(PLACE.zone).date())): change
        for (name, start), change in (await counted(hass, "day")).items()
    }
    assert len(days) == DAYS * len(UNITS)
    rows = await answer(hass, warehouse, "daily_energy")
    found = {(row["statistic_id"], row["day"]): float(row["amount"]) for row in rows}
    found |= {(COST, row["day"]): float(row["cost"]) for row in rows if row["cost"]}
    assert found == pytest.approx(days)
    assert {row["unit"] for row in rows} == {"kWh", "m³"}

    expected = {
        key: change
        for key, change in (await counted(hass, "hour")).items()
        if key[0] in ("sensor.bought", COST)
    }
    rows = await answer(hass, warehouse, "energy_cost")
    starts = [datetime.fromtimestamp(int(row["start"]) / 1_000_000, UTC) for row in rows]
    assert {row["statistic_id"] for row in rows} == {"sensor.bought"}
    found_hours = {}
    for row, start in zip(rows, starts, strict=True):
        found_hours["sensor.bought", start] = float(row["amount"])
        found_hours[COST, start] = float(row["cost"])
        local = start.astimezone(PLACE.zone)
        assert (row["day"], int(row["hour_of_day"])) == (str(local.date()), local.hour)
    assert found_hours == pytest.approx(expected)
    assert [row["day"] for row in rows].count("2026-10-25") == 25
