"""Histories as one series, from the recorder what it has and from BigQuery the rest."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import get_ident
from typing import Any

from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_purge_done,
    async_wait_recording_done,
)

from custom_components.bigquery_export.actions import history_fields
from custom_components.bigquery_export.const import (
    CONF_HIDDEN,
    CONF_PRIVACY,
    CONF_QUERIES,
    CONF_TABLES,
)
from custom_components.bigquery_export.query import state_series, statistic_series
from custom_components.bigquery_export.query.statistic_series import StatisticSeries
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from tests.bigquery_export.support.actions import act, act_as, export_now
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.lost_home import (
    BEGIN,
    KINDS,
    TYPES,
    lose_database,
    record_history,
)
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("set_up")
STATISTICS_ONLY = pytest.mark.parametrize("options", [{CONF_TABLES: ["statistics"]}])
HOURS = range(24 * 70)
PURGED = 24 * 40 + 7
"""The recorder's first hour afterwards: in the middle of a day, a week and a month."""
FIELDS = ("mean", "min", "max", "state", "sum", "change")


def at(hour: int) -> datetime:
    """Return when an hour of the history begins."""
    return datetime.fromtimestamp(BEGIN + hour * 3_600, UTC)


async def expected(
    hass: HomeAssistant, start: datetime, end: datetime, period: Any
) -> Mapping[str, Any]:
    """Return what Home Assistant says of the history."""
    return await in_recorder(
        hass,
        lambda: statistics_during_period(hass, start, end, None, period, None, TYPES),  # type: ignore[arg-type]
    )


@STATISTICS_ONLY
async def test_statistics(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """By each period they are as they were before the recorder lost its first half."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    await record_history(hass, HOURS)
    start, end = at(24 * 5 + 3), at(24 * 60)
    before = {
        period: await expected(hass, start, end, period)
        for period in ("hour", "day", "week", "month")
    }
    await export_now(hass)
    warehouse.make_views(STATISTICS)
    names = [kind.statistic_id for kind in KINDS]
    data = {"statistic_ids": names, "start_time": start.isoformat(), "end_time": end.isoformat()}
    free = await act(hass, "get_statistics", **data)
    assert free["bytes_billed"] == warehouse.server.billed(warehouse.project) == 0
    await execute(hass, "DELETE FROM statistics WHERE start_ts < ?", at(PURGED).timestamp())
    for period, truth in before.items():
        wanted = names[:2] if period == "hour" else names
        asked = {**data, "period": period, "statistic_ids": wanted}
        found = await act(hass, "get_statistics", **asked)
        assert found["statistics"].keys() == set(wanted)
        assert found["bytes_billed"] == 10 * 2**20
        assert not found["truncated"]
        for name in wanted:
            rows = [shown(row) for row in truth[name]]
            if truth[name][0]["start"] <= BEGIN:
                rows[0].pop("change", None)  # Nothing before it is known.
            assert found["statistics"][name] == rows, (period, name)
            sources = found["sources"][name]
            assert [source["source"] for source in sources] == ["bigquery", "recorder"]
            assert datetime.fromisoformat(sources[1]["start"]) == at(PURGED)
    assert found["units"]["sensor.kitchen"] == "°C"


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of Home Assistant's as the action has it."""
    values = {field: row[field] for field in FIELDS if row.get(field) is not None}
    start = dt_util.as_local(dt_util.utc_from_timestamp(row["start"])).isoformat()
    return {"start": start, **{field: pytest.approx(value) for field, value in values.items()}}


@STATISTICS_ONLY
async def test_a_recorder_that_was_lost(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Sums go on where a new database counts from 0 again, and values are in its units."""
    kinds = [kind for kind in KINDS if kind.statistic_id in ("sensor.meter", "sensor.water")]
    await record_history(hass, range(48), kinds)
    await export_now(hass)
    warehouse.make_views(STATISTICS)
    await lose_database(hass, range(50, 72), kinds)
    found = await act(
        hass,
        "get_statistics",
        statistic_ids=["sensor.meter", "sensor.water", "sensor.nothing"],
        start_time=at(1).isoformat(),
        end_time=at(72).isoformat(),
        period="hour",
    )
    assert found["units"] == {"sensor.meter": "kWh", "sensor.water": "m³", "sensor.nothing": None}
    for name, factor in (("sensor.meter", 1.0), ("sensor.water", 0.001)):
        kind = next(kind for kind in kinds if kind.statistic_id == name)
        hours = [*range(1, 48), *range(50, 72)]
        sums = [kind.values(hour, factor=factor)["sum"] for hour in hours]
        rows = found["statistics"][name]
        assert [row["sum"] for row in rows] == pytest.approx(sums)
        assert sum(row["change"] for row in rows) == pytest.approx(sums[-1])
    assert found["statistics"]["sensor.nothing"] == []


@STATISTICS_ONLY
async def test_what_costs_no_query(
    hass: HomeAssistant, warehouse: Warehouse, entry: MockConfigEntry
) -> None:
    """Hours that the recorder has are answered without BigQuery, even if queries are off."""
    await record_history(hass, range(48), KINDS[:1])
    hass.config_entries.async_update_entry(entry, options={**entry.options, CONF_QUERIES: False})
    data = {"statistic_ids": "sensor.kitchen", "period": "day"}
    await hass.async_block_till_done()
    assert await hass.config_entries.async_reload(entry.entry_id)
    found = await act(hass, "get_statistics", start_time=at(24).isoformat(), **data)
    assert found["sources"]["sensor.kitchen"][0]["source"] == "recorder"
    with pytest.raises(HomeAssistantError, match="Turn on Allow queries"):
        await act(hass, "get_statistics", start_time=at(-48).isoformat(), **data)
    assert warehouse.server.billed(warehouse.project) == 0


async def record_days(hass: HomeAssistant) -> None:
    """Record a lamp that was switched at noon on each of five days."""
    noon = dt_util.utcnow().replace(hour=12, minute=0, second=0, microsecond=0)
    for days in range(5, 0, -1):
        for minutes, state in ((0, "on"), (60, "off"), (90, "off")):
            time = noon - timedelta(days=days) + timedelta(minutes=minutes)
            hass.states.async_set(
                "light.lamp", state, {"minutes": minutes}, timestamp=time.timestamp()
            )
    await async_wait_recording_done(hass)


async def purge(hass: HomeAssistant, keep_days: int) -> None:
    """Let the recorder forget what is older."""
    await hass.services.async_call(
        "recorder", "purge", {"keep_days": keep_days, "apply_filter": False}, blocking=True
    )
    await async_wait_purge_done(hass)


@pytest.mark.parametrize("options", [{}, {CONF_PRIVACY: {CONF_HIDDEN: ["light.*"]}}])
async def test_states(hass: HomeAssistant, warehouse: Warehouse, options: Any) -> None:
    """States are those of before the recorder forgot them, also under a pseudonym."""
    await record_days(hass)
    data = {
        "entity_ids": "light.lamp",
        "start_time": (dt_util.utcnow() - timedelta(days=7)).isoformat(),
        "end_time": dt_util.utcnow().isoformat(),
    }
    await export_now(hass)
    warehouse.make_views(SENSOR_DATA)
    before = await act(hass, "get_history", **data)
    assert [row["state"] for row in before["history"]["light.lamp"]] == ["on", "off"] * 5
    await purge(hass, 3)
    after = await act(hass, "get_history", **data)
    assert after["history"] == before["history"]
    sources = after["sources"]["light.lamp"]
    assert [source["source"] for source in sources] == ["bigquery", "recorder"]
    assert after["bytes_billed"] == 10 * 2**20
    middle = dt_util.utcnow().replace(hour=12, minute=10) - timedelta(days=4)
    part = await act(
        hass, "get_history", **{**data, "start_time": middle.isoformat(), "max_rows": 2}
    )
    assert part["truncated"]
    assert [row["state"] for row in part["history"]["light.lamp"]][:1] == ["on"]


@pytest.mark.parametrize("options", [{CONF_TABLES: ["sensor_data", "statistics"]}])
async def test_threads(
    hass: HomeAssistant, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Series are joined, and responses made, on no thread of the event loop."""
    await record_history(hass, range(48), KINDS[:1])
    await record_days(hass)
    await export_now(hass)
    warehouse.make_views(SENSOR_DATA, STATISTICS)
    await execute(hass, "DELETE FROM statistics WHERE start_ts < ?", at(24).timestamp())
    await purge(hass, 3)
    threads: dict[str, set[int]] = {}
    for place, name in (
        (statistic_series, "_bucket"),
        (statistic_series, "merged"),
        (StatisticSeries, "rows"),
        (state_series, "_change"),
        (history_fields, "_sources"),
    ):
        note_threads(monkeypatch, place, name, threads.setdefault(name, set()))
    times = {"start_time": at(0).isoformat(), "end_time": dt_util.utcnow().isoformat()}
    await act(hass, "get_statistics", statistic_ids="sensor.kitchen", **times)
    times["start_time"] = (dt_util.utcnow() - timedelta(days=7)).isoformat()
    await act(hass, "get_history", entity_ids="light.lamp", **times)
    assert all(threads.values())
    assert {name for name, found in threads.items() if hass.loop_thread_id in found} == set()


def note_threads(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, threads: set[int]) -> None:
    """Note the threads in which a function is called."""
    function = getattr(place, name)

    def noting(*args: Any) -> Any:
        threads.add(get_ident())
        return function(*args)

    monkeypatch.setattr(place, name, noting)


async def test_what_is_refused(hass: HomeAssistant, hass_read_only_user: MockUser) -> None:
    """Times that end before they begin, series that are too long, and users who may not ask."""
    data = {"entity_ids": "light.lamp", "start_time": "2026-11-02", "end_time": "2026-11-01"}
    with pytest.raises(ServiceValidationError, match="Choose a later end"):
        await act(hass, "get_history", **data)
    with pytest.raises(ServiceValidationError, match="Choose a longer period, or fewer"):
        await act(
            hass,
            "get_statistics",
            statistic_ids="sensor.a",
            start_time="2020-01-01",
            period="hour",
        )
    with pytest.raises(Unauthorized):
        await act_as(
            hass, hass_read_only_user, "get_statistics", statistic_ids="a", start_time="2026-11-01"
        )
    with pytest.raises(Unauthorized):
        await act_as(
            hass, hass_read_only_user, "get_history", entity_ids="light.a", start_time="2026-11-01"
        )
