"""Comparing the recorder with BigQuery, and sending again what BigQuery lacks."""

from datetime import datetime, time, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.const import (
    CONF_EVENTS,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
)
from custom_components.bigquery_export.export import partition_cache
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.exported_rows import log_rows
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_corrections import START, record_statistics
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

FIRST = dt_util.utcnow().date() - timedelta(days=3)
DAYS = {"start_date": FIRST.isoformat(), "end_date": (FIRST + timedelta(days=1)).isoformat()}
MONTH = datetime.fromtimestamp(START, dt_util.UTC).date()


async def live(hass: HomeAssistant) -> None:
    """Have two days of states and events, some of a state that began the day before."""
    noon = datetime.combine(FIRST, time(12), dt_util.UTC)
    er.async_get(hass).async_get_or_create("sensor", "x", "b", suggested_object_id="b")
    for day in range(2):
        for number in range(5):
            at = (noon + timedelta(days=day, minutes=number)).timestamp()
            for index, name in enumerate("abc"):
                hass.states.async_set(f"sensor.{name}", f"{day} {number}", timestamp=at + index / 7)
            hass.states.async_set("sensor.still", "on", {"n": number}, timestamp=at)
            data = {"entity_id": f"sensor.{'ab'[day]}", "n": number}
            hass.bus.async_fire("bell_rang", data, time_fired=at)
    await async_wait_recording_done(hass)
    await record_statistics(hass)


ALIKE: dict[str, Any] = {
    name: {} for name in ("sensor_data", "statistics", "events", "recorder_runs")
}
OPTIONS = {CONF_TABLES: list(ALIKE), CONF_EVENTS: ["bell_rang"]}
LONG = pytest.mark.parametrize("recorder_config", [{"auto_purge": False, "purge_keep_days": 500}])
SEPTEMBER = {"start_date": str(MONTH), "end_date": str(MONTH), "tables": "statistics"}


async def export_two_days(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have a history, and export all of it but for one entity."""
    options = {**OPTIONS, "exclude": {"entities": ["sensor.c"]}}
    hass.config_entries.async_update_entry(entry, options=options)
    await live(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await act(hass, "export_now")


async def verify(hass: HomeAssistant, **data: Any) -> tuple[dict[str, Any], Any]:
    """Return what is not alike by table, and the response."""
    response = await act(hass, "verify", **DAYS, **data)
    return {
        name: {key: n for key in ("missing", "duplicated") if (n := table["total"][key])}
        for name, table in response["tables"].items()
    }, response


async def spoil(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Delete rows in BigQuery, put one there twice, and rename an entity."""
    noon = f"TIMESTAMP '{FIRST} 12:00:00+00'"
    for sql in (
        "DELETE FROM home.sensor_data WHERE last_updated = NOON AND entity_id = 'sensor.a'",
        "DELETE FROM home.sensor_data WHERE entity_id IN ('sensor.still', 'sensor.b')"
        " AND last_updated > TIMESTAMP_ADD(NOON, INTERVAL 86520 SECOND)",
        "INSERT INTO home.sensor_data SELECT * FROM home.sensor_data"
        " WHERE entity_id = 'sensor.a' AND last_updated = TIMESTAMP_ADD(NOON, INTERVAL 60 SECOND)",
        "DELETE FROM home.events WHERE entity_id = 'sensor.b'",
        "DELETE FROM home.statistics WHERE statistic_id = 'sensor.meter'",
    ):
        warehouse.server.query(sql.replace("NOON", noon), warehouse.project)
    er.async_get(hass).async_update_entity("sensor.b", new_entity_id="sensor.moved")
    await async_wait_recording_done(hass)


@LONG
async def test_verify(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is missing or twice is found by listing, and the same by a query."""
    monkeypatch.setattr(partition_cache, "_PAUSE_EVERY", 15)
    await export_two_days(hass, entry)
    # A time that BigQuery does not know, of an entity that is not exported.
    odd = "SELECT MAX(state_id) FROM states WHERE state = '1 4'"
    await execute(hass, f"UPDATE states SET last_updated_ts = 1e18 WHERE state_id = ({odd})")  # noqa: S608
    found, response = await verify(hass)
    assert found == ALIKE
    # A state is in the partition of the day on which it began, and known by when it was written.
    states = response["tables"]["sensor_data"]
    days = {day: (counts["recorder"], counts["bigquery"]) for day, counts in states["days"].items()}
    assert days == {DAYS["start_date"]: (20, 20), DAYS["end_date"]: (10, 10)}
    assert states["left_out"] == 9
    assert response["rows_listed"] == 40
    assert "all 40 exported rows" in response["summary"]

    query = {"method": "query"}
    with pytest.raises(HomeAssistantError, match="BigQuery Job User on the project"):
        await act(hass, "verify", **query, dry_run=True)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    price = await act(hass, "verify", **query, dry_run=True)
    assert price["summary"].startswith(f"The query would read {price['query_bytes']:,} bytes")
    assert price["query_cost"] > 0
    assert "tables" not in price
    assert (await act(hass, "verify", dry_run=True))["summary"].startswith("Listing rows is free")
    found, by_query = await verify(hass, **query)
    assert found == ALIKE
    assert by_query["total"] == response["total"]
    assert by_query["rows_listed"] == 0

    await spoil(hass, warehouse)
    lacking = {**ALIKE, "sensor_data": {"missing": 6, "duplicated": 1}, "events": {"missing": 5}}
    found, response = await verify(hass)
    assert found == lacking
    assert response["summary"].startswith("BigQuery lacks 11 of 40 exported rows")
    assert response["tables"]["events"]["days"].keys() == set(DAYS.values())
    found, by_query = await verify(hass, **query)
    assert found == lacking
    assert by_query["total"] == response["total"]
    assert 0 < by_query["rows_listed"] < response["rows_listed"]
    total = (await act(hass, "verify", **SEPTEMBER))["total"]
    assert total == {**total, "recorder": 8, "bigquery": 6, "missing": 2}
    summary = (await act(hass, "verify", **(DAYS | {"tables": "statistics"})))["summary"]
    assert summary.startswith("There are no exported rows")
    assert await hass.config_entries.async_unload(entry.entry_id)


@LONG
async def test_force(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What BigQuery lacks is sent again once: a part of it, all, and what was not chosen before."""
    await export_two_days(hass, entry)
    logged = log_rows(warehouse)
    await spoil(hass, warehouse)
    sent = await act(
        hass,
        "export_now",
        force=True,
        tables=["sensor_data", "recorder_runs"],
        entities=["sensor.a", "sensor.moved"],
        end=f"{DAYS['end_date']}T00:00:00+00:00",
    )
    assert sent["sent_again"] == {"sensor_data": 1}
    assert sent["rows"].keys() == {"sensor_data", "recorder_runs"}
    start = f"{FIRST}T00:00:00+00:00"
    sent = await act(hass, "export_now", force=True, entities=["sensor.moved"], start=start)
    assert sent["sent_again"] == {"sensor_data": 3, "events": 0, "statistics": 0}
    assert len(warehouse.rows("state", "entity_id = 'sensor.moved'")) == 3

    # What was rejected is not missing, and left to another action.
    at = datetime.combine(FIRST, time(13), dt_util.UTC).timestamp()
    hass.states.async_set("sensor.late", "1", timestamp=at)
    await async_wait_recording_done(hass)
    with monkeypatch.context() as patch:
        patch.setattr(AppendConnection, "send", lambda *_: {0: "not today"})
        await act(hass, "export_now")
    sent = await act(hass, "export_now", force=True)
    assert sent["sent_again"] == {
        **{"sensor_data": 2, "statistics": 10, "events": 5, "recorder_runs": 0}
    }
    found, response = await verify(hass)
    assert found == {**ALIKE, "sensor_data": {"duplicated": 1}}
    assert (response["total"]["recorder"], response["total"]["rejected"]) == (41, 1)
    assert "and 1 duplicates" in response["summary"]

    hass.config_entries.async_update_entry(entry, options=OPTIONS)
    assert await hass.config_entries.async_reload(entry.entry_id)
    sent = await act(hass, "export_now", force=True, tables=["sensor_data"])
    assert sent["sent_again"] == {"sensor_data": 10}
    assert (await verify(hass))[0] == {**ALIKE, "sensor_data": {"duplicated": 1}}
    assert log_rows(warehouse) > logged
    assert await hass.config_entries.async_unload(entry.entry_id)
